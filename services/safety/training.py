"""Trains the networks that see danger: `python -m services.safety.training english --shared DIR`.

Everything but the composed lines lies outside the project: everyday talks, and posts of people who seek
support, whose text is never shipped. Without them the networks can be trained, but alarm more often.
"""

import argparse
import logging
import math
import random
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runtime.language import LANGUAGES
from runtime.safety import DANGERS, DOUBT, FIRST, KINDS, NONE, STAGES
from services.safety.corpus import DATA, TRAIN, Row, everyday, held_out, posts, read_rows, validating
from services.safety.encoders import load_encoder
from services.safety.model import ENGLISH, MULTILINGUAL, DangerNet

_LOG = logging.getLogger(__name__)
_AT_ONCE = 64
_SHARE_OF_HARMLESS = 0.4
"""Of the everyday talks and harmless posts: all of them would double the time for little."""
_SORTED = 320
"""Pairs that are sorted by length before they are batched, so that little is padded."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained."""

    encoder: str
    """One of `services.safety.encoders.ENCODERS`."""
    layers: int
    """Layers of the encoder that learn, from the top."""
    epochs: float = 4.0
    batch: int = 32
    rank: int = 16
    """Of the changes of each linear layer."""
    rate: float = 4e-4
    head_rate: float = 1e-3
    decay: float = 0.01
    smoothing: float = 0.02
    warmup: float = 0.06
    average: float = 0.99
    """What the averaged weights keep at each step (Polyak and Juditsky 1992)."""
    rough: float = 0.3
    """Share of rows that are also read as people type: lower case, without punctuation, with a slip."""
    deaf: float = 0.3
    """Share of dialogues that are also read without the listener's words, which may give the danger away."""
    danger_weight: float = 1.5
    apart: float = 0.3
    """Weight of the loss that holds a danger and its near twin apart."""
    margin: float = 2.0


RECIPES = {
    "english": (ENGLISH, Recipe("mpnet", layers=8)),
    "multilingual": (MULTILINGUAL, Recipe("e5", layers=12, rank=32, rate=6e-4)),
}


@dataclass
class _Read:
    """Rows with what need not be computed anew each epoch."""

    rows: list[Row]
    lower: list[torch.Tensor]
    """Of each row the states below the layers that learn, (tokens, width), bfloat16."""
    starts: list[int]

    def batch(self, picked: Sequence[int]) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
        """What `DangerNet.forward` takes in."""
        longest = max(len(self.lower[i]) for i in picked)
        states = torch.zeros(len(picked), longest, self.lower[0].shape[1], dtype=torch.bfloat16)
        mask = torch.zeros(len(picked), longest, dtype=torch.int64)
        for place, i in enumerate(picked):
            states[place, : len(self.lower[i])] = self.lower[i]
            mask[place, : len(self.lower[i])] = 1
        return {"inputs_embeds": states}, mask, torch.tensor([self.starts[i] for i in picked])


