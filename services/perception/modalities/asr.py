"""Hears words: pocketsphinx with the English model of its wheel, in a process of its own."""

import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from empatheia.common.v1 import affect_pb2
from empatheia.perception.v1 import perception_pb2
from numpy.typing import NDArray

from runtime.errors import ServiceDown
from services.perception.recording import SAMPLE_RATE

MODEL_ID = "pocketsphinx en-us"
_WORKER = "services.perception.modalities.asr_worker"
_FRAME_S = 0.01
_JOINED_S = 6.0
"""Up to this length, neighbouring stretches of speech are heard in one go, with their context."""
_LONGEST_S = 12.0
"""Longest stretch that is heard in one go, also where nobody pauses."""
_SIDE_BY_SIDE = 2
"""Stretches that are heard at the same time: cancellation is looked at in between."""


class Recognizer:
    """Turns speech into words. One stretch of speech at a time; further callers wait."""

    def __init__(self) -> None:
        """Starts the process, which loads acoustic model, dictionary and language model from the wheel."""
        self._lock = threading.Lock()
        self._worker = _start()

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            _end(self._worker)

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

        Raises:
            ServiceDown: The process died; a new one has been started.
        """
        words: list[perception_pb2.HeardWord] = []
        parts = _parts(spans)
        for first in range(0, len(parts), _SIDE_BY_SIDE):
            if stopped.is_set():
                break
            words += self._hear(sound, parts[first : first + _SIDE_BY_SIDE])
        confidence = float(np.mean([word.confidence for word in words])) if words else 0.0
        return perception_pb2.Transcript(
            text=" ".join(word.text for word in words), words=words, confidence=confidence, speech=spans
        )

    def _hear(
        self, sound: NDArray[np.float32], parts: Sequence[tuple[float, float]]
    ) -> list[perception_pb2.HeardWord]:
        stretches = [sound[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)] for start, end in parts]
        with self._lock:
            found = self._ask([_pcm(stretch) for stretch in stretches])
        return [
            perception_pb2.HeardWord(
                text=word.split("(")[0],
                start_s=start + first * _FRAME_S,
                end_s=start + (last + 1) * _FRAME_S,
                confidence=min(1.0, probability),
            )
            for (start, _), words in zip(parts, found, strict=True)
            for word, first, last, probability in words
        ]

    def _ask(self, stretches: Sequence[bytes]) -> Any:
        question = [struct.pack("<I", len(stretches))]
        question += [struct.pack("<I", len(pcm)) + pcm for pcm in stretches]
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        try:
            self._worker.stdin.write(b"".join(question))
            self._worker.stdin.flush()
            answer = self._worker.stdout.readline()
        except OSError:
            answer = b""
        if not answer:
            _end(self._worker)
            self._worker = _start()
            raise ServiceDown("the recognizer's process died; try again", reason="RECOGNIZER_DIED")
        found = json.loads(answer)
        if None in found:
            raise ServiceDown("the recognizer failed on this recording; try again", reason="RECOGNIZER_DIED")
        return found


def _pcm(sound: NDArray[np.float32]) -> bytes:
    peak = float(np.abs(sound).max(initial=0.0))
    return (sound * (0.5 / max(peak, 1e-4)) * 32767).astype(np.int16).tobytes()


def _start() -> subprocess.Popen[bytes]:
    # The service may have been found by a path that was set while it ran.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        (sys.executable, "-m", _WORKER), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue


def _parts(spans: Sequence[affect_pb2.TimeSpan]) -> list[tuple[float, float]]:
    """Joins neighbouring spans, so that words keep their context, and cuts those that are too long."""
    parts: list[tuple[float, float]] = []
    for span in spans:
        if parts and span.end_s - parts[-1][0] <= _JOINED_S:
            parts[-1] = (parts[-1][0], span.end_s)
            continue
        pieces = max(1, int(np.ceil((span.end_s - span.start_s) / _LONGEST_S)))
        parts += pairwise(np.linspace(span.start_s, span.end_s, pieces + 1).tolist())
    return parts
