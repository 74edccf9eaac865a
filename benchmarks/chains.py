"""Chains of random dialogues, unpicked, for a person to read.

    python -m benchmarks.chains DIALOGUES.jsonl.gz --number 30 --seed 7 --output docs/chains.md

Perception (the words alone) and reasoning run in this process. The input is any file that
`services/reasoning/corpus.py` reads.
"""

import argparse
import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from empatheia.common.v1 import dialogue_pb2
from empatheia.perception.v1 import perception_pb2

from agents import emotion_cause, empathetic_response, event_scenario, response_goal, user_emotion
from agents.grounding import unsupported
from agents.step import Evidence, StepContext, StepResult, UtteranceData
from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey, Transport
from runtime.errors import InvalidInput
from runtime.rpc import PERCEIVE
from runtime.settings import load_settings
from services.perception.service import PerceptionService
from services.reasoning import corpus
from services.reasoning.service import ReasoningService

_ROLES = {"speaker": dialogue_pb2.ROLE_SPEAKER, "listener": dialogue_pb2.ROLE_LISTENER}
_STEPS = (event_scenario, user_emotion, emotion_cause, response_goal)


Cut = Literal["random", "last", "first"]


@dataclass(frozen=True)
class Sample:
    """A dialogue cut after one of the person's utterances."""

    emotion: str
    """What the person felt, as they said afterwards."""
    dialogue: list[UtteranceData]
    response: str = ""
    """How the human listener went on, if they did."""
    annotation: corpus.Annotation | None = None
    """The chain as it was annotated, where the data has one."""
    id: str = ""
    """Dialogue and turn, as "hit:1_conv:2/0"."""


@dataclass(frozen=True)
class Chain:
    """A finished chain and its times."""

    steps: list[StepResult]
    first_word_s: float
    first_sentence_s: float
    total_s: float
    context: StepContext
    """What the last step could look at."""


def samples(path: Path, number: int, seed: int, cut: Cut = "random") -> list[Sample]:
    """Draws dialogues, each cut after one utterance of the person.

    Args:
        path: A file that `corpus.load` reads.
        number: How many, or all if there are fewer.
        seed: Of the draw, and of random cuts.
        cut: After which of the person's utterances: a random one, the last, or the first.

    Raises:
        InvalidInput: See `corpus.load`; also if it knows no emotions.
    """
    conversations = [one for one in corpus.load(path) if one.emotion]
    if not conversations:
        raise InvalidInput.of("--data", f"{path} does not say what people felt", reason="BAD_DATA")
    chance = random.Random(seed)
    chance.shuffle(conversations)
    return [_cut(one, cut, chance) for one in conversations[:number]]


def _cut(conversation: corpus.Conversation, cut: Cut, chance: random.Random) -> Sample:
    places = range(len(conversation.turns))
    place = chance.choice(places) if cut == "random" else places[-1 if cut == "last" else 0]
    turn = conversation.turns[place]
    said = [UtteranceData(role=said.role, text=said.text) for said in turn.history]
    return Sample(turn.emotion, said, turn.response, turn.annotation, f"{conversation.id}/{place}")


async def chain(transport: Transport, sample: Sample, turn_id: str, seed: int) -> Chain:
    """Runs perception of the words and the five steps."""
    heard = await _perceive(transport, sample, turn_id)
    context = StepContext(
        transport=transport,
        turn_id=turn_id,
        seed=seed,
        dialogue=sample.dialogue,
        labels={entry.label: entry.probability for entry in heard.labels.entries},
        perceived_evidence=[Evidence.from_proto(piece) for piece in heard.evidence],
    )
    began = time.monotonic()
    for step in _STEPS:
        context.steps.append(await step.conclude(context))
    words: list[float] = []
    first: list[float] = []

    async def on_text(text: str) -> None:
        words.append(time.monotonic() - began)

    async def on_sentence(index: int, text: str) -> None:
        first.append(time.monotonic() - began)

    context.steps.append(await empathetic_response.write(context, on_text, on_sentence))
    return Chain(context.steps, words[0], first[0], time.monotonic() - began, context)