class _Upper:
    """A network of which only the upper layers are run, on what the lower ones made once of each row."""

    def __init__(self, recipe: Recipe) -> None:
        self.net = DangerNet(load_encoder(recipe.encoder))
        model = self.net.model
        self.net.adapt(recipe.layers, recipe.rank)
        for parameter in model.parameters():
            if not parameter.requires_grad:
                parameter.data = parameter.data.to(torch.bfloat16)
        frozen = self.net.encoder.layers - recipe.layers
        self._embeddings = model.embeddings
        self._lower, self._upper = model.encoder.layer[:frozen], model.encoder.layer[frozen:]

    def read(self, rows: Sequence[Row]) -> _Read:
        """Runs the lower layers."""
        model, pad = self.net.model, self.net.encoder.pad
        model.embeddings, model.encoder.layer = self._embeddings, self._lower
        self.net.eval()
        tokens = [self.net.tokens(row.talk) for row in rows]
        lower: list[torch.Tensor] = [torch.empty(0)] * len(rows)
        order = sorted(range(len(rows)), key=lambda i: len(tokens[i][0]))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for at in range(0, len(order), _AT_ONCE):
                some = order[at : at + _AT_ONCE]
                longest = len(tokens[some[-1]][0])
                ids = torch.tensor([tokens[i][0] + [pad] * (longest - len(tokens[i][0])) for i in some])
                mask = torch.arange(longest) < torch.tensor([[len(tokens[i][0])] for i in some])
                states = model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
                for place, i in enumerate(some):
                    lower[i] = states[place, : len(tokens[i][0])].to(torch.bfloat16).clone()
        model.embeddings, model.encoder.layer = _Given(), self._upper
        return _Read(list(rows), lower, [start for _, start in tokens])

    def judge(self, read: _Read) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits of the kinds, (N, 7), and probabilities of the stages, (N, 4)."""
        self.net.eval()
        kinds = np.zeros((len(read.rows), len(KINDS)), np.float32)
        stages = np.zeros((len(read.rows), len(STAGES)), np.float32)
        order = sorted(range(len(read.rows)), key=lambda i: len(read.lower[i]))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for at in range(0, len(order), _AT_ONCE):
                some = order[at : at + _AT_ONCE]
                k, s = self.net(*read.batch(some))
                kinds[some], stages[some] = k.numpy(), s.softmax(1).numpy()
        return kinds, stages

    def whole(self) -> DangerNet:
        """The network with all of its layers again."""
        model = self.net.model
        model.embeddings = self._embeddings
        model.encoder.layer = torch.nn.ModuleList([*self._lower, *self._upper])
        return self.net


class _Given(torch.nn.Module):
    """Stands in for the embeddings: the states are given."""

    def forward(self, inputs_embeds: torch.Tensor, **_: Any) -> torch.Tensor:
        return inputs_embeds


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


def varied(rows: Sequence[Row], recipe: Recipe, chance: random.Random) -> list[Row]:
    """The rows, and copies of some: typed in haste, or without the listener's words.

    Copies make pairs of their own: a danger and its twin are compared as they were both written.
    """
    copies = []
    for row in rows:
        if chance.random() < recipe.rough:
            talk = tuple(roughened(text, chance) for text in row.talk)
            copies.append(Row(row.kind, talk, row.stage, row.language, f"{row.pair} rough"))
        if len(row.talk) > 1 and chance.random() < recipe.deaf:
            talk = tuple("..." if place % 2 else text for place, text in enumerate(row.talk))
            copies.append(Row(row.kind, talk, row.stage, row.language, f"{row.pair} deaf"))
    return [*rows, *copies]


def learn(upper: _Upper, rows: Sequence[Row], recipe: Recipe, seed: int) -> None:
    """Trains a network; its weights are averaged in the end."""
    torch.manual_seed(seed)
    chance = random.Random(seed)
    read = upper.read(varied(rows, recipe, chance))
    net = upper.net
    head = [*net.first.parameters(), *net.second.parameters()]
    changes = [p for p in net.model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": changes, "lr": recipe.rate}, {"params": head, "lr": recipe.head_rate}],
        weight_decay=recipe.decay,
    )
    waiting = _batches(read, recipe.batch, chance)
    steps = math.ceil(recipe.epochs * len(waiting))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / steps, recipe.warmup))
    learned = [*changes, *head]
    average = [parameter.detach().clone() for parameter in learned]
    began, losses = time.monotonic(), []
    for step in range(steps):
        waiting = waiting or _batches(read, recipe.batch, chance)
        picked = waiting.pop()
        net.train()
        with torch.autocast("cpu", torch.bfloat16):
            kinds, stages = net(*read.batch(picked))
        loss = _loss(kinds.float(), stages.float(), [read.rows[i] for i in picked], recipe)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        kept = min(recipe.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, parameter in zip(average, learned, strict=True):
                mean.mul_(kept).add_(parameter, alpha=1 - kept)
        if step % 50 == 49:
            passed = time.monotonic() - began
            _LOG.info("step %d of %d, loss %.3f, %.0f s", step + 1, steps, np.mean(losses[-50:]), passed)
    with torch.no_grad():
        for mean, parameter in zip(average, learned, strict=True):
            parameter.copy_(mean)


def _batches(read: _Read, size: int, chance: random.Random) -> list[list[int]]:
    """Every row once, pairs together, in batches of about equal length."""
    pairs: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(read.rows):
        pairs[row.pair].append(i)
    order = chance.sample(list(pairs.values()), len(pairs))
    found = []
    for at in range(0, len(order), _SORTED):
        batch: list[int] = []
        for pair in sorted(order[at : at + _SORTED], key=lambda pair: max(len(read.lower[i]) for i in pair)):
            batch += pair
            if len(batch) >= size:
                found.append(batch)
                batch = []
        if batch:
            found.append(batch)
    chance.shuffle(found)
    return found


def _rate(done: float, warmup: float) -> float:
    return done / warmup if done < warmup else 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _loss(kinds: torch.Tensor, stages: torch.Tensor, rows: Sequence[Row], recipe: Recipe) -> torch.Tensor:
    target = torch.full((len(rows), len(KINDS)), recipe.smoothing / len(KINDS))
    pairs: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for index, row in enumerate(rows):
        if row.stage == DOUBT:
            target[index, KINDS.index(row.kind)] += 0.5 * (1 - recipe.smoothing)
            target[index, KINDS.index(NONE)] += 0.5 * (1 - recipe.smoothing)
        else:
            target[index, KINDS.index(row.kind)] += 1 - recipe.smoothing
            pairs[row.pair][row.kind in DANGERS].append(index)
    weights = torch.tensor([recipe.danger_weight if row.kind in DANGERS else 1.0 for row in rows])
    each_row = -(target * kinds.log_softmax(1)).sum(1)
    loss: torch.Tensor = (each_row * weights).sum() / weights.sum()
    none = KINDS.index(NONE)
    others = [index for index in range(len(KINDS)) if index != none]
    danger = kinds[:, others].logsumexp(1) - kinds[:, none]
    near = [(worse, twin) for twins, worst in pairs.values() for worse in worst for twin in twins]
    if near:
        worse, twin = map(list, zip(*near, strict=True))
        distance = danger[worse] - danger[twin]
        loss = loss + recipe.apart * torch.nn.functional.softplus(recipe.margin - distance).mean()
    staged = [index for index, row in enumerate(rows) if row.kind in DANGERS and row.stage in STAGES]
    if staged:
        wanted = torch.tensor([STAGES.index(rows[index].stage) for index in staged])
        # Most dangers are told for the first time.
        rarity = torch.tensor([0.4 if rows[index].stage == FIRST else 1.0 for index in staged])
        each = torch.nn.functional.cross_entropy(stages[staged], wanted, reduction="none")
        loss = loss + 0.3 * (each * rarity).sum() / rarity.sum()
    return loss


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
    harmless = danger[_parts_of([rows[index] for index in sure])["everyday"]]
    return {
        "temperature": round(float(temperature), 3),
        "seen_from": round(float(np.quantile(harmless, 0.98)), 4),
        "ask_from": round(float(np.quantile(harmless, 0.95)), 4),
    }


def _parts_of(rows: Sequence[Row]) -> dict[str, NDArray[np.bool_]]:
    """Which rows are dangers, near twins of dangers, and harmless talk that is nobody's twin."""
    danger = np.array([row.kind != NONE for row in rows])
    paired = {row.pair for row in rows if row.kind != NONE}
    twin = ~danger & np.array([row.pair in paired for row in rows])
    return {"dangers": danger, "twins": twin, "everyday": ~danger & ~twin}


