"""Other engines on the embedded reasoner's weights, and what each kind of product costs and loses."""

import asyncio
import importlib.util
import itertools
import json
import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from empatheia.reasoning.v1 import reasoning_pb2
from safetensors.torch import load_file
from tokenizers import Tokenizer

from services.reasoning import corpus, smollm2
from services.reasoning.linear import FloatLinear, PackedLinear, fastest
from services.reasoning.model import Llama, Shape, Span
from services.reasoning.prompt import render


@dataclass(frozen=True)
class Speed:
    """How fast an engine is in one round, in tokens a second and milliseconds."""

    read: float
    """Of a prompt that it has not seen."""
    first_ms: float
    """To the first token after a prompt that it has read before."""
    write: float
    """One sequence."""
    write_cpu: float
    """One sequence, tokens per second of processor time: what a busy machine changes least."""
    write_several: float | None
    """All sequences together, side by side; nothing if the engine can't."""


class Engine(ABC):
    """Something that reads and writes."""

    name: ClassVar[str]

    @abstractmethod
    async def speed(self, contexts: Sequence[reasoning_pb2.ReasoningContext]) -> Speed:
        """Measures a round on contexts that it has not seen: the first alone, then all side by side."""


class OpenVino(Engine):
    """OpenVINO GenAI on the GGUF file itself, whose 4-bit weights it keeps; prefix caching on."""

    name = "openvino"

    def __init__(self, pipeline: Any, config: Any, written: int) -> None:
        """Takes a loaded pipeline."""
        self._pipeline = pipeline
        self._config = config
        self._written = written

    @classmethod
    def load(cls, home: Path, threads: int, written: int) -> "OpenVino | None":
        """Loads the model; nothing if the package isn't installed."""
        if importlib.util.find_spec("openvino_genai") is None:
            return None
        import openvino_genai

        schedule = openvino_genai.SchedulerConfig()
        schedule.enable_prefix_caching = True
        schedule.cache_size = 1
        pipeline = openvino_genai.LLMPipeline(
            str(smollm2.gguf_path()), "CPU", scheduler_config=schedule, INFERENCE_NUM_THREADS=threads
        )
        config = openvino_genai.GenerationConfig()
        config.ignore_eos = True
        config.apply_chat_template = False
        made = cls(pipeline, config, written)
        made._ask(["Warm up."], 4)
        return made

    async def speed(self, contexts: Sequence[reasoning_pb2.ReasoningContext]) -> Speed:
        """See `Engine.speed`."""
        return await asyncio.to_thread(self._speed, list(map(_text, contexts)))

    def _speed(self, texts: Sequence[str]) -> Speed:
        fresh = self._ask(texts[:1], 1)
        cpu = time.process_time()
        one = self._ask(texts[:1], self._written)
        cpu = time.process_time() - cpu
        self._ask(texts, 1)
        began = time.perf_counter()
        self._ask(texts, self._written)
        took = time.perf_counter() - began
        return Speed(
            read=fresh.get_num_input_tokens() / fresh.get_ttft().mean * 1000,
            first_ms=one.get_ttft().mean,
            write=1000 / one.get_tpot().mean,
            write_cpu=self._written / cpu,
            write_several=len(texts) * self._written / took,
        )

    def _ask(self, texts: Sequence[str], tokens: int) -> Any:
        self._config.max_new_tokens = tokens
        return self._pipeline.generate(list(texts), self._config).perf_metrics


class Transformers(Engine):
    """The eager loop of transformers in float32."""

    name = "transformers"

    def __init__(self, model: Any, tokenizer: Tokenizer, written: int) -> None:
        """Takes a loaded model."""
        self._model = model
        self._tokenizer = tokenizer
        self._written = written

    @classmethod
    def load(cls, home: Path, threads: int, written: int) -> "Transformers":
        """Loads the converted model."""
        from transformers import AutoModelForCausalLM

        folder = smollm2.ensure(home)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        model.train(False)
        return cls(model, Tokenizer.from_file(str(folder / "tokenizer.json")), written)

    async def speed(self, contexts: Sequence[reasoning_pb2.ReasoningContext]) -> Speed:
        """See `Engine.speed`."""
        return await asyncio.to_thread(self._speed, _text(contexts[0]))

    @torch.inference_mode()
    def _speed(self, text: str) -> Speed:
        tokens = torch.tensor([self._tokenizer.encode(text, add_special_tokens=False).ids])
        count = tokens.shape[1]
        times = [time.perf_counter()]
        past, cpu = None, 0.0
        for _ in range(self._written):
            out = self._model(tokens, past_key_values=past, use_cache=True, logits_to_keep=1)
            past, tokens = out.past_key_values, out.logits[:, -1:].argmax(-1)
            times.append(time.perf_counter())
            cpu = cpu or time.process_time()
        cpu = time.process_time() - cpu
        steps = [after - before for before, after in itertools.pairwise(times[1:])]
        return Speed(
            read=count / (times[1] - times[0]),
            first_ms=statistics.median(steps) * 1000,
            write=len(steps) / sum(steps),
            write_cpu=len(steps) / cpu,
            write_several=None,
        )


@torch.inference_mode()
def products(home: Path, data: Path, threads: int) -> dict[str, Any]:
    """What each kind of product costs and loses on the first twelve dialogues."""
    torch.set_num_threads(threads)
    folder = smollm2.ensure(home)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    shape = Shape.from_config(json.loads((folder / "config.json").read_text()))
    texts = [_whole(conversation) for conversation in corpus.load(data)[:12]]
    table = {}
    for kind in (FloatLinear, PackedLinear):
        began = time.perf_counter()
        model = Llama(shape, load_file(folder / "model.safetensors"), kind)
        load_s = time.perf_counter() - began
        count, nats, reading = 0, 0.0, 0.0
        for text in texts:
            tokens = torch.tensor(tokenizer.encode(text, add_special_tokens=False).ids)
            began = time.perf_counter()
            hidden = model.read([Span(tokens, model.buffer(len(tokens)), 0)])
            reading += time.perf_counter() - began
            shares = model.logits(hidden[:-1]).log_softmax(-1)
            nats -= float(shares.gather(1, tokens[1:, None]).sum())
            count += len(tokens) - 1
        table[kind.__name__] = {
            "used_here": kind is fastest(),
            "load_s": round(load_s, 2),
            "read": round(count / reading),
            "nats_per_token": round(nats / count, 4),
        }
    return table


def _whole(conversation: corpus.Conversation) -> str:
    """A dialogue as the reasoner's prompts have it."""
    names = {"speaker": "Person", "listener": "Friend"}
    last = conversation.turns[-1]
    lines = [f"{names[said.role]}: {said.text}" for said in last.history]
    return "\n".join([*lines, f"Friend: {last.response}"] if last.response else lines)


def _text(context: reasoning_pb2.ReasoningContext) -> str:
    return "".join(render(context, "", 10_000, lambda text: 0).parts)