async def _perceive(transport: Transport, sample: Sample, turn_id: str) -> Any:
    async def requests() -> AsyncIterator[perception_pb2.PerceiveRequest]:
        history = [
            dialogue_pb2.Utterance(role=_ROLES[said.role], text=said.text) for said in sample.dialogue[:-1]
        ]
        start = perception_pb2.PerceiveStart(text=sample.dialogue[-1].text, history=history)
        yield perception_pb2.PerceiveRequest(start=start)

    async for response in transport.stream(PERCEIVE, requests(), CallKey(turn_id, "perceive")):
        if response.HasField("perception"):
            return response.perception.affect
    raise RuntimeError("perception ended without a result")


def page(drawn: list[Sample], chains: list[Chain], source: str, seed: int) -> str:
    """The chains as Markdown."""
    right = sum(
        next(iter(chain.steps[1].distribution)) == sample.emotion
        for sample, chain in zip(drawn, chains, strict=True)
    )
    firsts = sorted(chain.first_word_s for chain in chains)
    steps = [step for chain in chains for step in chain.steps]
    replies = [step for step in steps if step.name == "response"]
    strange = sum(
        bool(unsupported(step.text, sample.dialogue, reply=step.name == "response"))
        for sample, chain in zip(drawn, chains, strict=True)
        for step in chain.steps
        if step.name != "user_emotion"
    )
    lines = [
        "# Thirty chains, unpicked" if len(drawn) == 30 else f"# {len(drawn)} chains, unpicked",
        "",
        f"Made by `python -m benchmarks.chains {source} --number {len(drawn)} --seed {seed}`: random"
        " dialogues, cut at random, as they came. Perception read the words alone.",
        "",
        f"- Emotion right of 32: {right} of {len(drawn)}.",
        f"- Replies that were written beforehand: {sum(step.authored for step in replies)} of {len(replies)}."
        f" Other steps for which the person's own words or a written goal stand in (marked †):"
        f" {sum(step.authored for step in steps if step not in replies)} of {len(steps) - len(replies)}.",
        f"- Steps and replies with a word that the dialogue does not support (`agents/grounding.py`):"
        f" {strange} of {4 * len(chains)}.",
        "- From the start of the chain to the first word of the reply, median:"
        f" {firsts[len(firsts) // 2]:.1f} s.",
        "",
    ]
    for number, (sample, done) in enumerate(zip(drawn, chains, strict=True), 1):
        lines += [f"## {number}. (said afterwards: {sample.emotion})", ""]
        names = {"speaker": "**Person**", "listener": "Listener"}
        lines += [f"> {names[said.role]}: {' '.join(said.text.split())}  " for said in sample.dialogue] + [""]
        for step in done.steps:
            quoted = f"; “{step.evidence[0].text}”" if step.evidence and step.evidence[0].text else ""
            mark = "†" if step.authored else ""
            title = step.name.replace("_", " ")
            lines.append(f"- {title}{mark}: {step.text} *({step.confidence:.2f}{quoted})*")
        lines.append("")
    return "\n".join(lines)


async def run(path: Path, number: int, seed: int) -> str:
    """Starts the services and makes the page."""
    settings = load_settings()
    services = {"perception": PerceptionService(settings), "reasoning": ReasoningService(settings)}
    for service in services.values():
        await service.start()
    transport = InProcessTransport(services)
    drawn = samples(path, number, seed)
    chains = [await chain(transport, sample, f"chain-{i}", seed) for i, sample in enumerate(drawn)]
    for service in services.values():
        await service.stop()
    return page(drawn, chains, path.name, seed)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--number", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    text = asyncio.run(run(arguments.dialogues, arguments.number, arguments.seed))
    arguments.output.write_text(text)


if __name__ == "__main__":
    main()
