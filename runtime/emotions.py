"""The two emotion vocabularies and the map between them.

The 32 labels are those of EmpatheticDialogues (Rashkin et al. 2019), the 7 classes those of AvaMERG
(Zhang et al. 2025), and the map is the one the AvaMERG authors released.
"""

from collections.abc import Mapping

CLASSES: tuple[str, ...] = ("happy", "surprised", "angry", "fear", "sad", "disgusted", "contempt")
"""The 7 classes, in the order of the released data loader."""

NEUTRAL = "neutral"
"""Not a class of AvaMERG: a face or voice at rest."""

_LABELS_OF_CLASS: Mapping[str, tuple[str, ...]] = {
    "happy": (
        "anticipating",
        "caring",
        "confident",
        "content",
        "excited",
        "faithful",
        "grateful",
        "hopeful",
        "joyful",
        "prepared",
        "proud",
        "trusting",
    ),
    "surprised": ("devastated", "impressed", "surprised"),
    "angry": ("angry", "annoyed", "furious"),
    "fear": ("afraid", "apprehensive", "terrified"),
    "sad": (
        "anxious",
        "ashamed",
        "disappointed",
        "embarrassed",
        "guilty",
        "lonely",
        "nostalgic",
        "sad",
        "sentimental",
    ),
    "disgusted": ("disgusted",),
    "contempt": ("jealous",),
}

CLASS_OF_LABEL: Mapping[str, str] = {
    label: klass for klass, labels in _LABELS_OF_CLASS.items() for label in labels
}
"""The 7-class name of each of the 32 labels."""

LABELS: tuple[str, ...] = tuple(sorted(CLASS_OF_LABEL))
"""The 32 labels, in alphabetical order."""


def class_distribution(labels: Mapping[str, float]) -> dict[str, float]:
    """Sums a distribution over the 32 labels into one over the 7 classes.

    Args:
        labels: Probability by label; labels left out count as 0.

    Returns:
        Probability by class, every class present.
    """
    classes = dict.fromkeys(CLASSES, 0.0)
    for label, probability in labels.items():
        classes[CLASS_OF_LABEL[label]] += probability
    return classes
