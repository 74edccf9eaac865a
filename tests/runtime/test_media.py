import pytest
from empatheia.common.v1 import media_pb2

from runtime.errors import InvalidInput, TooMuch
from runtime.media import CHUNK_BYTES, MediaAssembler, parts

HEADER = media_pb2.MediaHeader(kind="MEDIA_KIND_AUDIO", file_name="a.wav")


def chunk(data: bytes, stream_id: int = 0) -> media_pb2.MediaPart:
    return media_pb2.MediaPart(stream_id=stream_id, chunk=media_pb2.MediaChunk(data=data))


def header(stream_id: int = 0) -> media_pb2.MediaPart:
    return media_pb2.MediaPart(stream_id=stream_id, header=HEADER)


def trailer(total: int) -> media_pb2.MediaPart:
    return media_pb2.MediaPart(trailer=media_pb2.MediaTrailer(total_bytes=total))


def test_two_streams_come_together_from_mixed_parts() -> None:
    first, second = b"a" * (2 * CHUNK_BYTES + 5), b"b" * 7
    assembler = MediaAssembler(1 << 20)
    one, two = list(parts(1, HEADER, first)), list(parts(2, HEADER, second))
    for pair in zip(one, two + [None] * (len(one) - len(two)), strict=True):
        for part in pair:
            if part is not None:
                assembler.add(part)
    assert [bytes(recording.data) for recording in assembler.finish()] == [first, second]


@pytest.mark.parametrize(
    ("pieces", "error", "says"),
    [
        ([chunk(b"x")], InvalidInput, "chunk out of place"),
        ([header(), header()], InvalidInput, "second header"),
        ([header(), chunk(b"x"), trailer(2)], InvalidInput, "2 bytes were announced, 1 came"),
        ([header(), trailer(0), chunk(b"x")], InvalidInput, "out of place"),
        ([media_pb2.MediaPart()], InvalidInput, "empty part"),
        ([header(), chunk(b"x" * 1000), chunk(b"x" * 1000)], TooMuch, "more than"),
        ([header(), chunk(b"x")], InvalidInput, "ended early"),
    ],
)
def test_what_breaks_the_contract_is_refused(
    pieces: list[media_pb2.MediaPart], error: type[Exception], says: str
) -> None:
    def take() -> None:
        assembler = MediaAssembler(1500)
        for piece in pieces:
            assembler.add(piece)
        assembler.finish()

    with pytest.raises(error, match=says):
        take()
