"""What a recorded voice says, and when: for a face that is to speak it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from empatheia.common.v1 import content_pb2
    from numpy.typing import NDArray

    from services.perception.modalities.alignment import TimedSound

_NEEDED = {"pocketsphinx": "perception", "espeakng_loader": "synchronizer"}
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True)
class Said:
    """What moves the mouth."""

    segments: "list[content_pb2.ContentSegment]"
    """Sounds and mouth shapes; without any, the mouth follows the loudness."""
    how: str
    """Where they are from, for the person who reads it."""


def said(
    voice: "NDArray[np.int16]", rate: int, text: str, tell: Callable[[str], None] = lambda _: None
) -> Said:
    """Finds the sounds of a voice: of the words given, else of those that are heard. English only.

    Args:
        voice: One channel.
        rate: Samples a second.
        text: The words; empty if they are to be heard.
        tell: Told what is being done.

    Raises:
        InvalidInput: The text can't be what the voice says, or what is needed for it is not installed.
    """
    from runtime.errors import InvalidInput

    if not find_spec("pocketsphinx"):
        if text:
            raise InvalidInput.of(
                "--text",
                "needs pocketsphinx; run: pip install 'empatheia[perception]'",
                reason="NOT_INSTALLED",
            )
        return Said([], "the loudness alone: pocketsphinx is not installed")
    import numpy as np
    from av import AudioFrame, AudioResampler

    from runtime.espeak import espeak
    from runtime.spoken_text import spoken_text
    from services.perception.modalities.alignment import Aligner, heard_words
    from services.perception.recording import SAMPLE_RATE

    frame = AudioFrame.from_ndarray(voice[None], format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    parts = [part.to_ndarray()[0] for given in (frame, None) for part in resampler.resample(given)]
    sound = np.concatenate(parts)
    aligner = Aligner(lambda word: [one.ipa for one in espeak().speak(word).sounds])
    if text:
        tell("finding the words in the voice")
        wanted = _WORD.findall(spoken_text(text).text)
        words = aligner.words(sound, wanted)
        if not words:
            raise InvalidInput.of("--text", "can't be what the voice says", reason="OTHER_WORDS")
        how = f"the {len(words)} words of the text"
    else:
        tell("hearing the words")
        words = heard_words(sound)
        if not words:
            return Said([], "the loudness alone: no words were heard")
        how = f"{len(words)} words as heard: {' '.join(word.text for word in words)}"
    return Said(_segments(aligner.sounds(sound, words)), how)


def _segments(portions: "list[list[TimedSound]]") -> "list[content_pb2.ContentSegment]":
    from empatheia.common.v1 import content_pb2

    from services.synchronizer.visemes import shapes

    segments = []
    for index, sounds in enumerate(portions):
        segment = content_pb2.ContentSegment(index=index)
        for one in sounds:
            segment.phonemes.add(
                ipa=one.ipa, start_s=one.start_s, end_s=one.end_s, word=-1, stress=one.stress
            )
        for shape in shapes((one.ipa, one.stress, one.start_s, one.end_s) for one in sounds):
            segment.visemes.add(
                name=shape.name, start_s=shape.start_s, end_s=shape.end_s, weight=shape.weight
            )
        segments.append(segment)
    return segments
