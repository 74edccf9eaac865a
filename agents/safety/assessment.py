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
from runtime.errors import EmpatheiaError
from runtime.help_lines import HelpLine, countries
from runtime.language import language_of
from runtime.rpc import ASSESS
from runtime.safety import (
    CHILD_AT_RISK,
    DOUBT,
    FIRST,
    HARM_FROM_OTHERS,
    HARM_TO_OTHERS,
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
"""Utterances of the person after a disclosure that are still answered with care, whatever they say."""
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

    def to_proto(self) -> common_safety_pb2.Safety:
        """Packs it for the wire."""
        return common_safety_pb2.Safety(
            **self.model_dump(exclude={"help"}),
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
    """What one utterance of the person says of danger."""

    kind: str = NONE
    danger: float = 0.0
    """Probability of any danger."""
    seen_by: str = ""
    """Empty if nothing was seen."""
    ask: bool = False
    about: bool = False
    """Whether it speaks of the danger, if one was disclosed shortly before: less is needed for that."""
    stages: dict[str, float] | None = None


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
    response, unreachable = await _classified(transport, key, dialogue)
    judged = {one.utterance: one for one in response.assessments} if response else {}
    own = [index for index, said in enumerate(dialogue) if said.role == "speaker"][-(_REMEMBERED + 2) :]
    caught = {index: catch(dialogue[index].text) for index in own}
    seen = [_seen(judged.get(index), caught[index]) for index in own]
    newest, before = seen[-1], seen[:-1]
    found = _concluded(newest, before, dialogue[-1].text)
    if found is not None:
        kind, stage, confidence, seen_by = found
        telling = caught[own[-1]]
        language = telling.language if telling else language_of(_told(dialogue, own))
        found_help = help_for(kind, country, help_file)
        danger = SafetyData(
            kind=kind,
            confidence=round(confidence, 4),
            stage=stage,
            seen_by=seen_by,
            language=language,
            country=country if found_help[0].number else "",
            help=found_help,
        )
    return AssessmentData(
        danger=danger if found is not None else None,
        confidence=round(newest.danger, 4),
        model=ModelRef.from_proto(response.model) if response else None,
        unreachable=unreachable,
    )


async def _classified(
    transport: Transport, key: CallKey, dialogue: Sequence[UtteranceData]
) -> tuple[safety_pb2.AssessResponse | None, str]:
    request = safety_pb2.AssessRequest(dialogue=[said.to_proto() for said in dialogue])
    try:
        return await transport.unary(ASSESS, request, key), ""
    except EmpatheiaError as error:
        _LOG.warning("danger is sought by the net alone: %s", error.message)
        return None, error.message


def _seen(judged: safety_pb2.Assessment | None, caught: Catch | None) -> _Seen:
    if judged is None or not judged.kinds.entries:
        return _Seen(caught.kind, NET_CONFIDENCE, "net") if caught else _Seen()
    shares = {entry.label: entry.probability for entry in judged.kinds.entries}
    danger = 1 - shares.get(NONE, 0.0)
    kinds = {kind: share for kind, share in shares.items() if kind != NONE}
    likeliest = max(kinds, key=kinds.__getitem__)
    stages = {entry.label: entry.probability for entry in judged.stages.entries}
    if danger >= judged.seen_from:
        return _Seen(likeliest, danger, "both" if caught else "classifier", stages=stages)
    if caught:
        return _Seen(caught.kind, max(danger, NET_CONFIDENCE), "net", stages=stages)
    return _Seen(
        likeliest,
        danger,
        ask=danger >= judged.ask_from,
        about=danger >= judged.ask_from * _AFTER_DISCLOSURE,
        stages=stages,
    )


def _concluded(newest: _Seen, before: Sequence[_Seen], text: str) -> tuple[str, str, float, str] | None:
    """Kind, stage, confidence and what saw it; None where there is no danger."""
    earlier = next((one for one in reversed(before) if one.seen_by), None)
    lately = next((one for one in reversed(before[-_REMEMBERED:]) if one.seen_by), None)
    if newest.seen_by:
        if earlier is None:
            return newest.kind, FIRST, newest.danger, newest.seen_by
        # A later message is read in the light of what was told, unless it plainly says something else.
        kind = earlier.kind if newest.seen_by == "classifier" else newest.kind
        return kind, _stage(newest, text), newest.danger, newest.seen_by
    if lately is not None:
        return lately.kind, _stage(newest, text), lately.danger, "classifier" if newest.about else "history"
    if newest.ask:
        return newest.kind, DOUBT, newest.danger, "classifier"
    return None


def _stage(newest: _Seen, text: str) -> str:
    """Where a talk about danger stands that has begun before."""
    plain = plain_stage(text)
    if not newest.stages:
        return plain or ONGOING
    later = {stage: newest.stages.get(stage, 0.0) for stage in STAGES if stage != FIRST}
    return max(later, key=later.__getitem__)


def _told(dialogue: Sequence[UtteranceData], own: Sequence[int]) -> str:
    return " ".join(dialogue[index].text for index in own)


def help_for(kind: str, country: str, file: Path | None = None) -> list[HelpData]:
    """Who can help with a danger, the most fitting first.

    Args:
        kind: The danger.
        country: ISO 3166-1 alpha-2; where it is empty or unknown, help is named in general words.
        file: Help lines to use instead of the shipped ones.
    """
    ways = _WAYS_TO_HELP[kind]
    known = countries(file).get(country.upper())
    if known is None:
        return [HelpData(name=_IN_GENERAL[way], category=way) for way in ways if way in _IN_GENERAL]
    found = []
    for way in ways:
        lines = list(getattr(known, way))
        if way == "emergency":
            # Where police and ambulance have numbers of their own, the fitting one.
            wanted = "ambulance" if kind in (MEDICAL, SELF_HARM) else "police"
            lines = sorted(lines, key=lambda line: wanted not in line.name.lower())[:1]
        found += [_data(line, way) for line in lines[:_SHOWN_LINES]]
    return found


def _data(line: HelpLine, category: str) -> HelpData:
    return HelpData(**line.model_dump(include={"name", "number", "text", "hours", "url"}), category=category)
