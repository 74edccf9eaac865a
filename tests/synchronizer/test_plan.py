import asyncio
from itertools import pairwise

import grpc
import pytest
from empatheia.synchronizer.v1 import synchronizer_pb2

from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.errors import EmpatheiaError, InvalidInput, TooMuch
from runtime.hosting.bare import BareHost
from runtime.rpc import SYNCHRONIZE
from runtime.settings import load_settings
from services.synchronizer.service import SynchronizerService
from services.synchronizer.visemes import NAMES

KEY = CallKey("t", "synchronize")


@pytest.fixture
async def transport():
    service = SynchronizerService(load_settings())
    await service.start()
    return InProcessTransport({"synchronizer": service})


async def requests(*sentences, language=""):
    start = synchronizer_pb2.SynchronizeStart(language=language)
    yield synchronizer_pb2.SynchronizeRequest(start=start)
    for index, text in enumerate(sentences):
        sentence = synchronizer_pb2.Sentence(index=index, text=text)
        yield synchronizer_pb2.SynchronizeRequest(sentence=sentence)


async def plan(transport, *sentences, language=""):
    stream = transport.stream(SYNCHRONIZE, requests(*sentences, language=language), KEY)
    return [response.segment async for response in stream]


def assert_gap_free(row, duration):
    assert row[0].start_s == 0
    for before, after in pairwise(row):
        assert after.start_s == pytest.approx(before.end_s)
    assert row[-1].end_s == pytest.approx(duration)
    assert all(item.end_s > item.start_s for item in row)


async def test_words_sounds_and_shapes_share_one_timeline(transport):
    text = "I'm so sorry to hear that, my friend."
    (segment,) = await plan(transport, text)
    assert [word.text for word in segment.words] == [
        "I'm",
        "so",
        "sorry",
        "to",
        "hear",
        "that",
        "my",
        "friend",
    ]
    assert all(text[w.start_char : w.end_char] == w.text for w in segment.words)
    assert_gap_free(segment.phonemes, segment.duration_s)
    assert_gap_free(segment.visemes, segment.duration_s)
    assert {v.name for v in segment.visemes} <= set(NAMES)
    assert all(0 < v.weight <= 1 for v in segment.visemes)
    comma = [p for p in segment.phonemes if not p.ipa]
    assert len(comma) == 1
    assert comma[0].word == -1
    for i, word in enumerate(segment.words):
        own = [p for p in segment.phonemes if p.word == i]
        assert (own[0].start_s, own[-1].end_s) == (word.start_s, word.end_s)
    assert 1.5 < segment.duration_s < 3.5
    stressed = [p for p in segment.phonemes if p.stress == 2]
    assert {segment.words[p.word].text for p in stressed} >= {"sorry", "friend"}


async def test_lips_close_where_they_must(transport):
    (segment,) = await plan(transport, "Maybe five, perhaps.")
    shape_at = {}
    for p in segment.phonemes:
        middle = (p.start_s + p.end_s) / 2
        shape_at[p.ipa] = next(v.name for v in segment.visemes if v.start_s <= middle < v.end_s)
    assert (shape_at["m"], shape_at["b"], shape_at["p"]) == ("PP", "PP", "PP")
    assert (shape_at["f"], shape_at["v"]) == ("FF", "FF")


async def test_word_groups_that_the_engine_reads_as_one_are_parted(transport):
    (segment,) = await plan(transport, "It was out of the blue in the end.")
    assert len(segment.words) == 9
    assert all(word.end_s > word.start_s for word in segment.words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It cost $1,250 😢 today", ["It", "cost", "$1,250", "today"]),
        ("👨‍👩‍👧 We met Dr. Smith…", ["We", "met", "Dr", "Smith"]),
        ("See https://www.example.com/a now!", ["See", "https://www.example.com/a", "now"]),
        ("a\x00b \x1b[31mred\x07 \u202eback", None),
        ("<speak>Hello</speak> café [[x]]", ["Hello", "café", "x"]),
        ("e\u0301te\u0301 (yes) — no", ["e\u0301te\u0301", "yes", "no"]),
    ],
)
async def test_offsets_survive_what_people_type(transport, text, words):
    (segment,) = await plan(transport, text)
    assert all(text[w.start_char : w.end_char] == w.text for w in segment.words)
    if words is not None:
        assert [w.text for w in segment.words] == words
    assert_gap_free(segment.phonemes, segment.duration_s)


