"""Hears words: pocketsphinx with the English model of its wheel."""

import threading
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from empatheia.common.v1 import affect_pb2
from empatheia.perception.v1 import perception_pb2
from numpy.typing import NDArray
from pocketsphinx import Decoder

from services.perception.recording import SAMPLE_RATE

MODEL_ID = "pocketsphinx en-us"
_FRAME_S = 0.01
_PRIMER = np.random.default_rng(0).normal(0, 100, SAMPLE_RATE // 4).astype(np.int16)
"""Faint noise, decoded before each utterance: the decoder keeps the Gaussians of its last frames, so that
without it one person's recording would colour the next one's transcript."""
_PART_S = 12.0
"""Longest stretch that is decoded in one go: the search slows down on longer ones."""


class Recognizer:
    """Turns speech into words. One utterance at a time; further callers wait."""

    def __init__(self) -> None:
        """Loads acoustic model, dictionary and language model from the wheel."""
        self._decoder = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL", cmn="batch", maxhmmpf=3000)
        self._lock = threading.Lock()

    def transcribe(
        self,
        sound: NDArray[np.float32],
        spans: Sequence[affect_pb2.TimeSpan],
        stopped: threading.Event,
    ) -> perception_pb2.Transcript:
        """Hears the words in the parts of a recording that hold speech.

        Args:
            sound: 16 kHz mono.
            spans: Parts with speech.
            stopped: Ends the work between parts.
        """
        words: list[perception_pb2.HeardWord] = []
        with self._lock:
            for start, end in _parts(spans):
                if stopped.is_set():
                    break
                words += self._hear(sound[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)], start)
        confidence = float(np.mean([word.confidence for word in words])) if words else 0.0
        return perception_pb2.Transcript(
            text=" ".join(word.text for word in words), words=words, confidence=confidence, speech=spans
        )

    def _hear(self, sound: NDArray[np.float32], start: float) -> list[perception_pb2.HeardWord]:
        peak = float(np.abs(sound).max(initial=0.0))
        pcm = (sound * (0.5 / max(peak, 1e-4)) * 32767).astype(np.int16)
        self._decode(_PRIMER)
        self._decode(pcm)
        if self._decoder.hyp() is None:
            return []
        return [
            perception_pb2.HeardWord(
                text=part.word.split("(")[0],
                start_s=start + part.start_frame * _FRAME_S,
                end_s=start + (part.end_frame + 1) * _FRAME_S,
                confidence=min(1.0, part.prob),
            )
            for part in self._decoder.seg()
            if part.word[0] not in "<[+"
        ]

    def _decode(self, pcm: NDArray[np.int16]) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), full_utt=True)
        self._decoder.end_utt()


def _parts(spans: Sequence[affect_pb2.TimeSpan]) -> list[tuple[float, float]]:
    """Joins neighbouring spans, so that words keep their context, up to the longest stretch."""
    parts: list[tuple[float, float]] = []
    for span in spans:
        if parts and span.end_s - parts[-1][0] <= _PART_S:
            parts[-1] = (parts[-1][0], span.end_s)
            continue
        pieces = max(1, int(np.ceil((span.end_s - span.start_s) / (2 * _PART_S))))
        parts += pairwise(np.linspace(span.start_s, span.end_s, pieces + 1).tolist())
    return parts
