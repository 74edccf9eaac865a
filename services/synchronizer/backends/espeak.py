"""Plans with espeak-ng: the phonemes and times at which its own voice would speak."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from empatheia.common.v1 import content_pb2, service_pb2
from pydantic import BaseModel, ConfigDict, Field

from runtime.errors import InvalidInput
from runtime.espeak import Sound, espeak, voices
from runtime.spoken_text import SpokenText, spoken_text
from services.synchronizer.backends import SynchronizerBackend
from services.synchronizer.visemes import shapes

_SILENT_S = 0.25
"""Length of a segment that has nothing to say."""
_PAUSES_S = {".": 0.45, "!": 0.40, "?": 0.50, "…": 0.60, ",": 0.20, ";": 0.30, ":": 0.30}
_OTHER_PAUSE_S = 0.30


class Options(BaseModel):
    """Options of the backend."""

    model_config = ConfigDict(extra="forbid")

    words_per_minute: int = Field(165, ge=80, le=450)
    """Speed of the plan; a style changes it later, in the voice."""


class EspeakBackend(SynchronizerBackend):
    """See the module."""

    languages = voices()

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Loads espeak-ng.

        Raises:
            pydantic.ValidationError: An option is unknown or out of range.
        """
        self._options = Options.model_validate(options)
        self.model = service_pb2.ModelInfo(backend="espeak", model_id=f"espeak-ng {espeak().version}")

    def plan(self, index: int, text: str, language: str) -> content_pb2.ContentSegment:
        """See `SynchronizerBackend.plan`."""
        spoken = spoken_text(text)
        if spoken.unreadable and not spoken.words:
            raise InvalidInput.of(
                "sentence.text",
                f"{spoken.unreadable[0]!r} is in a script that {language} can't read aloud;"
                " send Latin letters",
                reason="UNKNOWN_SCRIPT",
            )
        sounds = self._sounds(spoken, language)
        if not sounds:
            sounds = (Sound("", 0, 0.0, _SILENT_S, 0),)
            spoken = SpokenText("", (), (), ())
        owners = _owners(sounds, spoken) if spoken.words else [-1]
        segment = content_pb2.ContentSegment(
            index=index,
            text=text,
            duration_s=sounds[-1].end_s,
            pause_s=_pause_after(text) if spoken.words else 0.0,
        )
        for sound, owner in zip(sounds, owners, strict=True):
            segment.phonemes.add(
                ipa=sound.ipa, start_s=sound.start_s, end_s=sound.end_s, word=owner, stress=sound.stress
            )
        reached = 0.0
        for i, word in enumerate(spoken.words):
            own = [s for s, owner in zip(sounds, owners, strict=True) if owner == i]
            start, end = (own[0].start_s, own[-1].end_s) if own else (reached, reached)
            reached = end
            segment.words.add(
                text=text[word.start : word.end],
                start_s=start,
                end_s=end,
                start_char=word.start,
                end_char=word.end,
            )
        for shape in shapes((s.ipa, s.stress, s.start_s, s.end_s) for s in sounds):
            segment.visemes.add(
                name=shape.name, start_s=shape.start_s, end_s=shape.end_s, weight=shape.weight
            )
        return segment

    def _sounds(self, spoken: SpokenText, language: str) -> tuple[Sound, ...]:
        if not spoken.text:
            return ()
        return (
            espeak()
            .speak(spoken.text, voice=language, words_per_minute=self._options.words_per_minute)
            .sounds
        )


def _owners(sounds: tuple[Sound, ...], spoken: SpokenText) -> list[int]:
    """The word of each sound; -1 for pauses.

    espeak-ng reads some word groups as one ("out of", "in the"): their sounds all come under the first word,
    and are shared out here by the number of letters.
    """
    owners = [spoken.word_at(sound.position) if sound.ipa else -1 for sound in sounds]
    present = sorted({owner for owner in owners if owner >= 0})
    for first, following in zip(present, [*present[1:], len(spoken.words)], strict=True):
        group = range(first, following)
        if len(group) == 1:
            continue
        letters = [spoken.words[i].end - spoken.words[i].start for i in group]
        places = [i for i, owner in enumerate(owners) if owner == first]
        bounds = [round(sum(letters[: k + 1]) / sum(letters) * len(places)) for k in range(len(group))]
        for rank, place in enumerate(places):
            owners[place] = first + next(k for k, bound in enumerate(bounds) if rank < bound)
    return owners


def _pause_after(text: str) -> float:
    for character in reversed(text):
        if character in _PAUSES_S:
            return _PAUSES_S["…"] if text.rstrip().endswith("...") else _PAUSES_S[character]
        if unicodedata.category(character)[0] in "LN":
            break
    return _OTHER_PAUSE_S
