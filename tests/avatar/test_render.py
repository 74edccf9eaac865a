import asyncio
import io
import threading
import time
from itertools import pairwise

import av
import numpy as np
import pytest
from empatheia.avatar.v1 import avatar_pb2

from runtime.clients.transport import CallKey
from runtime.hosting.bare import BareHost
from runtime.rpc import LIST_AVATARS, RENDER
from tests.avatar.support import LOUD, RATE, WORD, requests, speech

KEY = CallKey("turn", "render")
STILL = {"head_motion": -4.0, "blink_rate": -4.0}


async def render(avatar, stream):
    """Header, file and summary of a whole call."""
    responses = [response async for response in avatar.stream(RENDER, stream, KEY)]
    assert [r.WhichOneof("part") for r in (responses[0], responses[-1])] == ["header", "summary"]
    chunks = [response.chunk for response in responses[1:-1]]
    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))
    return responses[0], chunks, responses[-1].summary


def decode(chunks):
    data = b"".join(chunk.data for chunk in chunks)
    with av.open(io.BytesIO(data)) as file:
        pictures = [(f.pts * f.time_base, f.to_ndarray(format="rgb24")) for f in file.decode(video=0)]
        comment = file.metadata["comment"]
    with av.open(io.BytesIO(data)) as file:
        sound = np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)])
    return pictures, sound, comment


async def test_video_has_exact_times_sound_and_a_disclosure(avatar):
    segment, samples = speech(2)
    first, chunks, summary = await render(avatar, requests(samples, segment, size=128, seed=5))
    assert first.header.mime_type.startswith('video/mp4; codecs="avc1.')
    assert (first.header.fps, first.header.width, first.header.height) == (25, 128, 128)
    assert first.model.backend == "drawn"
    pictures, sound, comment = decode(chunks)
    assert [float(time) for time, _ in pictures] == [n / 25 for n in range(summary.frames)]
    assert summary.duration_s == summary.frames / 25
    assert 0.25 <= summary.duration_s - len(samples) / RATE <= 0.35
    assert abs(len(sound) / RATE - summary.duration_s) < 1 / 25
    assert "ynthetic" in comment
    same = [np.array_equal(a, b) for (_, a), (_, b) in pairwise(pictures)]
    # So small a picture may stay as it is for once, where little moves.
    assert not any(a and b for a, b in pairwise(same))


async def test_sound_is_where_it_was(avatar):
    samples = np.zeros(RATE, np.int16)
    samples[12000:12480] = (20000 * np.sin(np.arange(480) * 0.6)).astype(np.int16)
    _, chunks, _ = await render(avatar, requests(samples, size=64))
    _, sound, _ = decode(chunks)
    middle = np.sum(np.arange(len(sound)) * sound.astype(float) ** 2) / np.sum(sound.astype(float) ** 2)
    assert abs(middle - 12240) / RATE < 0.005


async def test_mouth_opens_with_the_voice(avatar):
    segment, samples = speech(3)
    _, chunks, _ = await render(avatar, requests(samples, segment, size=192, style={"face": STILL}))
    pictures, _, _ = decode(chunks)
    mouth = np.stack([picture[124:152, 74:118].astype(float) for _, picture in pictures])
    change = np.abs(mouth - np.median(mouth[-4:], axis=0)).mean(axis=(1, 2, 3))
    t = np.arange(len(change)) / 25
    names = [name for _ in range(3) for name, _ in WORD]
    ends = np.cumsum([length for _ in range(3) for _, length in WORD])
    open_now = np.array([LOUD[names[min(np.searchsorted(ends, x), len(names) - 1)]] for x in t])
    score = {lag: np.corrcoef(np.roll(change, lag)[4:-8], open_now[4:-8])[0, 1] for lag in range(-4, 5)}
    assert score[0] > 0.6
    assert max(score, key=lambda lag: score[lag]) in (-1, 0, 1)


async def test_first_fragment_comes_with_the_first_words(avatar):
    _, samples = speech(2)
    more = asyncio.Event()

    async def stream():
        count = 0
        async for request in requests(samples, size=64):
            if request.WhichOneof("part") == "audio":
                count += 1
                if count == 3:
                    await more.wait()
            yield request

    got = avatar.stream(RENDER, stream(), KEY)
    assert (await anext(got)).WhichOneof("part") == "header"
    async with asyncio.timeout(10):
        chunk = (await anext(got)).chunk
    assert chunk.pts_s == 0
    assert b"moof" in chunk.data
    more.set()
    assert [r async for r in got][-1].WhichOneof("part") == "summary"


