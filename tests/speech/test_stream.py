import asyncio
import math
import threading
import time
from itertools import pairwise

import grpc
import numpy as np
import pytest
from empatheia.common.v1 import content_pb2
from empatheia.speech.v1 import speech_pb2

from runtime.errors import EmpatheiaError, InvalidInput, TooMuch
from runtime.hosting.bare import BareHost
from runtime.rpc import SYNTHESIZE
from runtime.settings import load_settings
from services.speech.phrases import phrases
from services.speech.service import SpeechService, rechunked
from tests.speech.conftest import KEY, LONG, Spoken, planned, requests

TEXT = "I am so sorry to hear that you lost your dog."
RATE = 24000


def test_long_segments_are_cut_at_phrase_borders():
    plan = planned(LONG)
    cut = phrases(plan)
    assert len(cut) >= 3
    assert "".join(phrase.text for phrase in cut) == LONG
    assert [phrase.text.strip()[-1] for phrase in cut[:2]] == [",", ","]
    assert [cut[0].first, cut[-1].end] == [0, len(plan.phonemes)]
    assert all(a.end == b.first for a, b in pairwise(cut))
    for phrase in cut:
        own = plan.phonemes[phrase.first : phrase.end]
        assert own[-1].end_s - own[0].start_s < 8
    assert len(phrases(planned(TEXT))) == 1


async def test_a_long_segment_sounds_as_planned(speak):
    spoken = await speak(planned(LONG), seed=1)
    segment = spoken.segments[0]
    assert len(spoken.samples) == round((segment.duration_s + segment.pause_s) * RATE)
    vowels = [p for p in segment.phonemes if p.stress == 2]
    levels = [np.abs(spoken.samples[int(p.start_s * RATE) : int(p.end_s * RATE)]).max() for p in vowels]
    assert min(levels) > 0.03


async def test_order_clock_and_times(speak):
    spoken = await speak(planned(TEXT), planned("Tell me, please.", 1), start_s=2.5, seed=1)
    assert spoken.kinds[:3] == ["header", "spoken", "audio"]
    assert spoken.kinds[-1] == "summary"
    assert spoken.kinds.index("spoken", 2) < len(spoken.kinds) - 2
    assert (spoken.header.sample_rate, spoken.header.channels, spoken.header.synthetic) == (RATE, 1, True)
    sent = 0
    for chunk in spoken.chunks:
        assert chunk.pts_s == pytest.approx(2.5 + sent / RATE, abs=1e-9)
        sent += len(chunk.data) // 2
        assert 0.02 <= len(chunk.data) / 2 / RATE <= 0.06
    assert [c.segment for c in spoken.chunks] == sorted(c.segment for c in spoken.chunks)
    assert spoken.summary.duration_s == pytest.approx(sent / RATE)
    first, second = spoken.segments
    assert first.start_s == pytest.approx(2.5)
    assert second.start_s == pytest.approx(2.5 + first.duration_s + first.pause_s, abs=1e-4)
    for segment in spoken.segments:
        end = segment.start_s + segment.duration_s
        for row in (segment.phonemes, segment.visemes):
            assert row[0].start_s == pytest.approx(segment.start_s)
            assert row[-1].end_s == pytest.approx(end)
            assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(row))
        assert all(segment.start_s <= w.start_s <= w.end_s <= end + 1e-6 for w in segment.words)


async def test_sound_is_where_the_times_say(speak):
    spoken = await speak(planned("Well, listen."), seed=1)
    segment = spoken.segments[0]

    def level(start, end):
        part = spoken.samples[int(start * RATE) : int(end * RATE)]
        return 10 * math.log10(np.mean(part**2) + 1e-12)

    comma = next(p for p in segment.phonemes if not p.ipa)
    vowels = [p for p in segment.phonemes if p.stress == 2]
    quiet = level(comma.start_s + 0.03, comma.end_s - 0.03)
    assert all(level(v.start_s, v.end_s) > quiet + 25 for v in vowels)
    # A breath is let out first.
    end = segment.duration_s
    assert -80 < level(end + 0.02, end + 0.12) < -50
    assert level(end + 0.15, end + segment.pause_s) < -80


async def test_same_seed_same_bytes_other_seed_other_melody(speak):
    first, second, other = [await speak(planned(TEXT), seed=seed) for seed in (-7, -7, 8)]
    assert first.pcm == second.pcm
    assert first.pcm != other.pcm


