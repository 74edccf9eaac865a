"""Media as it travels: a file into parts, parts back into bytes, with bounds."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from empatheia.common.v1 import media_pb2

from runtime.errors import InvalidInput, TooMuch

CHUNK_BYTES = 48 * 1024


def parts(stream_id: int, header: media_pb2.MediaHeader, data: bytes) -> Iterator[media_pb2.MediaPart]:
    """Cuts a recording into header, chunks and trailer."""
    yield media_pb2.MediaPart(stream_id=stream_id, header=header)
    for sequence, start in enumerate(range(0, len(data), CHUNK_BYTES)):
        chunk = media_pb2.MediaChunk(data=data[start : start + CHUNK_BYTES], sequence=sequence)
        yield media_pb2.MediaPart(stream_id=stream_id, chunk=chunk)
    yield media_pb2.MediaPart(stream_id=stream_id, trailer=media_pb2.MediaTrailer(total_bytes=len(data)))


@dataclass
class Recording:
    """A media stream as it was put together from its parts."""

    header: media_pb2.MediaHeader
    data: bytearray = field(default_factory=bytearray)


class MediaChecker:
    """Watches the media streams of a call, and refuses what breaks the contract or the bounds."""

    def __init__(self, max_bytes: int) -> None:
        """Sets the bound on all streams of the call together."""
        self._max_bytes = max_bytes
        self._total = 0
        self._bytes: dict[int, int] = {}
        self._complete: set[int] = set()

    def add(self, part: media_pb2.MediaPart) -> None:
        """Checks the next part.

        Raises:
            InvalidInput: The part is out of place, or bytes are missing.
            TooMuch: The bound is passed.
        """
        where = f"media[{part.stream_id}]"
        kind = part.WhichOneof("part")
        if kind == "header":
            if part.stream_id in self._bytes:
                raise InvalidInput.of(where, "has a second header", reason="BAD_MEDIA_STREAM")
            self._bytes[part.stream_id] = 0
            return
        if part.stream_id not in self._bytes or part.stream_id in self._complete or kind is None:
            raise InvalidInput.of(where, f"{kind or 'empty part'} out of place", reason="BAD_MEDIA_STREAM")
        if kind == "chunk":
            self._total += len(part.chunk.data)
            if self._total > self._max_bytes:
                raise TooMuch(
                    f"{where}: more than {self._max_bytes // 1_000_000} MB of media; send less",
                    reason="MEDIA_TOO_LARGE",
                )
            self._bytes[part.stream_id] += len(part.chunk.data)
            return
        if self._bytes[part.stream_id] != part.trailer.total_bytes:
            raise InvalidInput.of(
                where,
                f"{part.trailer.total_bytes} bytes were announced, {self._bytes[part.stream_id]} came",
                reason="BAD_MEDIA_STREAM",
            )
        self._complete.add(part.stream_id)

    def finish(self) -> None:
        """Checks that all streams are complete.

        Raises:
            InvalidInput: A stream has no trailer.
        """
        for stream_id in sorted(self._bytes):
            if stream_id not in self._complete:
                raise InvalidInput.of(f"media[{stream_id}]", "ended early", reason="BAD_MEDIA_STREAM")


class MediaAssembler:
    """Puts the media streams of a call together, and refuses what breaks the contract or the bounds."""

    def __init__(self, max_bytes: int) -> None:
        """Sets the bound on all streams of the call together."""
        self._checker = MediaChecker(max_bytes)
        self.recordings: dict[int, Recording] = {}

    def add(self, part: media_pb2.MediaPart) -> None:
        """Takes the next part; see `MediaChecker.add`."""
        self._checker.add(part)
        if part.HasField("header"):
            self.recordings[part.stream_id] = Recording(part.header)
        elif part.HasField("chunk"):
            self.recordings[part.stream_id].data += part.chunk.data

    def finish(self) -> list[Recording]:
        """All recordings, in order of their ids; see `MediaChecker.finish`."""
        self._checker.finish()
        return [recording for _, recording in sorted(self.recordings.items())]