async def test_fragments_are_short(avatar):
    segment, samples = speech(3)
    _, chunks, _ = await render(avatar, requests(samples, segment, size=64))
    times = [chunk.pts_s for chunk in chunks]
    assert np.all(np.diff(times) > 0.0)
    assert np.max(np.diff(times)) <= 0.5


async def test_same_input_same_bytes_whatever_the_chunks(avatar):
    segment, samples = speech(1)
    files = []
    for chunk_s, seed in ((0.2, 7), (0.2, 7), (0.05, 7), (0.2, 8)):
        _, chunks, _ = await render(avatar, requests(samples, segment, chunk_s, size=64, seed=seed))
        files.append(b"".join(chunk.data for chunk in chunks))
    assert files[0] == files[1] == files[2]
    assert files[0] != files[3]


async def test_videos_at_the_same_time_do_not_mix(avatar):
    segment, samples = speech(1)

    async def one(seed):
        _, chunks, _ = await render(avatar, requests(samples, segment, size=64, seed=seed))
        return b"".join(chunk.data for chunk in chunks)

    alone = [await one(seed) for seed in (1, 2)]
    assert await asyncio.gather(one(1), one(2)) == alone


async def test_slow_reader_holds_the_sender_back(avatar):
    segment, samples = speech(20)
    sent = 0

    async def stream():
        nonlocal sent
        async for request in requests(samples, segment, size=64):
            sent += 1
            yield request

    got = avatar.stream(RENDER, stream(), KEY)
    await anext(got)
    await anext(got)
    await asyncio.sleep(0.5)
    assert sent < 8
    await got.aclose()


async def test_cancelling_stops_at_once(avatar):
    _, samples = speech(200)
    got = avatar.stream(RENDER, requests(samples, chunk_s=100, size=64), KEY)
    await anext(got)
    await anext(got)
    # By the work done, not by the clock: a busy machine takes its time for both.
    began = time.process_time()
    await got.aclose()
    assert time.process_time() - began < 0.1
    for _ in range(50):
        if not any(thread.name == "iterate_in_thread" for thread in threading.enumerate()):
            return
        await asyncio.sleep(0.02)
    pytest.fail("the video is still being drawn")


async def test_listening_is_silent_and_can_go_over_into_speech(avatar):
    _, samples = speech(1)

    async def stream():
        heard = True
        async for request in requests(np.tile(samples, 2), size=64):
            if heard and request.audio.pts_s >= len(samples) / RATE:
                heard = False
            if heard and request.WhichOneof("part") == "audio":
                request = avatar_pb2.RenderRequest(heard=request.audio)
            yield request

    _, chunks, summary = await render(avatar, stream())
    pictures, sound, _ = decode(chunks)
    assert len(pictures) == summary.frames
    turn = round(len(samples) / RATE * RATE)
    assert np.abs(sound[: turn - 2400]).max() < 0.01
    assert np.abs(sound[turn + 4800 :]).max() > 0.1


async def test_lists_avatars(avatar):
    avatars = (await avatar.unary(LIST_AVATARS, LIST_AVATARS.request_type(), KEY)).avatars
    assert len(avatars) >= 4
    assert len({one.id for one in avatars}) == len(avatars)
    for one in avatars:
        assert one.name
        assert one.description
        assert one.profile.age in {"child", "young", "middle-aged", "elderly"}
        assert one.profile.gender in {"female", "male"}
        assert one.profile.timbre in {"high", "mid", "low"}


async def test_over_a_socket(avatar):
    import grpc
    from empatheia.avatar.v1 import avatar_pb2_grpc

    from runtime.settings import load_settings
    from services.avatar.service import AvatarService

    segment, samples = speech(1)
    host = BareHost(AvatarService(load_settings("embedded")), "127.0.0.1:0")
    async with host, grpc.aio.insecure_channel(f"127.0.0.1:{host.port}") as channel:
        call = avatar_pb2_grpc.AvatarServiceStub(channel).Render(requests(samples, segment, size=64))
        parts = [response.WhichOneof("part") async for response in call]
    assert parts[0] == "header"
    assert parts[-1] == "summary"
