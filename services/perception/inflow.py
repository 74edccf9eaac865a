"""The bytes of a recording as they arrive, as a file that libav reads while it grows."""

import threading
import time
from collections.abc import Callable

_COMPACT_BYTES = 1 << 20
_MOST_BOXES = 64
_IN_ORDER = (b"OggS", b"\x1a\x45\xdf\xa3", b"fLaC", b"ID3", b"\x00\x00\x01\xba", b"#!AMR")
"""How containers begin that are read from front to back: Ogg, WebM and Matroska, FLAC, MP3, MPEG, AMR."""
_TS_PACKET = 188


class Inflow:
    """What one side writes as it comes and another reads, which waits for what is not there yet."""

    def __init__(self) -> None:
        """Starts empty."""
        self._changed = threading.Condition()
        self._data = bytearray()
        self._dropped = 0
        self._position = 0
        self._ended = False
        self._keep = True
        self._stopped = False
        self.received = 0
        """Bytes that have come."""
        self.waited_s = 0.0
        """Time that the reader spent waiting."""

    def write(self, data: bytes) -> None:
        """Takes the next bytes."""
        with self._changed:
            self._data += data
            self.received += len(data)
            self._changed.notify_all()

    def end(self) -> None:
        """Says that nothing more will come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Ends all reading at once."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def held(self) -> int:
        """Bytes that are kept at the moment."""
        return len(self._data)

    def head(self, count: int) -> bytes:
        """The first bytes; fewer where there are fewer. Only before anything was read."""
        with self._changed:
            self._wait(lambda: len(self._data) >= count)
            return bytes(self._data[:count])

    def file(self) -> "_InOrder | _Seekable":
        """The file for libav.

        A container that is read from front to back is decoded while it arrives, and what was read is let
        go. One that has its table at the end (an MP4 that was not made for streaming, AVI) waits for it,
        and is kept whole until then.
        """
        self._keep = not self._is_in_order()
        return _Seekable(self) if self._keep else _InOrder(self)

    def _is_in_order(self) -> bool:
        start = self.head(12)
        if start[:4] == b"RIFF":
            return start[8:12] == b"WAVE"
        if start[4:8] in (b"ftyp", b"styp", b"moov"):
            return self._table_first()
        # MP3 and AAC without a container begin with eleven set bits.
        if start.startswith(_IN_ORDER) or (start[:1] == b"\xff" and start[1:2] >= b"\xe0"):
            return True
        return self.head(_TS_PACKET + 1)[::_TS_PACKET] == b"GG"

    def _table_first(self) -> bool:
        """Whether an MP4's table of contents comes before its media: looks at one box after the other."""
        at = 0
        for _ in range(_MOST_BOXES):
            box = self.head(at + 16)[at:]
            if len(box) < 8 or box[4:8] in (b"moov", b"mdat"):
                return box[4:8] == b"moov"
            size = int.from_bytes(box[:4], "big")
            size = int.from_bytes(box[8:16], "big") if size == 1 else size
            if size < 8:
                return False
            at += size
        return False

    def read(self, count: int) -> bytes:
        """The next bytes, at least one unless nothing more will come."""
        with self._changed:
            self._wait(lambda: self.received > self._position)
            if self._stopped:
                return b""
            begin = self._position - self._dropped
            found = bytes(self._data[begin : begin + count])
            self._position += len(found)
            if not self._keep and self._position - self._dropped > _COMPACT_BYTES:
                del self._data[: self._position - self._dropped]
                self._dropped = self._position
            return found

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves the reader, also to where nothing has come yet."""
        with self._changed:
            if whence == 2:
                self._wait(lambda: False)
            self._position = offset + {0: 0, 1: self._position, 2: self.received}[whence]
            return self._position

    def tell(self) -> int:
        """Where the reader is."""
        return self._position

    def _wait(self, ready: Callable[[], bool]) -> None:
        started = time.monotonic()
        self._changed.wait_for(lambda: self._stopped or self._ended or ready())
        self.waited_s += time.monotonic() - started


class _InOrder:
    """What libav takes for a pipe."""

    def __init__(self, inflow: Inflow) -> None:
        self._inflow = inflow

    def read(self, count: int) -> bytes:
        return self._inflow.read(count)


class _Seekable(_InOrder):
    """What libav takes for a file on a disk."""

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._inflow.seek(offset, whence)

    def tell(self) -> int:
        return self._inflow.tell()
