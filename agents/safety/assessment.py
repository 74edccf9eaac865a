"""Whether somebody is in danger: the classifier, and beside it the net of plain phrases."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from empatheia.common.v1 import safety_pb2 as common_safety_pb2
from empatheia.safety.v1 import safety_pb2
from pydantic import BaseModel, ConfigDict

from agents.safety.net import Catch, catch
from agents.safety.net import stage as plain_stage
from agents.step import ModelRef, UtteranceData
from runtime.clients.transport import CallKey, Transport
from runtime.errors import EmpatheiaError, Internal, InvalidInput
from runtime.help_lines import HelpLine, countries
from runtime.language import language_of
from runtime.rpc import ASSESS
from runtime.safety import (
    CHILD_AT_RISK,
    DOUBT,
    FIRST,
    HARM_FROM_OTHERS,
    HARM_TO_OTHERS,
    KINDS,
    MEDICAL,
    NONE,
    ONGOING,
    OTHER_AT_RISK,
    SELF_HARM,
    STAGES,
)

_LOG = logging.getLogger(__name__)
NET_CONFIDENCE = 0.9
"""Confidence in what the net alone caught."""
_REMEMBERED = 2
"""Messages of the person after a disclosure that are still answered with care, whatever they say."""
_READ_BACK = _REMEMBERED + 1
"""Messages before the newest one that are read anew: a danger further back still tells that this one is not
told for the first time."""
_AFTER_DISCLOSURE = 0.5
"""Share of `ask_from` from which an utterance speaks of a danger that was disclosed shortly before."""
_WAYS_TO_HELP = {
    SELF_HARM: ("suicide", "emergency"),
    HARM_FROM_OTHERS: ("violence", "emergency"),
    HARM_TO_OTHERS: ("suicide", "emergency"),
    MEDICAL: ("emergency", "poison"),
    CHILD_AT_RISK: ("child", "emergency"),
    OTHER_AT_RISK: ("suicide", "violence", "emergency"),
}
"""What kinds of help suit a danger, the most fitting first."""
_IN_GENERAL = {
    "emergency": "your local emergency number",
    "suicide": "a crisis line where you live",
    "violence": "a helpline for violence where you live",
    "child": "a helpline for children where you live",
}
"""Where no number is known."""
_SHOWN_LINES = 2
"""Lines of one category that are shown."""


class HelpData(BaseModel):
    """Somebody who can help, as plain data; see `HelpLine` of the contract."""

    model_config = ConfigDict(extra="forbid")

    name: str
    number: str = ""
    text: str = ""
    hours: str = ""
    url: str = ""
    category: str


class SafetyData(BaseModel):
    """A danger that was seen, as plain data."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    kind: str
    """One of `runtime.safety.DANGERS`."""
    confidence: float
    stage: str
    """One of `runtime.safety.STAGES`, or `DOUBT`."""
    seen_by: str
    """"classifier", "net", "both" or "history"."""
    language: str
    country: str
    help: list[HelpData]
    utterance: int = -1
    """Index in the dialogue of what told the danger."""

    def to_proto(self) -> common_safety_pb2.Safety:
        """Packs it for the wire."""
        return common_safety_pb2.Safety(
            **self.model_dump(exclude={"help", "utterance"}),
            help=[common_safety_pb2.HelpLine(**line.model_dump()) for line in self.help],
        )


