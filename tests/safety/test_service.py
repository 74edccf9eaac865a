"""The service: what it judges, what it keeps, and that the network is sound."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from empatheia.common.v1 import dialogue_pb2, service_pb2
from empatheia.safety.v1 import safety_pb2

from runtime.errors import InvalidInput, WeightsMissing
from runtime.hosting.service import Call
from runtime.safety import KINDS, NONE, STAGES
from runtime.settings import Settings
from services.safety.backends import Judgement, SafetyBackend
from services.safety.corpus import HELD_OUT, TRAIN, Row, held_out, read_rows, write_rows
from services.safety.model import PATH, DangerNet, letter_groups, texts
from services.safety.service import CONTEXT, LOOKED_BACK, SafetyService
from services.safety.training import thresholds

CALL = Call("0" * 32, "assess", None)


class Counting(SafetyBackend):
    model = service_pb2.ModelInfo(backend="fake", model_id="counting")
    languages = ("en",)
    seen_from, ask_from = 0.5, 0.3

    def __init__(self) -> None:
        self.judged: list[tuple[str, ...]] = []

    def judge(self, talks: Sequence[Sequence[str]]) -> list[Judgement]:
        self.judged += map(tuple, talks)
        even = {kind: 1 / len(KINDS) for kind in KINDS}
        return [Judgement(even, {stage: 1 / len(STAGES) for stage in STAGES}) for _ in talks]


def dialogue(*turns: str, first: int = dialogue_pb2.ROLE_SPEAKER) -> safety_pb2.AssessRequest:
    roles = [first, 3 - first]
    said = [dialogue_pb2.Utterance(role=roles[place % 2], text=text) for place, text in enumerate(turns)]
    return safety_pb2.AssessRequest(dialogue=said)


@pytest.fixture
def service(settings: Settings) -> SafetyService:
    made = SafetyService(settings)
    made._backend = Counting()
    return made


async def test_each_of_the_last_utterances_is_judged_once(service: SafetyService) -> None:
    turns = [f"{place}" for place in range(13)]
    response = await service.assess(dialogue(*turns), CALL)
    assert [one.utterance for one in response.assessments] == [6, 8, 10, 12]
    backend = service._backend
    assert isinstance(backend, Counting)
    assert backend.judged[-1] == tuple(turns[-(CONTEXT + 1) :])
    assert len(backend.judged) == LOOKED_BACK
    await service.assess(dialogue(*turns, "13", "14"), CALL)
    assert len(backend.judged) == LOOKED_BACK + 1


async def test_a_talk_that_the_listener_opens_begins_with_the_person(service: SafetyService) -> None:
    await service.assess(dialogue("Hello!", "Hi.", first=dialogue_pb2.ROLE_LISTENER), CALL)
    backend = service._backend
    assert isinstance(backend, Counting)
    assert backend.judged == [("Hi.",)]


@pytest.mark.parametrize("request_", [safety_pb2.AssessRequest(), dialogue("Hi.", "Hello!")])
async def test_who_said_nothing_is_refused(
    service: SafetyService, request_: safety_pb2.AssessRequest
) -> None:
    with pytest.raises(InvalidInput, match="must end with what the person said"):
        await service.assess(request_, CALL)


def test_what_is_held_out_is_not_learned_from() -> None:
    trained, kept = read_rows(TRAIN), read_rows(HELD_OUT)
    assert trained
    assert kept
    assert not any(held_out(row.pair) for row in trained)
    assert all(held_out(row.pair) for row in kept)
    assert not {row.pair for row in trained} & {row.pair for row in kept}


def test_rows_survive_a_file(tmp_path: Path) -> None:
    rows = [
        Row("self_harm", ("I want to die.",), "first", "en", "a"),
        Row(NONE, ('"Yes"', "Tonight?", "Yes, [tonight]."), "", "en", "a"),
    ]
    write_rows(tmp_path / "rows.tsv", rows)
    assert read_rows(tmp_path / "rows.tsv") == rows


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("text\nhello\n", "kind is missing"),
        ("kind\ttext\nsad\thello\n", "line 2: the kind 'sad'"),
        ('kind\ttext\nnone\t["a", "b"]\n', "odd number"),
        ("kind\ttext\nnone\n", "line 2"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, content: str, fault: str) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text(content)
    with pytest.raises(InvalidInput, match=fault):
        read_rows(path)


def test_thresholds_keep_false_alarms_rare() -> None:
    rows = [Row(NONE, ("x",), "", "en", f"talk-{n}") for n in range(100)]
    rows += [Row("medical", ("y",), "first", "en", "pair-1")] * 50
    logits = np.zeros((150, len(KINDS)), np.float32)
    logits[:, 0] = np.linspace(6, 1, 150)
    logits[100:, KINDS.index("medical")] = 9
    chosen = thresholds(logits, rows)
    assert 0 < chosen["ask_from"] <= chosen["seen_from"] < 1


def test_what_the_network_reads_is_folded() -> None:
    assert texts(("Ｈi", "Hello", "I donʼt")) == ("hi | hello | i don't", "i don't")
    assert set(letter_groups("KILL")) == set(letter_groups("k1ll"))


def test_missing_weights_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"services\.safety\.training"):
        DangerNet.load(tmp_path / "none.safetensors")


@pytest.fixture(scope="module")
def judged() -> dict[str, float]:
    from services.safety.backends.embedded import EmbeddedBackend

    backend = EmbeddedBackend({})
    talks = {
        "plain": ("I want to die.",),
        "veiled": ("I gave my cat away this morning. She doesn't know it's for good, and neither do they.",),
        "harmless": ("We had soup and watched the rain.",),
        "idiom": ("This queue is killing me.",),
        "french": ("je ne veux plus vivre",),
    }
    found = backend.judge(list(talks.values()))
    return {name: 1 - one.kinds[NONE] for name, one in zip(talks, found, strict=True)} | {
        "seen_from": backend.seen_from
    }


def test_the_shipped_network_tells_danger_from_small_talk(judged: dict[str, float]) -> None:
    assert PATH.exists()
    assert judged["plain"] >= judged["seen_from"], judged
    assert judged["veiled"] > judged["harmless"], judged
    assert judged["french"] > judged["idiom"], judged
    for name in ("harmless", "idiom"):
        assert judged[name] < judged["seen_from"], judged
