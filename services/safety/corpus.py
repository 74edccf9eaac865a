"""What the network learns from: composed pairs, everyday talks, and posts of people who seek support."""

import csv
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import InvalidInput
from runtime.safety import DANGERS, DOUBT, FIRST, KINDS, NONE, STAGES

DATA = Path(__file__).parent / "data"
TRAIN, HELD_OUT = DATA / "train.tsv", DATA / "held_out.tsv"
COLUMNS = ("kind", "stage", "language", "pair", "text")
_REQUIRED = ("kind", "text")


@dataclass(frozen=True)
class Row:
    """A talk and what is known of it."""

    kind: str
    """One of `runtime.safety.KINDS`."""
    talk: tuple[str, ...]
    """The person and the listener by turns, the person first and last."""
    stage: str = FIRST
    """One of `runtime.safety.STAGES`, or `DOUBT`; empty where there is no danger."""
    language: str = "en"
    pair: str = ""
    """Rows of one pair are near twins: both are held out, or none."""


def held_out(pair: str) -> bool:
    """Whether a pair is kept from training: one in five, by the hash of its name."""
    return _share(pair) < 0.2


def validating(pair: str) -> bool:
    """Whether a pair that is not held out chooses thresholds and the end of training: one in eight."""
    return _share("validate " + pair) < 0.125


def _share(name: str) -> float:
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32


def read_rows(path: Path) -> list[Row]:
    """Reads a TSV file with a header.

    Columns: `kind`; `text`, a message, or a JSON list of what the person and the listener said by turns, the
    person last; and, optional, `stage`, `language`, `pair`.

    Raises:
        InvalidInput: The file can't be read, or a line is wrong; the message names it.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput.of("--data", f"{path} can't be read: {error}", reason="BAD_DATA") from error
    header = lines[0] if lines else []
    if missing := [name for name in _REQUIRED if name not in header]:
        raise InvalidInput.of(
            "--data",
            f"{path} needs a first line with the columns kind and text; {missing[0]} is missing",
            reason="BAD_DATA",
        )
    rows = []
    for number, line in enumerate(lines[1:], 2):
        try:
            rows.append(_row(dict(zip(header, line, strict=True))))
        except ValueError as error:
            raise InvalidInput.of("--data", f"{path}, line {number}: {error}", reason="BAD_DATA") from error
    return rows


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Writes rows for `read_rows`."""
    lines = ["\t".join(COLUMNS)]
    for row in rows:
        text = row.talk[0] if len(row.talk) == 1 else json.dumps(row.talk, ensure_ascii=False)
        text = text.replace("\t", " ").replace("\n", " ")
        lines.append("\t".join((row.kind, row.stage, row.language, row.pair, text)))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(fields: dict[str, str]) -> Row:
    kind, text = fields["kind"], fields["text"]
    if kind not in KINDS:
        raise ValueError(f"the kind {kind!r} is none of {', '.join(KINDS)}")
    talk: Sequence[str] = [text]
    if text.startswith("["):
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = [text]
        talk = parsed if isinstance(parsed, list) else [text]
    if not all(isinstance(said, str) and said.strip() for said in talk) or len(talk) % 2 == 0:
        raise ValueError("a talk must be an odd number of texts, the person's first and last")
    stage = fields.get("stage", "")
    if stage not in ("", DOUBT, *STAGES):
        raise ValueError(f"the stage {stage!r} is none of {', '.join((DOUBT, *STAGES))}")
    return Row(kind, tuple(talk), stage, fields.get("language") or "en", fields.get("pair", ""))


def everyday(folder: Path, dangers: dict[str, str]) -> list[Row]:
    """Last messages of everyday talks (`composed/*.jsonl`): no danger, but for those named.

    Args:
        folder: Where the talks are.
        dangers: Kind by id where a talk holds a danger; empty where it is unclear, and the talk is left out.
    """
    rows = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            talk = json.loads(line)
            kind = dangers.get(talk["id"], NONE)
            if kind:
                said = tuple(turn["text"] for turn in talk["turns"][-5:])
                rows.append(Row(kind, said, FIRST if kind in DANGERS else "", pair=talk["id"]))
    return rows


def posts(path: Path, labels: Path) -> list[Row]:
    """Posts of people who seek support, by labels that were given here; the doubtful ones are left out.

    Args:
        path: A post a line.
        labels: TSV of line number, kind, and 1 where the reader was sure.
    """
    texts = path.read_text(encoding="utf-8").splitlines()
    rows = []
    for line in labels.read_text(encoding="utf-8").splitlines():
        number, kind, sure = line.split("\t")
        if sure == "1":
            rows.append(
                Row(kind, (texts[int(number) - 1],), FIRST if kind in DANGERS else "", pair=f"post-{number}")
            )
    return rows
