"""Trains the network that sees danger: `python -m services.safety.training --shared DIR`.

Everything but the composed pairs lies outside the project: everyday talks, and posts of people who seek
support, whose text is never shipped. Without them the network can be trained, but alarms more often.
"""

import argparse
import logging
import math
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runtime.safety import DANGERS, DOUBT, FIRST, KINDS, NONE, STAGES
from services.safety.corpus import DATA, TRAIN, Row, everyday, held_out, posts, read_rows, validating
from services.safety.model import PATH, DangerNet, Reader, letter_groups

_LOG = logging.getLogger(__name__)
_ENCODED = 64
_SHARE_OF_HARMLESS = 0.4
"""Of the everyday talks and harmless posts: all of them would double the time for little."""


@dataclass(frozen=True)
class Recipe:
    """How the network is trained."""

    epochs: float = 6.0
    batch: int = 32
    layers: int = 4
    """Layers of MiniLM that learn, from the top."""
    rate: float = 1.2e-4
    head_rate: float = 1.5e-3
    letter_rate: float = 0.03
    decay: float = 0.01
    smoothing: float = 0.03
    warmup: float = 0.06
    average: float = 0.995
    """What the averaged weights keep at each step (Polyak and Juditsky 1992)."""
    rough: float = 0.35
    """Share of rows that are read as people type: lower case, without punctuation, with a slip."""
    danger_weight: float = 1.5


@dataclass
class _Read:
    """Rows with what need not be computed anew each epoch."""

    rows: list[Row]
    features: torch.Tensor
    groups: list[NDArray[np.int64]]

    @classmethod
    def of(cls, rows: Sequence[Row], reader: Reader) -> "_Read":
        parts = [
            reader.features([row.talk for row in rows[at : at + _ENCODED]])
            for at in range(0, len(rows), _ENCODED)
        ]
        groups = [letter_groups(row.talk[-1]) for row in rows]
        return cls(list(rows), torch.from_numpy(np.concatenate(parts)), groups)


def roughened(text: str, chance: random.Random) -> str:
    """A text as it may be typed in haste, or written by a speech recogniser."""
    if chance.random() < 0.6:
        text = text.lower()
    if chance.random() < 0.6:
        text = "".join(sign for sign in text if sign not in ".,;:!?’'\"")
    if chance.random() < 0.4 and len(text) > 12:
        at = chance.randrange(1, len(text) - 2)
        slip = chance.choice((text[at + 1] + text[at], text[at], text[at] * 2 + text[at + 1]))
        text = text[:at] + slip + text[at + 2 :]
    return text


