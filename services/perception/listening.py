"""Follows a sound while it comes, finds the stretches of speech, and hands them to those who listen."""

from collections.abc import Sequence

import numpy as np
from empatheia.common.v1 import affect_pb2
from numpy.typing import NDArray

from services.perception.activity import HOP, SILENCE_DB, UNDER_PEAK_DB, levels, powers, runs, threshold_db
from services.perception.backends import Track
from services.perception.recording import SAMPLE_RATE, Floats

_STEP = SAMPLE_RATE // 4
"""Samples after which it is looked again: the result must not depend on how the sound was cut in transit."""
_WINDOW = 6000
"""Frames of 10 ms that background and loudness are judged from: the last minute."""
_MARGIN = 10
_PAUSE = 60
"""A pause of 0.6 s ends a stretch; over shorter ones, words keep their context."""
_LONG, _LONGEST = 800, 1200
"""From 8 s on, a stretch ends at the next short pause; at 12 s it ends in any case."""


class Listener:
    """The ear: holds no more of the sound than the stretch that is spoken, however long it all is."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        """Starts before the first sample.

        Args:
            tracks: Each gets every stretch of speech.
        """
        self._tracks = tracks
        self._waiting: list[Floats] = []
        self._sound = np.zeros(0, np.float32)
        self._first = 0
        self._powers = np.zeros(0)
        self._frames = 0
        self._settled = 0
        self._open: int | None = None
        self._fed = 0
        self._runs: list[tuple[int, int, float]] = []
        self.loudest_db = -np.inf
        """Level of the loudest 10 ms."""
        self.stretches = 0
        """Stretches of speech so far, the open one among them."""

    def add(self, samples: Floats) -> None:
        """Takes the next samples."""
        self._waiting.append(samples)
        if sum(map(len, self._waiting)) >= _STEP:
            sound = np.concatenate(self._waiting)
            whole = len(sound) // _STEP * _STEP
            for start in range(0, whole, _STEP):
                self._step(sound[start : start + _STEP], False)
            self._waiting = [sound[whole:]]

    def finish(self) -> None:
        """The sound is over."""
        rest = np.concatenate(self._waiting) if self._waiting else self._sound[:0]
        self._waiting = []
        self._step(rest, True)

    @property
    def silent(self) -> bool:
        """Whether there was nothing but silence so far."""
        return self.loudest_db < SILENCE_DB

    @property
    def held(self) -> int:
        """Samples that are kept at the moment."""
        return len(self._sound) + sum(map(len, self._waiting))

    def speech(self) -> list[affect_pb2.TimeSpan]:
        """Where somebody spoke, in order, with 0.1 s on both sides; without what is far below the loudest."""
        return [
            affect_pb2.TimeSpan(
                start_s=max(0, start - _MARGIN) / 100, end_s=min(self._frames, end + _MARGIN) / 100
            )
            for start, end, loudest in self._runs
            if loudest >= self.loudest_db - UNDER_PEAK_DB
        ]

    def _step(self, sound: Floats, last: bool) -> None:
        self._sound = np.concatenate((self._sound, sound))
        self._powers = np.concatenate((self._powers, powers(sound)))[-_WINDOW:]
        self._frames += len(sound) // HOP
        level = levels(self._powers)
        self.loudest_db = max(self.loudest_db, float(level[-(len(sound) // HOP + 1) :].max(initial=-np.inf)))
        oldest = self._frames - len(level)
        begin = max(self._settled, oldest)
        limit = threshold_db(level)
        while True:
            found = [(a + begin, b + begin) for a, b in runs(level[begin - oldest :] > limit)]
            if not self._advance(found, level, oldest, last):
                break
            begin = self._settled
        self._forget()

    def _advance(
        self, found: list[tuple[int, int]], level: NDArray[np.float64], oldest: int, last: bool
    ) -> bool:
        """Opens, feeds and ends stretches; whether one ended, so that there may be more."""
        if not found:
            if self._open is not None:
                self._end(None, keep=False)
            return False
        if self._open is None:
            self._open = max(self._settled, found[0][0] - _MARGIN, 0)
            self._fed = self._open
            self.stretches += 1
            for track in self._tracks:
                track.begin(self._open / 100)
        group = [found[0]]
        for run in found[1:]:
            pause = _PAUSE if group[-1][1] - self._open < _LONG else 0
            if run[0] - group[-1][1] >= pause:
                break
            group.append(run)
        over = len(group) < len(found) or last
        end = group[-1][1]
        over = over or self._frames - end >= (_PAUSE if end - self._open < _LONG else _MARGIN)
        if end - self._open > _LONGEST:
            end, over = self._open + _LONGEST, True
        upto = min(self._frames, end + _MARGIN)
        self._feed(upto)
        if over:
            for start, stop in group:
                stop = min(stop, upto)
                if start < stop:
                    inside = level[max(0, start - oldest) : stop - oldest]
                    self._runs.append((start, stop, float(inside.max(initial=-np.inf))))
            self._end(upto, keep=True)
        return over and not (last and upto >= self._frames)

    def _feed(self, upto: int) -> None:
        samples = self._sound[self._fed * HOP - self._first : upto * HOP - self._first]
        if len(samples):
            for track in self._tracks:
                track.feed(samples)
            self._fed = upto

    def _end(self, upto: int | None, *, keep: bool) -> None:
        for track in self._tracks:
            track.end(keep)
        self.stretches -= not keep
        self._settled = self._frames if upto is None else upto
        self._open = None

    def _forget(self) -> None:
        """Lets go of what is not needed again."""
        keep_from = self._fed if self._open is not None else max(self._settled, self._frames - 3 * _PAUSE)
        drop = keep_from * HOP - self._first
        if drop > 0:
            self._sound = self._sound[drop:].copy()
            self._first += drop


def speech_spans(sound: Floats) -> list[affect_pb2.TimeSpan]:
    """Where somebody speaks in a whole recording (16 kHz mono), in order; empty if nobody does."""
    listener = Listener([])
    listener.add(sound)
    listener.finish()
    return listener.speech()