class AssessmentData(BaseModel):
    """What was found, and by what."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    danger: SafetyData | None = None
    confidence: float = 0.0
    """Probability of danger in the newest utterance."""
    model: ModelRef | None = None
    """The classifier; None if it could not be reached."""
    unreachable: str = ""
    """Why the classifier was not asked; the net then decided alone."""


@dataclass(frozen=True)
class _Seen:
    """What one message of the person says of danger."""

    text: str
    kind: str = NONE
    danger: float = 0.0
    """Probability of any danger."""
    seen_by: str = ""
    """Empty if nothing was seen."""
    stages: dict[str, float] | None = None
    by_others: bool = False
    """Whether somebody does it to them, rather than they to themselves."""
    ask: bool = False
    about: bool = False
    """Whether it speaks of the danger, if one was disclosed shortly before: less is needed for that."""


async def assess(
    transport: Transport,
    key: CallKey,
    dialogue: Sequence[UtteranceData],
    country: str = "",
    help_file: Path | None = None,
) -> AssessmentData:
    """Assesses the person's newest utterance in its dialogue.

    What the classifier or the net sees counts. Where neither does, but danger was disclosed shortly before,
    the talk about it goes on. A classifier that can't be reached leaves the net to decide.

    Args:
        transport: Leads to the classifier.
        key: Of the call.
        dialogue: Oldest first; the newest, the person's, last.
        country: Where the person is, ISO 3166-1 alpha-2; empty if unknown.
        help_file: Help lines to use instead of the shipped ones.
    """
    messages = _messages(dialogue)
    response, unreachable = await _classified(transport, key, [said for _, said in messages])
    judged = {one.utterance: one for one in response.assessments} if response else {}
    own = [place for place, (_, said) in enumerate(messages) if said.role == "speaker"][-(_READ_BACK + 1) :]
    caught = [catch(messages[place][1].text) for place in own]
    seen = [
        _seen(messages[place][1].text, judged.get(place), net) for place, net in zip(own, caught, strict=True)
    ]
    found = _concluded(seen)
    danger = None
    if found is not None:
        told = " ".join(messages[place][1].text for place in own)
        spoken = language_of(told, otherwise=caught[-1].language if caught[-1] else "en")
        known = _help_for(found.kind, country, help_file, seen[found.told].by_others)
        danger = SafetyData(
            kind=found.kind,
            confidence=round(found.confidence, 4),
            stage=found.stage,
            seen_by=found.seen_by,
            language=spoken,
            country=country.upper() if known[0].number else "",
            help=known,
            utterance=messages[own[found.told]][0],
        )
    return AssessmentData(
        danger=danger,
        confidence=round(seen[-1].danger, 4),
        model=ModelRef.from_proto(response.model) if response else None,
        unreachable=unreachable,
    )


def _messages(dialogue: Sequence[UtteranceData]) -> list[tuple[int, UtteranceData]]:
    """What one of both says in a row as one utterance, with the index of its last part."""
    found: list[tuple[int, UtteranceData]] = []
    for index, said in enumerate(dialogue):
        if found and found[-1][1].role == said.role:
            said = said.model_copy(update={"text": f"{found[-1][1].text} {said.text}"})
            found.pop()
        found.append((index, said))
    return found


async def _classified(
    transport: Transport, key: CallKey, dialogue: Sequence[UtteranceData]
) -> tuple[safety_pb2.AssessResponse | None, str]:
    request = safety_pb2.AssessRequest(dialogue=[said.to_proto() for said in dialogue])
    try:
        response = await transport.unary(ASSESS, request, key)
        _check(response)
    except EmpatheiaError as error:
        _LOG.warning("danger is sought by the net alone: %s", error.message)
        return None, error.message
    return response, ""


def _check(response: safety_pb2.AssessResponse) -> None:
    """Refuses an answer that can't be read: a classifier may be anybody's.

    Raises:
        Internal: It is against the contract.
    """
    for one in response.assessments:
        labels = {entry.label for entry in one.kinds.entries}
        if labels != set(KINDS) or not {entry.label for entry in one.stages.entries} <= set(STAGES):
            raise Internal(
                f"the safety service answered with kinds or stages that nobody knows: {sorted(labels)}",
                reason="BAD_ANSWER",
                service="safety",
            )
        if not 0 < one.ask_from <= one.seen_from <= 1:
            raise Internal(
                f"the safety service asks from {one.ask_from} and sees from {one.seen_from}; "
                "it must be 0 < ask_from <= seen_from <= 1",
                reason="BAD_ANSWER",
                service="safety",
            )


def _seen(text: str, judged: safety_pb2.Assessment | None, caught: Catch | None) -> _Seen:
    if judged is None:
        return _Seen(text, caught.kind, NET_CONFIDENCE, "net") if caught else _Seen(text)
    shares = {entry.label: entry.probability for entry in judged.kinds.entries}
    danger = 1 - shares.pop(NONE)
    likeliest = max(shares, key=shares.__getitem__)
    by_others = shares[HARM_FROM_OTHERS] > shares[SELF_HARM]
    stages = {entry.label: entry.probability for entry in judged.stages.entries}
    if caught:
        # Of a plain statement the net knows better what it is.
        by = "both" if danger >= judged.seen_from else "net"
        return _Seen(text, caught.kind, max(danger, NET_CONFIDENCE), by, stages, by_others)
    if danger >= judged.seen_from:
        return _Seen(text, likeliest, danger, "classifier", stages, by_others)
    return _Seen(
        text,
        likeliest,
        danger,
        stages=stages,
        by_others=by_others,
        ask=danger >= judged.ask_from,
        # What has nothing to do with it looks like a beginning.
        about=danger >= judged.ask_from * _AFTER_DISCLOSURE
        and max(stages, key=stages.__getitem__, default=FIRST) != FIRST,
    )


@dataclass(frozen=True)
class _Conclusion:
    kind: str
    stage: str
    confidence: float
    seen_by: str
    told: int = -1
    """Which of the messages told it, from the end."""


def _concluded(seen: Sequence[_Seen]) -> _Conclusion | None:
    """What the newest message, the last, says of danger in the light of those before it."""
    newest = seen[-1]
    told = next((-back for back in range(2, len(seen) + 1) if seen[-back].seen_by), 0)
    if newest.seen_by:
        if not told:
            return _Conclusion(newest.kind, FIRST, newest.danger, newest.seen_by)
        # It goes on with what was told, unless it says plainly that it is something else, or can't wait.
        goes_on = newest.seen_by == "classifier" and newest.kind != MEDICAL
        kind = seen[told].kind if goes_on else newest.kind
        return _Conclusion(kind, _stage(newest), newest.danger, newest.seen_by)
    if told and -told - 1 <= _REMEMBERED:
        earlier = seen[told]
        if newest.about:
            return _Conclusion(earlier.kind, _stage(newest), earlier.danger, "classifier", told)
        stage = plain_stage(newest.text) or ONGOING
        return _Conclusion(earlier.kind, stage, earlier.danger, "history", told)
    if newest.ask:
        return _Conclusion(newest.kind, DOUBT, newest.danger, "classifier")
    return None


def _stage(newest: _Seen) -> str:
    """Where a talk about danger stands that has begun before."""
    if not newest.stages:
        return plain_stage(newest.text) or ONGOING
    later = {stage: newest.stages.get(stage, 0.0) for stage in STAGES if stage != FIRST}
    return max(later, key=later.__getitem__)


def _help_for(kind: str, country: str, file: Path | None, by_others: bool) -> list[HelpData]:
    """Help in general words where an operator's file can't be read: nobody is left alone for that."""
    try:
        return help_for(kind, country, file, by_others)
    except InvalidInput as error:
        _LOG.error("help is named in general words: %s", error.message)
        return help_for(kind, "", by_others=by_others)


def help_for(kind: str, country: str, file: Path | None = None, by_others: bool = False) -> list[HelpData]:
    """Who can help with a danger, the most fitting first.

    Args:
        kind: The danger.
        country: ISO 3166-1 alpha-2; where it is empty or unknown, help is named in general words.
        file: Help lines to use instead of the shipped ones.
        by_others: Of somebody else at risk: whether from others, rather than from themselves.
    """
    ways = _WAYS_TO_HELP[kind]
    if kind == OTHER_AT_RISK and by_others:
        ways = _WAYS_TO_HELP[HARM_FROM_OTHERS]
    known = countries(file).get(country.upper())
    if known is None:
        return [HelpData(name=_IN_GENERAL[way], category=way) for way in ways if way in _IN_GENERAL]
    found = []
    for way in ways:
        lines = list(getattr(known, way))
        if way == "emergency":
            # Where police and ambulance have numbers of their own, the fitting one.
            police = by_others or kind in (HARM_FROM_OTHERS, HARM_TO_OTHERS, CHILD_AT_RISK)
            lines = [known.emergency_of("police" if police else "ambulance")]
        found += [_data(line, way) for line in lines[:_SHOWN_LINES]]
    return found


def _data(line: HelpLine, category: str) -> HelpData:
    return HelpData(**line.model_dump(include={"name", "number", "text", "hours", "url"}), category=category)
