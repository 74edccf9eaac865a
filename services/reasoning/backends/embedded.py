"""SmolLM2-135M-Instruct on the CPU."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from empatheia.common.v1 import service_pb2
from empatheia.reasoning.v1 import reasoning_pb2
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from runtime.models import weight_hash
from services.reasoning import adapter, smollm2
from services.reasoning.backends import WARM_UP, Answer, Backend, Scores, checked
from services.reasoning.cache import ReadingCache
from services.reasoning.model import Llama, Shape
from services.reasoning.scheduler import Scheduler
from services.reasoning.tasks import Bounds, Tasks


class Options(BaseModel):
    """Options of the backend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    adapter: str = ""
    """Folder of a LoRA adapter for the model; empty is the one shipped, `none` the model as it came."""
    threads: int = Field(1, ge=1, le=256)
    """Cores of one product. More than one helps on an idle machine and hurts much on a busy one."""
    dialogue_tokens: int = Field(640, ge=64, le=4096)
    """Most tokens of the dialogue; older utterances are left out."""
    context_tokens: int = Field(3072, ge=512, le=8192)
    """Most tokens of everything."""
    max_tokens: int = Field(48, ge=1, le=512)
    """Length of an answer where the caller doesn't say."""
    batch: int = Field(8, ge=1, le=64)
    """Calls that advance together; further ones wait in line."""
    cached_turns: int = Field(8, ge=1, le=1024)
    """Turns whose reading is kept."""
    cache_mb: int = Field(256, ge=16)
    """Bound on these readings."""


class Embedded(Backend):
    """A small Llama that reads each word of a turn once."""

    def __init__(self, options: dict[str, Any], home: Path) -> None:
        """Checks the options."""
        self._options = checked(Options, options)
        self._home = home

    async def start(self) -> None:
        """Loads the model, converting it the first time, and writes a word."""
        await asyncio.to_thread(self._load)
        async for _ in self.generate(WARM_UP, ""):
            pass

    async def stop(self) -> None:
        """Gives up what is under way, and lets the model go."""
        await asyncio.to_thread(self._scheduler.stop)
        del self._scheduler, self._tasks

    def _load(self) -> None:
        torch.set_num_threads(self._options.threads)
        folder = smollm2.ensure(self._home)
        with ThreadPoolExecutor(1) as pool:
            hashed = pool.submit(weight_hash, folder / "model.safetensors")
            self._load_from(folder)
        self._hash = hashed.result()
        if tuned := self._adapter():
            self._hash += f"+{weight_hash(tuned / adapter.WEIGHTS)}"

    def _load_from(self, folder: Path) -> None:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        shape = Shape.from_config(json.loads((folder / "config.json").read_text()))
        weights: Mapping[str, Tensor] = load_file(folder / "model.safetensors")
        if tuned := self._adapter():
            weights = adapter.Merged(weights, tuned)
        model = Llama(shape, weights)
        own = self._options
        cache = ReadingCache(model.buffer, most=own.cached_turns, most_bytes=own.cache_mb << 20)
        bounds = Bounds(own.dialogue_tokens, own.context_tokens, own.max_tokens)
        self._tasks = Tasks(model, tokenizer, cache, bounds)
        self._scheduler = Scheduler(model, own.batch)

    def _adapter(self) -> Path | None:
        """Folder of the adapter that tunes the model, if one does."""
        name = self._options.adapter
        return {"": adapter.SHIPPED, "none": None}.get(name, Path(name))

    def describe(self) -> service_pb2.ServiceDescription:
        """See `Backend.describe`."""
        return service_pb2.ServiceDescription(
            model=service_pb2.ModelInfo(
                backend="embedded", model_id=smollm2.MODEL_ID, weight_hash=self._hash
            ),
            capabilities=["streaming", "choose", "logprobs", "signals", "prefill", "kv_cache"],
            limits={
                "context_tokens": self._options.context_tokens,
                "dialogue_tokens": self._options.dialogue_tokens,
            },
            languages=["en"],
            notices=["SmolLM2-135M-Instruct: Apache-2.0"],
        )

    async def generate(
        self, request: reasoning_pb2.GenerateRequest, turn_id: str
    ) -> AsyncIterator[str | Answer]:
        """See `Backend.generate`."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()

        def give(piece: str) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        task = self._tasks.write(request, turn_id, give)
        answer = asyncio.wrap_future(self._scheduler.submit(task))
        answer.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            yield await answer
        finally:
            answer.cancel()

    async def score(self, request: reasoning_pb2.ChooseRequest, turn_id: str) -> Scores:
        """See `Backend.score`."""
        return await asyncio.wrap_future(self._scheduler.submit(self._tasks.score(request, turn_id)))
