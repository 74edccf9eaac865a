"""The network trained here on encoders that packages carry: no GPU, no download."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from empatheia.common.v1 import service_pb2
from pydantic import BaseModel, ConfigDict

from runtime.models import weight_hash
from runtime.safety import KINDS, STAGES
from services.safety.backends import Judgement, SafetyBackend
from services.safety.model import PATH, DangerNet, Reader, letter_groups


class Options(BaseModel):
    """The backend has no options."""

    model_config = ConfigDict(extra="forbid")


class EmbeddedBackend(SafetyBackend):
    """See the module."""

    languages = ("en", "es", "fr", "de", "pt", "it", "pl", "tr", "ar", "hi", "zh")

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Loads the encoders and the network.

        Raises:
            WeightsMissing: The weights are not there, damaged, or tuned from another encoder.
            pydantic.ValidationError: An option is unknown.
        """
        Options.model_validate(options)
        torch.set_num_threads(1)
        self._net, about = DangerNet.load()
        self._reader = Reader()
        self._one_at_a_time = threading.Lock()
        self._temperature = float(about["temperature"])
        self.seen_from = float(about["seen_from"])
        self.ask_from = float(about["ask_from"])
        self.model = service_pb2.ModelInfo(
            backend="embedded",
            model_id="danger 1 on all-MiniLM-L6-v2 and USE-m 3",
            weight_hash=weight_hash(PATH),
        )

    def judge(self, talks: Sequence[Sequence[str]]) -> list[Judgement]:
        """See `SafetyBackend.judge`."""
        groups = [letter_groups(talk[-1]) for talk in talks]
        with self._one_at_a_time, torch.inference_mode():
            read = torch.from_numpy(self._reader.features(talks))
            kinds, stages = self._net(talks, read, groups)
            kinds, stages = (kinds / self._temperature).softmax(1), stages.softmax(1)
        return [
            Judgement(dict(zip(KINDS, k, strict=True)), dict(zip(STAGES, s, strict=True)))
            for k, s in zip(kinds.tolist(), stages.tolist(), strict=True)
        ]
