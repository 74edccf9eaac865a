"""What the person said, turn by turn."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """One utterance of the person."""

    utterance: int
    """Its position in the dialogue, the listener's utterances counted."""
    text: str
