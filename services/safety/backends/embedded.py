"""The networks trained here on encoders that packages carry: no GPU, no download.

English is judged by one network, everything else by another, which knows a hundred languages less well.
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from empatheia.common.v1 import service_pb2
from pydantic import BaseModel, ConfigDict, Field

from runtime.language import LANGUAGES, is_english
from runtime.models import weight_hash
from runtime.safety import KINDS, STAGES
from services.safety.backends import Judgement, SafetyBackend
from services.safety.model import ENGLISH, MULTILINGUAL, DangerNet, Talk


class Options(BaseModel):
    """Options of the backend."""

    model_config = ConfigDict(extra="forbid")

    threads: int = Field(default=2, ge=1)
    """That a judgement may use: the rest of a turn waits for it."""


class _Judge:
    """A network with its thresholds.

    It computes in bfloat16, as it was trained, where the processor can. 8-bit integers would be twice as
    fast, but lose half of the dangers: a few states of the upper layers are far larger than the rest.
    """

    def __init__(self, path: Path) -> None:
        self._net, about = DangerNet.load(path)
        if torch.cpu.get_capabilities().get("avx512_bf16"):
            self._net.model.to(torch.bfloat16)
        self._temperature = float(about["temperature"])
        self._from = {name: float(about[name]) for name in ("seen_from", "ask_from")}

    def judge(self, talks: Sequence[Talk]) -> list[Judgement]:
        with torch.inference_mode():
            kinds, stages = self._net.judge(talks)
            kinds, stages = (kinds / self._temperature).softmax(1), stages.softmax(1)
        return [
            Judgement(dict(zip(KINDS, k, strict=True)), dict(zip(STAGES, s, strict=True)), **self._from)
            for k, s in zip(kinds.tolist(), stages.tolist(), strict=True)
        ]


class EmbeddedBackend(SafetyBackend):
    """See the module."""

    languages = LANGUAGES

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Loads the encoders and the networks.

        Raises:
            WeightsMissing: The weights are not there, damaged, or tuned from another encoder.
            pydantic.ValidationError: An option is unknown.
        """
        torch.set_num_threads(Options.model_validate(options).threads)
        self._english, self._multilingual = _Judge(ENGLISH), _Judge(MULTILINGUAL)
        self._one_at_a_time = threading.Lock()
        self.model = service_pb2.ModelInfo(
            backend="embedded",
            model_id="danger 2 on all-mpnet-base-v2 and multilingual-e5-small",
            weight_hash=weight_hash(ENGLISH),
        )

    def judge(self, talks: Sequence[Talk]) -> list[Judgement]:
        """See `SafetyBackend.judge`."""
        judged: list[Judgement | None] = [None] * len(talks)
        english = [is_english(" ".join(talk[::2])) for talk in talks]
        with self._one_at_a_time:
            for side, judge in ((True, self._english), (False, self._multilingual)):
                places = [place for place, found in enumerate(english) if found == side]
                if places:
                    found = judge.judge([talks[place] for place in places])
                    for place, judgement in zip(places, found, strict=True):
                        judged[place] = judgement
        return [judgement for judgement in judged if judgement is not None]
