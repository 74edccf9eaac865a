"""`empatheia evaluate erg`: runs the chain on dialogues whose emotion is known, and notes what came of it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents import empathetic_response
from agents.grounding import unsupported
from agents.step import StepResult
from benchmarks.chains import Chain, Cut, Sample, chain
from runtime.artifacts import new_turn_id
from runtime.clients.transport import Transport
from runtime.settings import Settings

Row = dict[str, Any]
"""What came of one dialogue: plain data that survives JSON. Sums, not rates, so that rows add up."""

_OTHER_REPLY = "I see."
_CODE = ("agents", "benchmarks", "services/perception", "services/reasoning")
_CLAIMING = ("event_scenario", "emotion_cause", "response_goal", "response")
"""Steps that can claim something of the dialogue; the name of an emotion can't be looked up in it."""
_SERVICES = ("perception", "reasoning")


async def measure(transport: Transport, sample: Sample, seed: int) -> Row:
    """Runs the chain on one dialogue, and asks how probable the human reply is in its place.

    Args:
        transport: Leads to perception and reasoning.
        sample: A dialogue that ends with an utterance of the person.
        seed: Of the chain.

    Raises:
        EmpatheiaError: A service failed.
    """
    done = await chain(transport, sample, new_turn_id(), seed)
    steps = {step.name: step for step in done.steps}
    usage = [step.usage for step in done.steps]
    row: Row = {
        "id": sample.id,
        "emotion": sample.emotion,
        "distribution": steps["user_emotion"].distribution,
        "texts": {name: step.text for name, step in steps.items()},
        "models": sorted({step.model.model_id for step in done.steps}),
        "human": sample.response,
        "annotation": vars(sample.annotation) if sample.annotation else None,
        "evidence": [_stands(piece, sample) for step in done.steps for piece in _quoted(step)],
        "unsupported": {name: _strange(steps[name].text, name, sample) for name in _CLAIMING},
        "authored": {step.name: step.authored for step in done.steps},
        "written": sum(one.get("completion_tokens", 0.0) for one in usage if one.get("decode_ms")),
        "decode_s": sum(one.get("decode_ms", 0.0) for one in usage) / 1000,
        "first_sentence_s": done.first_sentence_s,
        "chain_s": done.total_s,
    }
    if sample.response:
        row["unsupported_human"] = _strange(sample.response, "response", sample)
        row["human_logprob"], row["human_tokens"] = await _likelihood(done, sample.response)
    return row


async def _likelihood(done: Chain, reply: str) -> tuple[float | None, int]:
    """Sum of the log probabilities of a reply's tokens where the chain would have written its own."""
    other = _OTHER_REPLY if reply != _OTHER_REPLY else "Oh."
    before = replace(done.context, steps=[step for step in done.steps if step.name != "response"])
    found = await empathetic_response.likelihoods(before, [reply, other])
    return found[0] if found else (None, 0)


def _quoted(step: StepResult) -> list[Any]:
    return [piece for piece in step.evidence if piece.kind == "text"]


def _stands(piece: Any, sample: Sample) -> bool:
    """Whether quoted words stand in the dialogue where the step says."""
    place = piece.utterance or 0
    if place >= len(sample.dialogue):
        return False
    return bool(sample.dialogue[place].text[int(piece.start) : int(piece.end)] == piece.text)


def _strange(text: str, step: str, sample: Sample) -> list[str]:
    return unsupported(text, sample.dialogue, reply=step == "response")


def configuration(
    data: Path, seed: int, cut: Cut, settings: Settings, models: Mapping[str, str]
) -> dict[str, Any]:
    """All that decides what comes of a dialogue: rows of different configurations must not be mixed.

    Args:
        data: The file of dialogues.
        seed: Of draw and cut.
        cut: See `samples`.
        settings: Of the system.
        models: The services' models, where the system runs and says so.
    """
    return {
        "data": data.name,
        "data_hash": hashlib.sha256(data.read_bytes()).hexdigest()[:16],
        "seed": seed,
        "cut": cut,
        "services": {name: _backend(settings, name) for name in _SERVICES},
        "models": dict(models),
        "code": _code_hash(),
    }


def _backend(settings: Settings, name: str) -> dict[str, Any]:
    own = settings.service(name)
    options = {key: value for key, value in own.options.items() if "key" not in key}
    return {"backend": own.backend, "options": json.loads(json.dumps(options, default=str))}


def _code_hash() -> str:
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for folder in _CODE:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".py", ".yaml", ".safetensors"):
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