def learn(rows: Sequence[Row], recipe: Recipe, seed: int) -> tuple[DangerNet, list[str]]:
    """Trains a network.

    Returns:
        It, with averaged weights, and the names of MiniLM's parameters that were tuned.
    """
    torch.manual_seed(seed)
    chance = random.Random(seed)
    rough = [
        Row(row.kind, tuple(roughened(text, chance) for text in row.talk), row.stage, row.language, row.pair)
        for row in rows
        if chance.random() < recipe.rough
    ]
    read = _Read.of([*rows, *rough], Reader())
    net = DangerNet()
    net.model.requires_grad_(False)
    top = list(net.model.encoder.layer)[-recipe.layers :]
    for layer in top:
        layer.requires_grad_(True)
    _standardise(net, read)
    tuned = [name for name, parameter in net.model.named_parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in net.model.parameters() if p.requires_grad], "lr": recipe.rate},
        {"params": [*net.first.parameters(), *net.second.parameters()], "lr": recipe.head_rate},
        {"params": list(net.letters.parameters()), "lr": recipe.letter_rate, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.decay)
    steps = math.ceil(recipe.epochs * len(read.rows) / recipe.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / steps, recipe.warmup))
    average = {
        name: value.detach().clone() for name, value in net.state_dict().items() if value.is_floating_point()
    }
    began, losses, waiting = time.monotonic(), [], list[list[int]]()
    for step in range(steps):
        if not waiting:
            waiting = _batches(read.rows, recipe.batch, chance)
        picked = waiting.pop()
        net.train()
        loss = _loss(net, read, picked, recipe)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for p in net.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        kept = min(recipe.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in net.state_dict().items():
                if name in average:
                    average[name].mul_(kept).add_(value, alpha=1 - kept)
        if step % 50 == 49:
            _LOG.info(
                "step %d of %d, loss %.3f, %.0f s",
                step + 1,
                steps,
                np.mean(losses[-50:]),
                time.monotonic() - began,
            )
    net.load_state_dict(average, strict=False)
    return net.eval(), tuned


def _batches(rows: Sequence[Row], size: int, chance: random.Random) -> list[list[int]]:
    """Every row once, in batches of about equal length, so that little is padded."""
    order = chance.sample(range(len(rows)), len(rows))
    found = []
    for at in range(0, len(order), 16 * size):
        near = sorted(order[at : at + 16 * size], key=lambda i: sum(map(len, rows[i].talk)))
        found += [near[start : start + size] for start in range(0, len(near), size)]
    chance.shuffle(found)
    return found


def _rate(done: float, warmup: float) -> float:
    return done / warmup if done < warmup else 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _standardise(net: DangerNet, read: _Read) -> None:
    with torch.inference_mode():
        some = random.Random(0).sample(range(len(read.rows)), min(1024, len(read.rows)))
        parts = [
            net.inputs(
                [read.rows[i].talk for i in some[at : at + _ENCODED]], read.features[some[at : at + _ENCODED]]
            )
            for at in range(0, len(some), _ENCODED)
        ]
        inputs = torch.cat(parts)
    net.mean.copy_(inputs.mean(0))
    net.scale.copy_(inputs.std(0).clamp_min(1e-3))


def _loss(net: DangerNet, read: _Read, picked: Sequence[int], recipe: Recipe) -> torch.Tensor:
    rows = [read.rows[i] for i in picked]
    kinds, stages = net(
        [row.talk for row in rows], read.features[list(picked)], [read.groups[i] for i in picked]
    )
    target = torch.full((len(rows), len(KINDS)), recipe.smoothing / len(KINDS))
    for index, row in enumerate(rows):
        if row.stage == DOUBT:
            target[index, KINDS.index(row.kind)] += 0.5 * (1 - recipe.smoothing)
            target[index, KINDS.index(NONE)] += 0.5 * (1 - recipe.smoothing)
        else:
            target[index, KINDS.index(row.kind)] += 1 - recipe.smoothing
    weights = torch.tensor([recipe.danger_weight if row.kind in DANGERS else 1.0 for row in rows])
    each_row = -(target * kinds.log_softmax(1)).sum(1)
    loss: torch.Tensor = (each_row * weights).sum() / weights.sum()
    staged = [index for index, row in enumerate(rows) if row.kind in DANGERS and row.stage in STAGES]
    if staged:
        wanted = torch.tensor([STAGES.index(rows[index].stage) for index in staged])
        # Most dangers are told for the first time.
        rarity = torch.tensor([0.4 if rows[index].stage == FIRST else 1.0 for index in staged])
        each = torch.nn.functional.cross_entropy(stages[staged], wanted, reduction="none")
        loss = loss + 0.5 * (each * rarity).sum() / rarity.sum()
    return loss


def probabilities(net: DangerNet, rows: Sequence[Row]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits of the kinds, (N, 7), and probabilities of the stages, (N, 4)."""
    read = _Read.of(rows, Reader())
    kinds, stages = [], []
    with torch.inference_mode():
        for at in range(0, len(rows), _ENCODED):
            some = slice(at, at + _ENCODED)
            k, s = net([row.talk for row in rows[some]], read.features[some], read.groups[some])
            kinds.append(k.numpy())
            stages.append(s.softmax(1).numpy())
    return np.concatenate(kinds), np.concatenate(stages)


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Probabilities from logits, rows summing to 1."""
    shifted = logits / temperature
    exponent = np.exp(shifted - shifted.max(1, keepdims=True))
    result: NDArray[np.float32] = exponent / exponent.sum(1, keepdims=True)
    return result


def thresholds(logits: NDArray[np.float32], rows: Sequence[Row]) -> dict[str, float]:
    """Temperature and thresholds from rows that were not learned from.

    The temperature minimises the log loss. Danger is seen from where at most 2 % of the harmless alarm, and
    the person is asked from where 5 % would be. Near twins are left out of these two: people seldom talk so.
    """
    sure = [index for index, row in enumerate(rows) if row.stage != DOUBT]
    wanted = np.array([KINDS.index(rows[index].kind) for index in sure])
    chosen = logits[sure]

    def log_loss(temperature: float) -> float:
        return -float(np.log(softmax(chosen, temperature)[np.arange(len(wanted)), wanted] + 1e-9).mean())

    temperature = min(np.arange(0.5, 3.01, 0.05), key=log_loss)
    danger = 1 - softmax(chosen, temperature)[:, KINDS.index(NONE)]
    twins = {rows[index].pair for index in sure if rows[index].kind != NONE}
    everyday = np.array([rows[index].kind == NONE and rows[index].pair not in twins for index in sure])
    harmless = danger[everyday]
    return {
        "temperature": round(float(temperature), 3),
        "seen_from": round(float(np.quantile(harmless, 0.98)), 4),
        "ask_from": round(float(np.quantile(harmless, 0.95)), 4),
    }


def report(logits: NDArray[np.float32], rows: Sequence[Row], chosen: dict[str, float]) -> dict[str, Any]:
    """Recall by kind and language, and false alarms, at a threshold."""
    danger = 1 - softmax(logits, chosen["temperature"])[:, KINDS.index(NONE)]
    table: dict[str, Any] = {}
    seen, asked = danger >= chosen["seen_from"], danger >= chosen["ask_from"]
    for name in (*DANGERS, NONE):
        which = [i for i, row in enumerate(rows) if row.kind == name and row.stage != DOUBT]
        if which:
            table[name] = (
                len(which),
                round(float(seen[which].mean()), 3),
                round(float(asked[which].mean()), 3),
            )
    for language in sorted({row.language for row in rows}):
        of = [i for i, row in enumerate(rows) if row.language == language and row.stage != DOUBT]
        for side in (True, False):
            which = [i for i in of if (rows[i].kind != NONE) == side]
            if which:
                table[f"{language} {'danger' if side else 'none'}"] = (
                    len(which),
                    round(float(seen[which].mean()), 3),
                    round(float(asked[which].mean()), 3),
                )
    return table


def corpus(shared: Path | None) -> list[Row]:
    """Everything that may be learned from."""
    rows = read_rows(TRAIN)
    if shared is not None:
        chance = random.Random(0)
        labels = dict(line.split("\t") for line in (DATA / "everyday.tsv").read_text().splitlines() if line)
        others = everyday(shared / "composed", labels) + posts(
            shared / "crisis" / "seeker_posts.txt", DATA / "posts.tsv"
        )
        rows += [
            row
            for row in others
            if not held_out(row.pair) and (row.kind != NONE or chance.random() < _SHARE_OF_HARMLESS)
        ]
    return rows


def main() -> None:
    """Trains, chooses thresholds on the validation part, and writes the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, help="folder with composed/ and crisis/")
    parser.add_argument("--epochs", type=float, default=Recipe.epochs)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=PATH)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(2)
    rows = corpus(arguments.shared)
    learning = [row for row in rows if not validating(row.pair)]
    checking = [row for row in rows if validating(row.pair)]
    _LOG.info("%d rows to learn from: %s", len(learning), dict(Counter(row.kind for row in learning)))
    recipe = Recipe(epochs=arguments.epochs)
    net, tuned = learn(learning, recipe, arguments.seed)
    logits, _ = probabilities(net, checking)
    chosen = thresholds(logits, checking)
    about = {
        "made": datetime.now(UTC).date().isoformat(),
        "seed": arguments.seed,
        "recipe": str(recipe),
        **chosen,
    }
    arguments.out.parent.mkdir(exist_ok=True)
    net.save(arguments.out, tuned, about)
    for name, figures in report(logits, checking, chosen).items():
        _LOG.info("%-24s n %5d   seen %.3f   seen or asked %.3f", name, *figures)
    _LOG.info("%s", about)


if __name__ == "__main__":
    main()