def curve(
    logits: NDArray[np.float32], rows: Sequence[Row], temperature: float
) -> list[tuple[float, dict[str, float]]]:
    """Shares of dangers, of their twins and of everyday talk from a threshold up, by threshold."""
    sure = [index for index, row in enumerate(rows) if row.stage != DOUBT]
    danger = 1 - softmax(logits[sure], temperature)[:, KINDS.index(NONE)]
    parts = _parts_of([rows[index] for index in sure])
    return [
        (
            float(threshold),
            {name: float((danger[which] >= threshold).mean()) for name, which in parts.items()},
        )
        for threshold in (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
    ]


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


def corpus(shared: Path | None, encoder: str) -> list[Row]:
    """Everything that a network on an encoder may learn from: the English one reads nothing else."""
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
    return [row for row in rows if encoder != "mpnet" or row.language == "en"]


def main() -> None:
    """Trains, chooses thresholds on the validation part, and writes the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=RECIPES)
    parser.add_argument("--shared", type=Path, help="folder with composed/ and crisis/")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="file to write; the shipped one by default")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(2)
    path, recipe = RECIPES[arguments.network]
    if arguments.epochs:
        recipe = replace(recipe, epochs=arguments.epochs)
    rows = corpus(arguments.shared, recipe.encoder)
    learning = [row for row in rows if not validating(row.pair)]
    # English goes to its own network: the other one's thresholds are those of the other languages.
    judged = {"english": ("en",), "multilingual": tuple(set(LANGUAGES) - {"en"})}[arguments.network]
    checking = [row for row in rows if validating(row.pair) and row.language in judged]
    _LOG.info("%d rows to learn from: %s", len(learning), dict(Counter(row.kind for row in learning)))
    upper = _Upper(recipe)
    learn(upper, learning, recipe, arguments.seed)
    logits, _ = upper.judge(upper.read(checking))
    chosen = thresholds(logits, checking)
    about = {
        "made": datetime.now(UTC).date().isoformat(),
        "seed": arguments.seed,
        "recipe": str(recipe),
        **chosen,
    }
    upper.whole().save(arguments.out or path, about)
    for threshold, shares in curve(logits, checking, chosen["temperature"]):
        _LOG.info(
            "from %.1f  %s", threshold, "  ".join(f"{name} {share:.3f}" for name, share in shares.items())
        )
    for name, figures in report(logits, checking, chosen).items():
        _LOG.info("%-24s n %5d   seen %.3f   seen or asked %.3f", name, *figures)
    _LOG.info("%s", about)


if __name__ == "__main__":
    main()
