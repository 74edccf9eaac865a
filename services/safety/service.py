"""The gRPC face of safety: checks what comes in, and judges the person's last utterances."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from empatheia.common.v1 import affect_pb2, dialogue_pb2, service_pb2
from empatheia.safety.v1 import safety_pb2

from runtime.errors import InvalidInput
from runtime.hosting.service import Call, Service
from runtime.registry import pick
from runtime.safety import NONE
from runtime.settings import Settings
from runtime.telemetry.schema import Attributes, Spans
from runtime.telemetry.tracing import annotate, span
from services.safety.backends import BACKENDS, Judgement, SafetyBackend

LOOKED_BACK = 4
"""Utterances of the person that are judged: the newest, and those before it."""
CONTEXT = 6
"""Utterances before the judged one that are read with it."""
_KEPT = 512
"""Judgements that are kept, so that a talk that goes on costs one utterance a turn."""

_Talk = tuple[str, ...]


class SafetyService(Service):
    """Sees danger in what people say."""

    name = "safety"

    def __init__(self, settings: Settings) -> None:
        """See `Service`."""
        super().__init__(settings)
        self._backend: SafetyBackend
        self._kept: OrderedDict[_Talk, Judgement] = OrderedDict()

    async def start(self) -> None:
        """See `Service.start`."""
        make = pick(BACKENDS, self.own.backend, what="safety backend")
        self._backend = await asyncio.to_thread(make, self.own.options)
        await asyncio.to_thread(self._backend.judge, [("Hello.",), ("Hello.", "Hello.", "How are you?")])

    def describe(self) -> service_pb2.ServiceDescription:
        """See `Service.describe`."""
        return service_pb2.ServiceDescription(
            name=self.name,
            version=version("empatheia"),
            model=self._backend.model,
            limits={"utterances": LOOKED_BACK, "context": CONTEXT},
            languages=self._backend.languages,
        )

    async def assess(self, request: safety_pb2.AssessRequest, call: Call) -> safety_pb2.AssessResponse:
        """Assesses the person's last utterances, each in its context.

        Raises:
            InvalidInput: The dialogue is empty, or its last utterance is not the person's.
        """
        talks = _talks(request.dialogue)
        known = {talk: self._kept[talk] for talk in talks.values() if talk in self._kept}
        new = [talk for talk in dict.fromkeys(talks.values()) if talk not in known]
        model = self._backend.model
        attributes = {Attributes.MODEL_ID: model.model_id, Attributes.WEIGHT_HASH: model.weight_hash}
        with span(Spans.MODEL.format(name="danger"), attributes) as current:
            judged = await asyncio.to_thread(self._backend.judge, new) if new else []
            known.update(zip(new, judged, strict=True))
            newest = known[next(reversed(talks.values()))]
            annotate(current, {Attributes.SAFETY_CONFIDENCE: 1 - newest.kinds[NONE]})
        response = safety_pb2.AssessResponse(model=model)
        for utterance, talk in talks.items():
            self._kept[talk] = known[talk]
            self._kept.move_to_end(talk)
            response.assessments.append(_assessment(utterance, known[talk]))
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return response


def _assessment(utterance: int, judgement: Judgement) -> safety_pb2.Assessment:
    return safety_pb2.Assessment(
        utterance=utterance,
        kinds=_distribution(judgement.kinds),
        stages=_distribution(judgement.stages),
        seen_from=judgement.seen_from,
        ask_from=judgement.ask_from,
    )


def _talks(dialogue: Sequence[dialogue_pb2.Utterance]) -> dict[int, _Talk]:
    """The talk up to each of the person's last utterances, by its index, oldest first.

    What one of both says in a row counts as one utterance.
    """
    if not dialogue or dialogue[-1].role != dialogue_pb2.ROLE_SPEAKER:
        raise InvalidInput.of("dialogue", "must end with what the person said", reason="NOTHING_SAID")
    for index, said in enumerate(dialogue):
        if said.role not in (dialogue_pb2.ROLE_SPEAKER, dialogue_pb2.ROLE_LISTENER):
            raise InvalidInput.of(f"dialogue[{index}].role", "must be speaker or listener", reason="BAD_ROLE")
    places = [index for index, said in enumerate(dialogue) if said.role == dialogue_pb2.ROLE_SPEAKER]
    return {place: _by_turns(dialogue[: place + 1]) for place in places[-LOOKED_BACK:]}


def _by_turns(said: Sequence[dialogue_pb2.Utterance]) -> _Talk:
    turns: list[tuple[int, str]] = []
    for one in said:
        if turns and turns[-1][0] == one.role:
            turns[-1] = (one.role, f"{turns[-1][1]} {one.text}")
        else:
            turns.append((one.role, one.text))
    newest = turns[-(CONTEXT + 1) :]
    # A talk begins with the person: an even number of turns has lost their first.
    return tuple(text for _, text in newest[(len(newest) + 1) % 2 :])


def _distribution(probabilities: Mapping[str, float]) -> affect_pb2.Distribution:
    ranked = sorted(probabilities.items(), key=lambda entry: -entry[1])
    return affect_pb2.Distribution(
        entries=[affect_pb2.LabelProbability(label=label, probability=p) for label, p in ranked]
    )
