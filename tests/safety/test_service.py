"""The service: what it judges, what it keeps, and that the network is sound."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from empatheia.common.v1 import dialogue_pb2, service_pb2
from empatheia.safety.v1 import safety_pb2

from agents.safety.assessment import _READ_BACK
from runtime.errors import InvalidInput, WeightsMissing
from runtime.hosting.service import Call
from runtime.safety import KINDS, NONE, STAGES
from runtime.settings import Settings
from services.safety.backends import Judgement, SafetyBackend
from services.safety.corpus import HELD_OUT, TRAIN, Row, read_rows, write_rows
from services.safety.encoders import ENCODERS, Encoder, load_encoder
from services.safety.model import ENGLISH, MULTILINGUAL, DangerNet
from services.safety.service import CONTEXT, LOOKED_BACK, SafetyService
from services.safety.training import thresholds

CALL = Call("0" * 32, "assess", None)


class Counting(SafetyBackend):
    model = service_pb2.ModelInfo(backend="fake", model_id="counting")
    languages = ("en",)

    def __init__(self) -> None:
        self.judged: list[tuple[str, ...]] = []

    def judge(self, talks: Sequence[Sequence[str]]) -> list[Judgement]:
        self.judged += map(tuple, talks)
        even = {kind: 1 / len(KINDS) for kind in KINDS}
        stages = {stage: 1 / len(STAGES) for stage in STAGES}
        return [Judgement(even, stages, seen_from=0.5, ask_from=0.3) for _ in talks]


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


def test_the_service_looks_back_as_far_as_a_turn_reads() -> None:
    assert _READ_BACK + 1 == LOOKED_BACK


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
    assert not {row.pair for row in trained} & {row.pair for row in kept}
    assert not {row.talk for row in trained} & {row.talk for row in kept}


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


@pytest.fixture(scope="module")
def encoders() -> dict[str, Encoder]:
    return {name: load_encoder(name) for name in ENCODERS}


def test_the_encoders_are_as_their_makers_meant_them(encoders: dict[str, Encoder]) -> None:
    def likeness(name: str, first: str, second: str) -> float:
        of = encoders[name]
        vectors = []
        for text in (first, second):
            ids = torch.tensor([[of.begin, *of.prefix, *of.ids(text), of.end]])
            with torch.inference_mode():
                vectors.append(of.model(ids).last_hidden_state[0].mean(0))
        return float(torch.cosine_similarity(*vectors, dim=0))

    near = "My dog died last week.", "We lost our old spaniel."
    far = "My dog died last week.", "The bus leaves at nine."
    assert likeness("mpnet", *near) > likeness("mpnet", *far) + 0.3
    near = "Ma sœur attend un enfant.", "मेरी बहन माँ बनने वाली है।"
    far = "Ma sœur attend un enfant.", "कल बाज़ार बंद रहेगा।"
    assert likeness("e5", *near) > likeness("e5", *far) + 0.05


def test_what_the_network_reads_is_folded_and_marked(encoders: dict[str, Encoder]) -> None:
    net = DangerNet(encoders["mpnet"])
    assert net.tokens(("I donʼt know",)) == net.tokens(("Ｉ don't know",))
    assert net.tokens(("KILL",)) == net.tokens(("k1ll",))
    ids, start = net.tokens(("Hello", "Yes?", "no"))
    assert ids[start:] == [*encoders["mpnet"].ids("no"), encoders["mpnet"].end]
    assert ids[1:start] != net.tokens(("Yes?", "Hello", "no"))[0][1:start]


def test_a_talk_of_any_length_fits(encoders: dict[str, Encoder]) -> None:
    for encoder in encoders.values():
        net = DangerNet(encoder).eval()
        long = "one two three " * 400
        with torch.inference_mode():
            kinds, stages = net.judge([(long, long, long, long, long), ("?",), ("\u200b",)])
        assert kinds.shape == (3, len(KINDS))
        assert stages.shape == (3, len(STAGES))
        assert torch.isfinite(kinds).all()


def test_low_rank_changes_survive_a_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = DangerNet(load_encoder("mpnet"))
    net.adapt(layers=1, rank=2)
    for name, parameter in net.model.named_parameters():
        if name.endswith(".up"):
            torch.nn.init.normal_(parameter, std=0.05)
    net.save(tmp_path / "net.safetensors", {"made": "now"})
    again, about = DangerNet.load(tmp_path / "net.safetensors")
    assert about["made"] == "now"
    with torch.inference_mode():
        wanted, _ = net.eval().judge([("I am here.",)])
        found, _ = again.judge([("I am here.",)])
    assert torch.allclose(wanted, found, atol=0.01)


def test_missing_weights_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"services\.safety\.training"):
        DangerNet.load(tmp_path / "none.safetensors")


@pytest.fixture(scope="module")
def judged() -> dict[str, Judgement]:
    from services.safety.backends.embedded import EmbeddedBackend

    talks = {
        "plain": ("I want to die.",),
        "veiled": ("I gave my cat away this morning. She doesn't know it's for good, and neither do they.",),
        "harmless": ("We had soup and watched the rain.",),
        "idiom": ("This queue is killing me.",),
        "french": ("je ne veux plus vivre",),
        "français": ("on a mangé une soupe et regardé la pluie",),
    }
    return dict(zip(talks, EmbeddedBackend({}).judge(list(talks.values())), strict=True))


def test_the_shipped_networks_tell_danger_from_small_talk(judged: dict[str, Judgement]) -> None:
    assert ENGLISH.exists()
    assert MULTILINGUAL.exists()
    assert judged["veiled"].kinds[NONE] < judged["harmless"].kinds[NONE]
    for name in ("plain", "french"):
        assert 1 - judged[name].kinds[NONE] >= judged[name].seen_from, name
        assert max(judged[name].kinds, key=judged[name].kinds.__getitem__) == "self_harm"
    for name in ("harmless", "idiom", "français"):
        assert 1 - judged[name].kinds[NONE] < judged[name].ask_from, name
