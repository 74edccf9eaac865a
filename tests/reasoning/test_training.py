"""Chain-of-Empathy learning, on a random model of two layers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from runtime.errors import EmpatheiaError, InvalidInput
from services.reasoning import adapter, blending, training
from services.reasoning.corpus import Annotation, Said, Turn
from services.reasoning.samples import IGNORED, Sample, encode, samples
from services.reasoning.trainer import Progress, Trainer
from services.reasoning.training_config import TrainingConfig

pytest.importorskip("peft")

DOG = Turn(
    (Said("speaker", "My dog died."), Said("listener", "Oh no."), Said("speaker", "He was so old.")),
    "You must miss him.",
    "sad",
    Annotation("Pet loss.", "Dog died.", "Offer comfort."),
)
ROW = {
    "conversation_id": "00001",
    "turns": [
        {
            "turn_id": "0",
            "context": "My dog died.",
            "dialogue_history": [{"index": 0, "role": "speaker", "utterance": "My dog died."}],
            "response": "I'm so sorry.",
            "chain_of_empathy": {
                "speaker_emotion": "sad",
                "event_scenario": "Pet loss",
                "emotion_cause": "Dog died",
                "goal_to_response": "Offering comfort",
            },
        }
    ],
}


def characters(text: str) -> list[int]:
    return [ord(char) for char in text]


def answers(sample: Sample) -> str:
    return "".join(chr(label) for label in sample.labels if label != IGNORED)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Llama and a tokenizer of bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("tiny")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=256,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    LlamaForCausalLM(shape).save_pretrained(str(folder))
    return folder


def config(folder: Path, **more: Any) -> TrainingConfig:
    values = {"model": str(folder), "dtype": "float32", "lora": {"rank": 2, "dropout": 0.1}, "rate": 0.01}
    return TrainingConfig.model_validate(values | {"epochs": 3, "batch_tokens": 600} | more)


def trainer(settings: TrainingConfig) -> Trainer:
    model, tokenizer, device = training.load_base(settings, Path("unused"))
    found = samples(
        [DOG, DOG, DOG], lambda text: tokenizer(text, add_special_tokens=False).input_ids, settings
    )
    return Trainer(settings, found, model, device)


def learned(done: Trainer) -> list[Tensor]:
    return [weight.detach().clone() for weight in done.model.parameters() if weight.requires_grad]


def test_loss_is_on_the_chain_and_the_reply_alone() -> None:
    sample = encode(DOG, characters, most_tokens=1000)
    text = "".join(map(chr, sample.tokens))
    assert answers(sample) == (
        " Pet loss.\n They feel sad.\n Dog died.\n Offer comfort.\n You must miss him.\n"
    )
    assert text.endswith("What would help them? Offer comfort.\nFriend: You must miss him.\n")
    assert "Person: He was so old.\nWhat happened? Pet loss.\n" in text


def test_what_is_not_known_is_not_asked() -> None:
    sample = encode(Turn(DOG.history, DOG.response, "sad"), characters, most_tokens=1000)
    assert answers(sample) == " They feel sad.\n You must miss him.\n"
    causes = encode(Turn(DOG.history, "", "", Annotation("", "Dog died.", "")), characters, most_tokens=1000)
    assert answers(causes) == " Dog died.\n"
    assert not "".join(map(chr, causes.tokens)).endswith("Friend:")


def test_a_long_dialogue_loses_its_oldest_turns_not_its_answers() -> None:
    long = Turn(DOG.history * 20, DOG.response, DOG.emotion, DOG.annotation)
    sample = encode(long, characters, most_tokens=400)
    assert len(sample.tokens) <= 400
    assert answers(sample).endswith("You must miss him.\n")


def test_earlier_turns_can_show_what_was_felt() -> None:
    text = "".join(map(chr, encode(DOG, characters, most_tokens=1000, show_felt=True).tokens))
    assert "Person (sad): My dog died." in text
    assert "Person: He was so old." in text


def test_rare_emotions_weigh_more(tiny: Path) -> None:
    rare = Turn(DOG.history, DOG.response, "proud")
    found = samples([*[DOG] * 8, rare], characters, config(tiny, balance=1.0))
    assert max(found[-1].weights) > 1 > min(found[0].weights)


def test_a_resumed_run_gives_the_same_weights(tiny: Path, tmp_path: Path) -> None:
    settings = config(tiny)
    whole = trainer(settings)
    losses = [at.loss for at in whole.run()]
    assert losses[-1] < losses[0]
    first = trainer(settings)
    list(first.run(until=4))
    first.keep(tmp_path)
    second = trainer(settings)
    assert second.resume(tmp_path)
    assert [at.loss for at in second.run()] == losses[4:]
    for one, other in zip(learned(whole), learned(second), strict=True):
        assert torch.equal(one, other)


def test_a_checkpoint_of_another_training_is_refused(tiny: Path, tmp_path: Path) -> None:
    trainer(config(tiny)).keep(tmp_path)
    with pytest.raises(InvalidInput, match="another config"):
        trainer(config(tiny, seed=1)).resume(tmp_path)


def test_the_adapter_comes_with_its_card_and_merges(tiny: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    data = tmp_path / "train.json"
    data.write_text(json.dumps([ROW] * 3))
    out = tmp_path / "adapter"
    told: list[Progress] = []
    training.learn(config(tiny), [data], tmp_path, out, told.append)
    assert told[-1].step == told[-1].steps == len(told)
    card = (out / "README.md").read_text()
    assert "train.json" in card
    assert "rank: 2" in card
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "train.json"]

    weights = adapter.Merged(load_file(tiny / "model.safetensors"), out)
    plain: Any = AutoModelForCausalLM.from_pretrained(tiny)
    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny), str(out)).eval()
    tokens = torch.arange(9)[None]
    with torch.inference_mode():
        want = tuned(input_ids=tokens).logits
        assert not torch.allclose(plain(input_ids=tokens).logits, want, atol=1e-4)
        plain.load_state_dict(weights, strict=False)
        torch.testing.assert_close(plain(input_ids=tokens).logits, want, atol=1e-4, rtol=1e-4)


@pytest.mark.timeout(180)
def test_two_workers_take_the_steps_that_one_takes_with_batches_twice_as_large(
    tiny: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    data = tmp_path / "train.json"
    data.write_text(json.dumps([ROW] * 4))
    single = config(tiny, lora={"rank": 2}, batch_tokens=8)
    length = len(encode(training.turns_of([data], single)[0], characters, most_tokens=512).tokens)
    one, two = tmp_path / "one", tmp_path / "two"
    double = single.model_copy(update={"batch_tokens": 2 * length})
    training.learn(double, [data], tmp_path, one, lambda _: None)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(single.model_dump()))
    files = ("--data", str(data), "--out", str(two), "--config", str(path))
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "train", "coe", "--workers", "2", *files],
        env={**os.environ, "RAY_ADDRESS": "local", "EMPATHEIA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    weights, wanted = load_file(two / adapter.WEIGHTS), load_file(one / adapter.WEIGHTS)
    for name, want in wanted.items():
        torch.testing.assert_close(weights[name].float(), want.float(), atol=1e-3, rtol=1e-3)


def test_a_training_goes_on_from_an_adapter(tiny: Path, tmp_path: Path) -> None:
    before = trainer(config(tiny))
    list(before.run())
    before.save(tmp_path / "first", "card")
    after = trainer(config(tiny, start_from=str(tmp_path / "first"), rate=1e-4, lora={"rank": 2}))
    for one, other in zip(learned(before), learned(after), strict=True):
        torch.testing.assert_close(one.float(), other.float(), atol=1e-3, rtol=1e-3)
    assert next(after.run()).loss < next(trainer(config(tiny)).run()).loss


def test_an_adapter_that_is_none_or_of_another_size_is_no_start(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"config\.start_from"):
        trainer(config(tiny, start_from=str(tmp_path)))
    trainer(config(tiny)).save(tmp_path / "two", "card")
    with pytest.raises(InvalidInput, match=r"config\.start_from"):
        trainer(config(tiny, start_from=str(tmp_path / "two"), lora={"rank": 4}))


def test_a_blend_lies_between_two_adapters(tiny: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    one, other, out = tmp_path / "one", tmp_path / "other", tmp_path / "out"
    trainer(config(tiny)).save(one, "card")
    done = trainer(config(tiny, start_from=str(one)))
    list(done.run())
    done.save(other, "card")
    blending.blend(one, other, 0.25, out)
    first, second, mean = (load_file(folder / adapter.WEIGHTS) for folder in (one, other, out))
    for name, part in mean.items():
        torch.testing.assert_close(
            part.float(), 0.75 * first[name].float() + 0.25 * second[name].float(), atol=2e-3, rtol=2e-3
        )
    assert "0.25 of what this training gave" in (out / "README.md").read_text()
    with pytest.raises(InvalidInput, match="there already"):
        blending.blend(one, other, 0.5, out)
    trainer(config(tiny, lora={"rank": 4})).save(tmp_path / "four", "card")
    for folder, problem in ((tmp_path / "four", "different form"), (tmp_path / "none", "none")):
        with pytest.raises(InvalidInput, match=problem):
            blending.blend(one, folder, 0.5, tmp_path / "new")


def test_an_adapter_of_another_model_is_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(EmpatheiaError, match="no adapter in"):
        adapter.Merged({}, tmp_path)
    done = trainer(config(tiny))
    done.save(tmp_path / "adapter", "card")
    with pytest.raises(EmpatheiaError, match="another model"):
        adapter.Merged({}, tmp_path / "adapter")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("model: x\nrank: 3\n", "config.rank"),
        ("model: x\nrate: -1\n", "config.rate"),
        ("{", "x.yaml"),
    ],
)
def test_a_wrong_config_says_what_is_wrong(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=problem):
        TrainingConfig.read(path)


def test_the_configs_in_the_tree_are_right() -> None:
    for path in training.CONFIGS.glob("*.yaml"):
        assert TrainingConfig.read(path).model


def test_a_model_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"config\.model"):
        training.load_base(config(tmp_path / "nothing"), tmp_path)


def test_nothing_to_learn_is_an_error(tiny: Path) -> None:
    with pytest.raises(InvalidInput, match="no turn"):
        samples([Turn(DOG.history, "", "")], characters, config(tiny))
