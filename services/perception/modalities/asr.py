"""Hears words: pocketsphinx with the English model of its wheel, in a process of its own."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from select import select
from typing import Any

import numpy as np
from empatheia.perception.v1 import perception_pb2

from runtime.errors import ServiceDown
from services.perception.backends import Hearing
from services.perception.recording import SAMPLE_RATE, Floats

MODEL_ID = "pocketsphinx en-us"
_WORKER = "services.perception.modalities.asr_worker"
_FRAME_S = 0.01
_FIRST_S = 1.5
"""What is collected of the first stretch before it is searched: the recognizer must know the mean sound."""
_PEAK = 0.3
_TIMEOUT_S = 60.0
_BUFFER_BYTES = 1 << 20


class Recognizer:
    """Keeps the process that hears, and lends it to one utterance after the other, or to several at once."""

    def __init__(self) -> None:
        """Starts the process, which loads acoustic model, dictionary and language model from the wheel."""
        self._lock = threading.Lock()
        self._process, self._control = _start()

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            self._end()

    def hearing(self) -> "SphinxHearing":
        """Begins to hear one utterance."""
        return SphinxHearing(self)

    def hear(self, sound: Floats) -> list[perception_pb2.HeardWord]:
        """The words of a whole recording, 16 kHz mono, that holds one stretch of speech."""
        hearing = self.hearing()
        hearing.begin(0.0)
        hearing.feed(sound)
        hearing.end(True)
        return hearing.words(True)

    def connect(self) -> socket.socket:
        """A connection for one stretch of speech; a process that died is replaced first."""
        ours, theirs = socket.socketpair()
        ours.settimeout(_TIMEOUT_S)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        with self._lock, theirs:
            if self._process.poll() is not None:
                self._end()
                self._process, self._control = _start()
            try:
                socket.send_fds(self._control, [b"+"], [theirs.fileno()])
            except OSError as error:
                raise _died() from error
        return ours

    def _end(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()


class SphinxHearing(Hearing):
    """Hears the words of one utterance, stretch after stretch, each while it is spoken."""

    def __init__(self, recognizer: Recognizer) -> None:
        """Starts with nothing heard."""
        self._recognizer = recognizer
        self._mean: str | None = None
        self._done: list[perception_pb2.HeardWord] = []
        self._open: _Stretch | None = None
        self._first: list[Floats] = []
        self._start_s = 0.0
        self._gain = 0.0

    def begin(self, start_s: float) -> None:
        """See `Track`."""
        self._settle()
        self._start_s = start_s
        self._first = []

    def feed(self, samples: Floats) -> None:
        """See `Track`."""
        if self._open is not None:
            self._open.send(samples)
            return
        self._first.append(samples)
        if self._mean is not None or sum(map(len, self._first)) >= _FIRST_S * SAMPLE_RATE:
            self._connect()

    def end(self, keep: bool) -> None:
        """See `Track`."""
        if not keep:
            self.close()
            self._open, self._first = None, []
            return
        if self._open is None and self._first:
            self._connect()
        if self._open is not None:
            self._open.finish()

    def words(self, wait: bool) -> list[perception_pb2.HeardWord]:
        """See `Hearing`."""
        if wait:
            self._settle()
        return self._done + (self._open.words(False) if self._open is not None else [])

    def close(self) -> None:
        """See `Track`."""
        if self._open is not None:
            self._open.close()

    def _connect(self) -> None:
        samples = np.concatenate(self._first)
        self._first = []
        if not self._gain:
            self._gain = _PEAK / max(float(np.abs(samples).max(initial=0.0)), 1e-4)
        self._open = _Stretch(self._recognizer.connect(), self._start_s, self._gain, self._mean)
        self._open.send(samples)

    def _settle(self) -> None:
        """Waits for the stretch before, whose mean the next one needs."""
        if self._open is not None:
            self._done += self._open.words(True)
            self._mean = self._open.mean
            self._open.close()
            self._open = None


class _Stretch:
    """One stretch of speech at the process."""

    def __init__(self, connection: socket.socket, start_s: float, gain: float, mean: str | None) -> None:
        self._connection = connection
        self._start_s = start_s
        self._gain = gain
        self._left = b""
        self._answer: dict[str, Any] = {"words": []}
        self._write(json.dumps({"mean": mean}).encode() + b"\n")

    @property
    def mean(self) -> str | None:
        """Mean of the sound, once it is finished."""
        return self._answer.get("mean")

    def send(self, samples: Floats) -> None:
        """Sends the next samples; at least one."""
        pcm = (np.clip(samples * self._gain, -1, 1) * 32767).astype(np.int16).tobytes()
        self._write(struct.pack("<I", len(pcm)) + pcm)

    def finish(self) -> None:
        """Says that the stretch is over."""
        self._write(struct.pack("<I", 0))

    def words(self, wait: bool) -> list[perception_pb2.HeardWord]:
        """The words so far, or all of them."""
        while self._read(wait and self.mean is None):
            pass
        return [
            perception_pb2.HeardWord(
                text=word.split("(")[0],
                start_s=self._start_s + first * _FRAME_S,
                end_s=self._start_s + (last + 1) * _FRAME_S,
                confidence=min(1.0, probability),
            )
            for word, first, last, probability in self._answer["words"]
        ]

    def close(self) -> None:
        """Lets the process stop, and wakes who waits for it."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _read(self, wait: bool) -> bool:
        try:
            if not wait and not select([self._connection], [], [], 0)[0]:
                return False
            found = self._connection.recv(1 << 16)
        except (OSError, ValueError) as error:
            raise _died() from error
        if not found:
            if self.mean is None:
                raise _died()
            return False
        *lines, self._left = (self._left + found).split(b"\n")
        if lines:
            self._answer = json.loads(lines[-1])
        return True

    def _write(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise _died() from error


def _died() -> ServiceDown:
    return ServiceDown("the recognizer died on this recording; try again", reason="RECOGNIZER_DIED")


def _start() -> tuple[subprocess.Popen[bytes], socket.socket]:
    # The service may have been found by a path that was set while it ran.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen((sys.executable, "-m", _WORKER), stdin=theirs.fileno(), env=environment)
    return process, ours
