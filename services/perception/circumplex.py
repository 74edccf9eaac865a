"""Where each of the 32 labels lies between unpleasant and pleasant, calm and excited.

The plane is Russell's circumplex (J. A. Russell 1980, "A circumplex model of affect"). The 32 words were
placed on it by hand, in steps of 0.1, to serve as an orientation: they are not measured norms.
"""

_POINTS: dict[str, tuple[float, float]] = {
    "afraid": (-0.7, 0.7),
    "angry": (-0.7, 0.7),
    "annoyed": (-0.5, 0.4),
    "anticipating": (0.4, 0.4),
    "anxious": (-0.5, 0.6),
    "apprehensive": (-0.4, 0.4),
    "ashamed": (-0.7, 0.1),
    "caring": (0.7, -0.1),
    "confident": (0.7, 0.3),
    "content": (0.8, -0.4),
    "devastated": (-0.9, 0.3),
    "disappointed": (-0.6, -0.2),
    "disgusted": (-0.8, 0.4),
    "embarrassed": (-0.5, 0.4),
    "excited": (0.8, 0.8),
    "faithful": (0.6, -0.2),
    "furious": (-0.8, 0.9),
    "grateful": (0.8, 0.0),
    "guilty": (-0.6, 0.1),
    "hopeful": (0.6, 0.2),
    "impressed": (0.7, 0.4),
    "jealous": (-0.5, 0.4),
    "joyful": (0.9, 0.5),
    "lonely": (-0.7, -0.3),
    "nostalgic": (0.2, -0.3),
    "prepared": (0.4, 0.0),
    "proud": (0.8, 0.4),
    "sad": (-0.8, -0.4),
    "sentimental": (0.2, -0.2),
    "surprised": (0.3, 0.8),
    "terrified": (-0.8, 0.9),
    "trusting": (0.6, -0.2),
}

VALENCE: dict[str, float] = {label: point[0] for label, point in _POINTS.items()}
"""From -1 (unpleasant) to 1 (pleasant), by label."""

AROUSAL: dict[str, float] = {label: point[1] for label, point in _POINTS.items()}
"""From -1 (calm) to 1 (excited), by label."""