async def test_numbers_are_read_out(transport):
    (figures, letters) = await plan(transport, "I am 42.", "I am forty two.")
    assert [p.ipa for p in figures.phonemes] == [p.ipa for p in letters.phonemes]


@pytest.mark.parametrize("text", ["", "   ", "...", "?!", "😀😀", "\x00"])
async def test_nothing_to_say_is_a_short_silence(transport, text):
    (segment,) = await plan(transport, text)
    assert not segment.words
    assert [p.ipa for p in segment.phonemes] == [""]
    assert [v.name for v in segment.visemes] == ["sil"]
    assert 0 < segment.duration_s < 0.5


async def test_pause_follows_the_punctuation(transport):
    texts = ("Well,", "Well.", "Well?", 'She said "well…"', "Well")
    pauses = [segment.pause_s for segment in await plan(transport, *texts)]
    comma, stop, question, dots, bare = pauses
    assert comma < bare < stop < question < dots


async def test_same_text_same_bytes_whatever_came_before(transport):
    first = await plan(transport, "Hello there.", "And another one, quite long.", "Hello there.")
    first[2].index = 0
    assert first[0].SerializeToString() == first[2].SerializeToString()


async def test_calls_at_the_same_time_do_not_mix(transport):
    texts = [f"Sentence number {i} of this test." for i in range(8)]
    alone = [(await plan(transport, text))[0] for text in texts]
    together = await asyncio.gather(*(plan(transport, text) for text in texts))
    assert [segments[0] for segments in together] == alone


async def test_each_sentence_is_planned_as_it_comes(transport):
    gate = asyncio.Event()

    async def slow():
        async for request in requests("First one.", "Second one."):
            if request.sentence.index == 1:
                await gate.wait()
            yield request

    stream = transport.stream(SYNCHRONIZE, slow(), KEY)
    assert (await anext(stream)).segment.index == 0
    gate.set()
    assert (await anext(stream)).segment.index == 1
    await stream.aclose()


async def test_unknown_script_and_language_and_length_are_refused(transport):
    with pytest.raises(InvalidInput, match="script") as caught:
        await plan(transport, "Привет мир")
    assert caught.value.violations[0].field == "sentence.text"
    with pytest.raises(InvalidInput, match="xx-yy"):
        await plan(transport, "Hello", language="xx-yy")
    with pytest.raises(TooMuch, match="4000"):
        await plan(transport, "word " * 5000)
    assert (await plan(transport, "Hello", language="EN-GB"))[0].words


async def test_parts_out_of_place_are_refused(transport):
    async def sentence_first():
        yield synchronizer_pb2.SynchronizeRequest(sentence=synchronizer_pb2.Sentence(text="Hi"))

    async def wrong_index():
        yield synchronizer_pb2.SynchronizeRequest(start=synchronizer_pb2.SynchronizeStart())
        yield synchronizer_pb2.SynchronizeRequest(sentence=synchronizer_pb2.Sentence(index=3, text="Hi"))

    for stream, field in ((sentence_first(), "part"), (wrong_index(), "sentence.index")):
        with pytest.raises(InvalidInput) as caught:
            [_ async for _ in transport.stream(SYNCHRONIZE, stream, KEY)]
        assert caught.value.violations[0].field == field


async def test_over_a_real_socket():
    service = SynchronizerService(load_settings())
    host = BareHost(service, "127.0.0.1:0")
    async with host, grpc.aio.insecure_channel(f"127.0.0.1:{host.port}") as channel:
        call = channel.stream_stream(
            SYNCHRONIZE.path,
            request_serializer=SYNCHRONIZE.request_type.SerializeToString,
            response_deserializer=SYNCHRONIZE.response_type.FromString,
        )
        found = [response async for response in call(requests("Hello.", "Goodbye."))]
    assert [r.segment.index for r in found] == [0, 1]
    assert found[0].model.backend == "espeak"
    assert service.describe().languages[0] == "en-us"


async def test_unknown_backend_says_which_there_are():
    settings = load_settings()
    own = settings.service("synchronizer").model_copy(update={"backend": "nope"})
    services = {**settings.services, "synchronizer": own}
    with pytest.raises(EmpatheiaError, match="espeak"):
        await SynchronizerService(settings.model_copy(update={"services": services})).start()
