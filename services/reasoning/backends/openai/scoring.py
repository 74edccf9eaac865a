"""How well choices fit, as far as a server tells.

Servers differ in what they tell, so there are three ways, the best first:

- "echo": the server repeats a text with the log probability of each of its tokens (`/completions` with
  `echo`, as vLLM has it): each choice is scored as it stands, as the other backends do.
- "top_logprobs": the choices are lettered, and one letter is asked for; the server gives the probabilities of
  the likeliest twenty. Letters that it does not name share what is left.
- "ask": it gives no probabilities. The letter that it answers gets half, the others share the rest: that says
  what the model thinks, but not how sure it is.
"""

import math
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runtime.errors import EmpatheiaError, InvalidInput, TooMuch
from services.reasoning.backends import Likelihood
from services.reasoning.backends.openai.client import Json, Server

Way = Literal["echo", "top_logprobs", "ask"]

_LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits
_TOP = 20
_ASKED_SHARE = 0.5
_PROMPTS = 32
"""Texts of one request."""

EXPLANATIONS: dict[Way, str] = {
    "echo": "choices are scored by the server's log probabilities of their words",
    "top_logprobs": "choices are scored by the probability of their letter, of which the server names twenty:"
    " the unlikely ones are not told apart",
    "ask": "the server gives no probabilities: the choice it names counts half, whatever its certainty;"
    " distributions are rough",
}
"""What `Describe` says of each."""


@dataclass(frozen=True)
class Asked:
    """What one way found out."""

    likelihoods: list[Likelihood]
    """By choice; of letters where `exact` is false."""
    exact: bool
    """Whether these are the probabilities of the choices' own words."""
    prompt_tokens: int
    cached_tokens: int


async def best_way(server: Server, model: str) -> Way:
    """Tries what the server can tell."""
    echo: Json = {"model": model, "prompt": ["A b"], "max_tokens": 0, "echo": True, "logprobs": 1}
    try:
        (choice,) = (await server.post("completions", echo))["choices"]
        if len(choice["logprobs"]["token_logprobs"]) == len(choice["logprobs"]["text_offset"]) > 0:
            return "echo"
    except (InvalidInput, KeyError, TypeError, ValueError):
        pass
    except EmpatheiaError as error:
        if error.reason not in ("LLM_FAILED", "LLM_NONSENSE"):
            raise
    try:
        if await _top(server, model, [{"role": "user", "content": "Say A."}]):
            return "top_logprobs"
    except InvalidInput:
        pass
    return "ask"


async def echo(server: Server, model: str, context: str, choices: Sequence[str]) -> Asked:
    """Scores choices as they stand behind a plain text."""
    likelihoods: list[Likelihood] = []
    tokens = 0
    for start in range(0, len(choices), _PROMPTS):
        texts = [f"{context} {choice}" for choice in choices[start : start + _PROMPTS]]
        body: Json = {"model": model, "prompt": texts, "max_tokens": 0, "echo": True, "logprobs": 1}
        answer = await server.post("completions", body)
        try:
            rows = sorted(answer["choices"], key=lambda row: row["index"])
            for row, text in zip(rows, texts, strict=True):
                likelihoods.append(_behind(row["logprobs"], len(context), len(text)))
            tokens += int((answer.get("usage") or {}).get("prompt_tokens") or 0)
        except (KeyError, TypeError, ValueError):
            raise server.nonsense("log probabilities that can't be read") from None
    return Asked(likelihoods, True, tokens, 0)


def _behind(logprobs: Json, start: int, end: int) -> Likelihood:
    """Sums over the tokens that end behind the context; the first of a text has no probability."""
    offsets = [int(offset) for offset in logprobs["text_offset"]]
    values = logprobs["token_logprobs"]
    ends = [*offsets[1:], end]
    own = [value for value, stop in zip(values, ends, strict=True) if stop > start and value is not None]
    if not own:
        raise ValueError("no tokens behind the context")
    return Likelihood(float(sum(own)), len(own))


async def letters(
    server: Server, model: str, messages: Sequence[Json], choices: Sequence[str], way: Way
) -> Asked:
    """Scores choices by the letter that the model answers.

    Raises:
        TooMuch: There are more choices than letters.
    """
    if len(choices) > len(_LETTERS):
        raise TooMuch(
            f"{len(choices)} choices; {len(_LETTERS)} are the most with a server that can't score words",
            reason="TOO_MANY_CHOICES",
        )
    named = _LETTERS[: len(choices)]
    listed = "\n".join(f"{letter}) {choice}" for letter, choice in zip(named, choices, strict=True))
    *before, last = messages
    question = f"{last['content']}\nWhich of these fits best?\n{listed}\nAnswer with its letter alone."
    asked = [*before, {"role": "user", "content": question}]
    if way == "top_logprobs":
        top = await _top(server, model, asked)
        shares = dict.fromkeys(named, 0.0)
        for token, share in top.items():
            if token.strip() in shares:
                shares[token.strip()] += share
    else:
        shares = {}
        answer = await server.post(
            "chat/completions", {"model": model, "messages": asked, "max_tokens": 8, "temperature": 0}
        )
        said = _content(server, answer)
        if found := _letter(said, named, choices):
            shares = {found: _ASKED_SHARE}
    left = max(1.0 - sum(shares.values()), 1e-4)
    unnamed = sum(not shares.get(letter) for letter in named)
    rest = left / unnamed if unnamed else 0.0
    smallest = min((share for share in shares.values() if share), default=1.0)
    return Asked(
        [Likelihood(math.log(shares.get(letter) or min(rest, smallest)), 1) for letter in named], False, 0, 0
    )


def _letter(said: str, named: str, choices: Sequence[str]) -> str:
    bare = said.strip().strip("().:*\"' ")
    if bare[:1] in named and (len(bare) == 1 or not bare[1].isalnum()):
        return bare[:1]
    lowered = bare.lower()
    for letter, choice in zip(named, choices, strict=True):
        if lowered and lowered.rstrip(".") == choice.lower().rstrip("."):
            return letter
    return ""


async def _top(server: Server, model: str, messages: Sequence[Json]) -> dict[str, float]:
    """Probabilities of the likeliest first tokens of an answer; empty if the server keeps them to itself."""
    body: Json = {
        "model": model, "messages": list(messages), "max_tokens": 1, "temperature": 0, "logprobs": True,
        "top_logprobs": _TOP,
    }  # fmt: skip
    answer = await server.post("chat/completions", body)
    _content(server, answer)
    try:
        first = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return {str(one["token"]): math.exp(float(one["logprob"])) for one in first}
    except (KeyError, TypeError, IndexError, ValueError, OverflowError):
        return {}


def _content(server: Server, answer: Json) -> str:
    try:
        return str(answer["choices"][0]["message"]["content"] or "")
    except (KeyError, TypeError, IndexError):
        raise server.nonsense("an answer without a message") from None