async def test_calls_at_the_same_time_do_not_mix(speak):
    texts = ["This is the first of them.", "And here comes another one!", "Is there a third?"]
    voices = [{"base_pitch_hz": pitch} for pitch in (110, 200, 260)]
    alone = [await speak(planned(t), voice=v, seed=3) for t, v in zip(texts, voices, strict=True)]
    together = await asyncio.gather(
        *(speak(planned(t), voice=v, seed=3) for t, v in zip(texts, voices, strict=True))
    )
    assert [s.pcm for s in together] == [s.pcm for s in alone]


async def test_a_short_turn_need_not_wait_for_a_long_one(speak):
    ended = []

    async def turn(name, text):
        await speak(planned(text), seed=3)
        ended.append(name)

    await asyncio.gather(turn("long", "and so on " * 40), turn("short", "I see."))
    assert ended == ["short", "long"]


async def test_a_resumed_call_goes_on_with_the_next_segment(speak):
    whole = await speak(planned("First."), planned("Second one.", 1), seed=5)
    split = len(whole.pcm) - 2 * round((whole.segments[1].duration_s + whole.segments[1].pause_s) * RATE)
    rest = await speak(planned("Second one.", 1), seed=5, start_s=whole.segments[1].start_s)
    assert rest.pcm == whole.pcm[split:]
    assert rest.chunks[0].pts_s == pytest.approx(whole.segments[1].start_s)


@pytest.mark.parametrize("text", ["", "...", "😀"])
async def test_nothing_to_say_is_silence(speak, text):
    spoken = await speak(planned(text), seed=1)
    assert len(spoken.samples) == round(0.25 * RATE) + round(0.3 * RATE)
    assert not spoken.samples.any()


async def test_no_segment_is_an_empty_reply(speak):
    spoken = await speak()
    assert spoken.kinds == ["header", "summary"]


async def test_cancelling_stops_the_work(transport):
    stream = transport.stream(SYNTHESIZE, requests(planned("and so on " * 60)), KEY)
    async for response in stream:
        if response.WhichOneof("part") == "audio":
            break
    (worker,) = [thread for thread in threading.enumerate() if thread.name == "iterate_in_thread"]
    started = time.monotonic()
    await stream.aclose()
    assert time.monotonic() - started < 0.1
    await asyncio.to_thread(worker.join, 5)
    assert not worker.is_alive()


async def test_an_interruption_ends_the_reply_at_once_and_says_what_was_heard(transport):
    interrupt = asyncio.Event()

    async def interrupted():
        async for request in requests(planned(TEXT), planned("and so on " * 60, 1)):
            yield request
        await interrupt.wait()
        yield speech_pb2.SynthesizeRequest(interrupt=speech_pb2.Interrupt(played_s=1.2))

    found, started = [], 0.0
    async for response in transport.stream(SYNTHESIZE, interrupted(), KEY):
        found.append(response)
        if response.audio.segment == 1 and not interrupt.is_set():
            interrupt.set()
            started = time.monotonic()
    assert time.monotonic() - started < 0.5  # 0.1 s and what a busy machine adds
    said = Spoken(found)
    heard = said.summary.heard
    words = [word.text for word in said.segments[0].words if word.end_s <= 1.2]
    assert 2 < len(words) < 11
    assert (heard.segment, heard.words, heard.text) == (0, len(words), " ".join(words))
    whole = said.segments[1].start_s + said.segments[1].duration_s
    assert said.summary.duration_s < 0.5 * whole


@pytest.mark.parametrize("played_s", [-1, math.nan])
async def test_an_interruption_at_no_time_is_refused(transport, played_s):
    async def interrupted():
        async for request in requests():
            yield request
        yield speech_pb2.SynthesizeRequest(interrupt=speech_pb2.Interrupt(played_s=played_s))

    with pytest.raises(InvalidInput, match="played_s"):
        [_ async for _ in transport.stream(SYNTHESIZE, interrupted(), KEY)]


async def test_interrupted_before_anything_was_said(transport):
    async def interrupted():
        async for request in requests():
            yield request
        yield speech_pb2.SynthesizeRequest(interrupt=speech_pb2.Interrupt())

    spoken = Spoken([r async for r in transport.stream(SYNTHESIZE, interrupted(), KEY)])
    assert spoken.kinds == ["header", "summary"]
    assert (spoken.summary.heard.segment, spoken.summary.heard.text) == (-1, "")


