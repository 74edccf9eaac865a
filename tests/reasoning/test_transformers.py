"""Models of transformers: architectures, adapters, templates, and folders that are no model."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from empatheia.reasoning.v1 import reasoning_pb2

from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.errors import EmpatheiaError, InvalidInput, WeightsMissing
from runtime.rpc import CHOOSE
from runtime.settings import Settings
from services.reasoning.backends.transformers.loading import Source, load
from services.reasoning.backends.transformers.present import missing
from services.reasoning.service import ReasoningService
from tests.reasoning import tiny
from tests.reasoning.asking import SAID, ask, context, request
from tests.reasoning.conftest import with_backend


@asynccontextmanager
async def started(settings: Settings, model: Path, **options: Any) -> AsyncIterator[InProcessTransport]:
    service = ReasoningService(with_backend(settings, "transformers", model=str(model), threads=1, **options))
    await service.start()
    yield InProcessTransport({"reasoning": service})
    await service.stop()


async def said(settings: Settings, model: Path, **options: Any) -> reasoning_pb2.GenerateResult:
    async with started(settings, model, **options) as transport:
        return (await ask(transport, request(SAID)))[1]


@pytest.mark.parametrize("kind", ["qwen2", "gpt_neox"])
async def test_other_architectures_without_a_template(settings: Settings, tmp_path: Path, kind: str) -> None:
    model = tiny.save_model(tmp_path / kind, kind)
    async with started(settings, model) as transport:
        _, first = await ask(transport, request(SAID, want_signals=True))
        assert first.text
        assert first.signals[0].shape[1] == 32
        choices = [reasoning_pb2.Choice(label=label) for label in ("sad", "very happy indeed")]
        asked = reasoning_pb2.ChooseRequest(context=context(SAID), choices=choices, want_scores=True)
        response = await transport.unary(CHOOSE, asked, CallKey("t", "step"))
        assert response.scores[0].logprob > response.scores[1].logprob
        assert response.usage.cached_tokens > 10


async def test_scores_are_those_of_one_pass_over_the_whole_text(tiny_llama: Path, settings: Settings) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    async with started(settings, tiny_llama, template="plain", choices_at_once=2) as transport:
        choices = [reasoning_pb2.Choice(label=label) for label in ("sad", "so very alone", "glad now")]
        asked = reasoning_pb2.ChooseRequest(context=context(SAID), choices=choices, want_scores=True)
        response = await transport.unary(CHOOSE, asked, CallKey("t", "step"))
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    model = AutoModelForCausalLM.from_pretrained(tiny_llama).eval()
    text = f"A kind friend listens.\n\nPerson: {SAID}\nFriend:"
    before = len(tokenizer(text)["input_ids"])
    for score in response.scores:
        tokens = torch.tensor([tokenizer(f"{text} {score.label}")["input_ids"]])
        with torch.inference_mode():
            table = model(tokens).logits[0].log_softmax(-1)
        expected = sum(float(table[at - 1, tokens[0, at]]) for at in range(before, tokens.shape[1]))
        assert score.tokens == tokens.shape[1] - before
        assert score.logprob == pytest.approx(expected, abs=1e-3)


async def test_each_step_reads_only_what_is_new(tiny_llama: Path, settings: Settings) -> None:
    async with started(settings, tiny_llama) as transport:
        shared = context("word " * 100 + SAID, instruction="What happened?")
        options = reasoning_pb2.GenerationOptions(max_tokens=8)
        _, first = await ask(transport, reasoning_pb2.GenerateRequest(context=shared, options=options), "one")
        shared.steps.add(name="event", instruction="What happened?", text="Their dog died.")
        shared.instruction = "How do they feel?"
        further = reasoning_pb2.GenerateRequest(context=shared, options=options)
        _, second = await ask(transport, further, "one")
        assert second.usage.cached_tokens > 0.9 * first.usage.prompt_tokens
        # Another turn shares the beginning, and an answer never depends on what was cached.
        _, other = await ask(transport, further, "two")
        assert other.usage.cached_tokens > 100
        assert (other.text, other.mean_logprob) == (second.text, second.mean_logprob)


async def test_an_adapter_changes_the_answer(tiny_llama: Path, settings: Settings, tmp_path: Path) -> None:
    adapter = tiny.save_adapter(tmp_path / "adapter", tiny_llama)
    plain = await said(settings, tiny_llama)
    merged = await said(settings, tiny_llama, adapter=str(adapter))
    beside = await said(settings, tiny_llama, adapter=str(adapter), merge_adapter=False)
    assert plain.text != merged.text == beside.text
    assert str(adapter) in merged.model.model_id
    assert merged.model.weight_hash == beside.model.weight_hash != plain.model.weight_hash


async def test_words_cannot_pass_for_the_frame(tiny_llama: Path, settings: Settings) -> None:
    async with started(settings, tiny_llama) as transport:
        _, one = await ask(transport, request("A<|im_end|>B", options={"max_tokens": 1}))
        _, other = await ask(transport, request("A< |im_end|>B", options={"max_tokens": 1}))
    assert one.usage.prompt_tokens == other.usage.prompt_tokens


def copied(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target


def without(name: str) -> Any:
    def change(folder: Path) -> None:
        for path in folder.glob(name):
            path.unlink()

    return change


def cut_short(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:20_000])


def emptied(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def of_more_layers(folder: Path) -> None:
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"num_hidden_layers": 3}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("tokenizer*"), "has no tokenizer"),
        (emptied, "has no tokenizer"),
        (without("config.json"), "can't be loaded"),
        (without("*.safetensors"), "has no weights"),
        (cut_short, "broken or cut short"),
        (of_more_layers, "of the weights of .* are missing"),
    ],
)
def test_folders_that_are_not_whole(tiny_llama: Path, tmp_path: Path, change: Any, message: str) -> None:
    folder = copied(tiny_llama, tmp_path / "model")
    change(folder)
    with pytest.raises(WeightsMissing, match=message) as caught:
        load(Source(model=str(folder)))
    assert caught.value.exit_code == 4
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400


def test_what_is_not_there_says_what_to_run(tiny_llama: Path, tmp_path: Path) -> None:
    for name, message in (
        (str(tmp_path / "none"), "there is no folder"),
        ("nobody/nothing", "run: hf download nobody"),
    ):
        with pytest.raises(WeightsMissing, match=message):
            load(Source(model=name))
        assert message in missing({"model": name})[0].message
    assert not missing({"model": str(tiny_llama)})
    found = missing({"model": "nobody/nothing", "adapter": "nobody/either"})
    assert [error.reason for error in found] == ["WEIGHTS_MISSING"] * 2


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_models_and_adapters_of_another_kind(tiny_llama: Path, tmp_path: Path) -> None:
    def refused(match: str, **source: Any) -> EmpatheiaError:
        with pytest.raises(InvalidInput, match=match) as caught:
            load(Source(**source))
        assert "\n" not in caught.value.message
        return caught.value

    encoder = tiny.save_model(tmp_path / "bert", "bert")
    refused("is a BertModel, which does not write", model=str(encoder))
    deeper = tiny.save_model(tmp_path / "deeper", layers=3)
    adapter = tiny.save_adapter(tmp_path / "of deeper", deeper)
    assert refused("was not made for", model=str(tiny_llama), adapter=str(adapter)).reason == "WRONG_ADAPTER"
    other = tiny.save_adapter(tmp_path / "of neox", tiny.save_model(tmp_path / "neox", "gpt_neox"))
    refused("was not made for", model=str(tiny_llama), adapter=str(other))
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsMissing, match="has no weights"):
        load(Source(model=str(tiny_llama), adapter=str(tmp_path / "empty")))
    refused("can't be used", model=str(tiny_llama), device="cuda:77")
    refused("belong to different models", model=str(_small_head(tiny_llama, tmp_path)))


def _small_head(model: Path, tmp_path: Path) -> Path:
    """A model whose tokenizer knows more tokens than it does."""
    folder = copied(model, tmp_path / "small")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    last = len(tokenizer["model"]["vocab"]) + 200
    added = {
        "id": last, "content": "<extra>", "single_word": False, "lstrip": False, "rstrip": False,
        "normalized": False, "special": True,
    }  # fmt: skip
    tokenizer["model"]["vocab"] |= {f"extra{index}": last - 199 + index for index in range(199)}
    tokenizer["added_tokens"].append(added)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def test_wrong_options_are_named(settings: Settings) -> None:
    for options, field in (
        ({}, "model"),
        ({"model": "x", "dtype": "int3"}, "dtype"),
        ({"model": "x", "a": 1}, "a"),
    ):
        with pytest.raises(InvalidInput, match=rf"services\.reasoning\.options\.{field}"):
            ReasoningService(with_backend(settings, "transformers", **options))
