"""The networks trained here on encoders that packages carry: no GPU, no download.

English is judged by one network, everything else by another, which knows a hundred languages less well.
"""

import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from empatheia.common.v1 import service_pb2
from pydantic import BaseModel, ConfigDict
from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

from runtime.language import LANGUAGES, is_english
from runtime.models import weight_hash
from runtime.safety import KINDS, STAGES
from services.safety.backends import Judgement, SafetyBackend
from services.safety.model import ENGLISH, MULTILINGUAL, DangerNet, Talk


class Options(BaseModel):
    """The backend has no options."""

    model_config = ConfigDict(extra="forbid")


class _Judge:
    """A network with its thresholds, its linear layers in 8-bit integers: three times as fast."""

    def __init__(self, path: Path) -> None:
        self._net, about = DangerNet.load(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._net.model = quantize_dynamic(
                self._net.model, {torch.nn.Linear: per_channel_dynamic_qconfig}, inplace=True
            )
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
        Options.model_validate(options)
        torch.set_num_threads(1)
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