async def test_first_sound_comes_before_the_next_sentence_is_known(transport):
    async def open_ended():
        async for request in requests(planned(TEXT)):
            yield request
        await asyncio.Event().wait()

    stream = transport.stream(SYNTHESIZE, open_ended(), KEY)
    kinds = []
    async with asyncio.timeout(20):
        async for response in stream:
            kinds.append(response.WhichOneof("part"))
            if kinds[-1] == "audio":
                break
    assert kinds == ["header", "spoken", "audio"]
    await stream.aclose()


def bad_times(**changes):
    segment = planned("Hello there.")
    for name, value in changes.items():
        setattr(segment, name, value)
    return segment


def gap():
    segment = planned("Hello there.")
    segment.phonemes[2].start_s += 0.05
    return segment


def unplanned():
    segment = planned("Hello there.")
    del segment.phonemes[:]
    return segment


@pytest.mark.parametrize(
    ("segment", "start", "field"),
    [
        (None, {"voice": {"rate": math.nan}}, "start.style.voice.rate"),
        (None, {"voice": {"breathiness": 1.2}}, "start.style.voice.breathiness"),
        (None, {"voice": {"base_pitch_hz": 5}}, "start.style.voice.base_pitch_hz"),
        (None, {"voice": {"formant_shift": math.inf}}, "start.style.voice.formant_shift"),
        (None, {"start_s": -1}, "start.start_s"),
        (None, {"language": "tlh"}, "start.language"),
        (bad_times(duration_s=math.nan), {}, "segment.duration_s"),
        (bad_times(duration_s=9), {}, "segment.duration_s"),
        (bad_times(pause_s=-1), {}, "segment.pause_s"),
        (bad_times(index=-1), {}, "segment.index"),
        (gap(), {}, "segment.phonemes[2].start_s"),
        (unplanned(), {}, "segment.phonemes"),
    ],
)
async def test_bad_input_names_the_field(speak, segment, start, field):
    with pytest.raises(InvalidInput) as caught:
        await speak(segment or planned("Hello."), **start)
    assert caught.value.violations[0].field == field


async def test_parts_out_of_place_and_too_long_are_refused(transport, speak):
    async def segment_first():
        yield speech_pb2.SynthesizeRequest(segment=content_pb2.ContentSegment())

    async def start_twice():
        for _ in range(2):
            yield speech_pb2.SynthesizeRequest(start=speech_pb2.SynthesizeStart())

    for stream in (segment_first(), start_twice()):
        with pytest.raises(InvalidInput):
            [_ async for _ in transport.stream(SYNTHESIZE, stream, KEY)]
    with pytest.raises(InvalidInput, match="must be 1"):
        await speak(planned("One."), planned("Two.", 2))
    with pytest.raises(TooMuch, match="4000"):
        await speak(content_pb2.ContentSegment(text="a" * 4001))


async def test_over_a_real_socket_with_rich_errors():
    host = BareHost(SpeechService(load_settings()), "127.0.0.1:0")
    async with host, grpc.aio.insecure_channel(f"127.0.0.1:{host.port}") as channel:
        call = channel.stream_stream(
            SYNTHESIZE.path,
            request_serializer=SYNTHESIZE.request_type.SerializeToString,
            response_deserializer=SYNTHESIZE.response_type.FromString,
        )
        found = [r.WhichOneof("part") async for r in call(requests(planned("Hi.")))]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            [_ async for _ in call(requests(planned("Hi."), voice={"tremor": 2}))]
    assert (found[0], found[-1]) == ("header", "summary")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_unknown_option_is_refused():
    settings = load_settings()
    own = settings.service("speech").model_copy(update={"options": {"sparkle": 1}})
    services = {**settings.services, "speech": own}
    with pytest.raises((ValueError, EmpatheiaError), match="sparkle"):
        await SpeechService(settings.model_copy(update={"services": services})).start()


def test_chunks_are_never_slivers():
    for total in (10, 479, 480, 961, 1439, 1440, 5000):
        sizes = [len(c) for c in rechunked(iter([np.zeros(total, np.int16)]), 960)]
        assert sum(sizes) == total
        assert all(480 <= size <= 1440 for size in sizes) or len(sizes) == 1
