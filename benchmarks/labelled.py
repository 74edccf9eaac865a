"""Reads folders of media with known answers: `labels.csv` for affect, `transcripts.csv` for words."""

import csv
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.emotions import CLASS_OF_LABEL, CLASSES, NEUTRAL
from runtime.errors import InvalidInput
from services.perception.modalities.face import CLASS_OF_EXPRESSION
from services.perception.modalities.voice import CLASS_OF_RAVDESS

CLASS_OF_NAME: Mapping[str, str] = {
    **CLASS_OF_LABEL,
    **CLASS_OF_EXPRESSION,
    **CLASS_OF_RAVDESS,
    **{klass: klass for klass in (*CLASSES, NEUTRAL)},
}
"""Names of label files (RAVDESS, face photographs, the 32 labels, the 7 classes) among the 7 classes."""

_COLUMNS = ("emotion", "expression")
_TABLES = {"speech": "labels.csv", "face": "labels.csv", "asr": "transcripts.csv"}


@dataclass(frozen=True)
class Row:
    """A recording or photograph, and the right answer."""

    path: Path
    where: str
    """"labels.csv, line 7"."""
    expected: str
    """A class of the 7 or "neutral"; for words, the transcript."""
    columns: Mapping[str, str]


def read(data: Path, modality: str) -> list[Row]:
    """Reads all rows, in the order of the file.

    Args:
        data: Folder with the media and `labels.csv` (columns `file` and `emotion` or `expression`) or
            `transcripts.csv` (columns `file` and `transcript`, or LJSpeech's headless `id|text|text`);
            words are also taken from a `transcript` column of `labels.csv`.
        modality: "speech", "face" or "asr".

    Raises:
        InvalidInput: The folder, the table, a column or a file is missing, or a name is unknown.
    """
    if not data.is_dir():
        raise _bad(f"{data} is no folder; it must hold media and {_TABLES[modality]}")
    table = data / _TABLES[modality]
    if not table.is_file() and modality == "asr" and (data / _TABLES["speech"]).is_file():
        # Some label files hold what was said as well.
        table = data / _TABLES["speech"]
    if not table.is_file():
        raise _bad(f"{table} is not there; it must name each file and its right answer")
    try:
        lines = table.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(f"{table} can't be read: {error}") from error
    rows = list(_without_header(lines) if "|" in "".join(lines[:1]) else _with_header(table, lines))
    if not rows:
        raise _bad(f"{table} holds no rows")
    answer = "transcript" if modality == "asr" else _answer_column(table, rows[0][1])
    return [_row(data, table, line, columns, answer) for line, columns in rows]


def chosen(rows: Sequence[Row], where: Sequence[str], limit: int | None, seed: int) -> list[Row]:
    """Keeps the rows that fulfil all conditions, then draws from them.

    Args:
        rows: Of one table.
        where: "column=value" or "column=value,value".
        limit: How many to draw; None is all.
        seed: Of the draw.

    Raises:
        InvalidInput: A condition is malformed, names no column, or no row is left.
    """
    kept = list(rows)
    for condition in where:
        column, equals, values = condition.partition("=")
        if not equals:
            raise InvalidInput.of("--where", f"{condition!r} is not column=value", reason="BAD_DATA")
        known = sorted(rows[0].columns)
        if column not in known:
            raise InvalidInput.of(
                "--where", f"there is no column {column!r}, but {', '.join(known)}", reason="BAD_DATA"
            )
        kept = [row for row in kept if row.columns[column] in values.split(",")]
    if not kept:
        raise InvalidInput.of("--where", f"no row has {' and '.join(where)}", reason="BAD_DATA")
    if limit is None or limit >= len(kept):
        return kept
    order = sorted(random.Random(seed).sample(range(len(kept)), limit))
    return [kept[index] for index in order]


def _with_header(table: Path, lines: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(lines)
    if "file" not in (reader.fieldnames or ()):
        found = ", ".join(reader.fieldnames or ()) or "none"
        raise _bad(f"{table} has no column `file`; its columns are: {found}")
    for columns in reader:
        if None in columns or None in columns.values():
            raise _bad(f"{table}, line {reader.line_num}: has another number of fields than the header")
        yield reader.line_num, columns


def _without_header(lines: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            name, _, rest = line.partition("|")
            yield number, {"file": name.strip(), "transcript": rest.rpartition("|")[2].strip()}


def _answer_column(table: Path, columns: Mapping[str, str]) -> str:
    found = [column for column in _COLUMNS if column in columns]
    if not found:
        raise _bad(f"{table} has no column `emotion` or `expression`; its columns are: {', '.join(columns)}")
    return found[0]


def _row(data: Path, table: Path, line: int, columns: Mapping[str, str], answer: str) -> Row:
    where = f"{table.name}, line {line}"
    if answer not in columns:
        raise _bad(f"{table} has no column `{answer}`; its columns are: {', '.join(columns)}")
    expected = columns[answer].strip()
    if answer != "transcript":
        if expected not in CLASS_OF_NAME:
            raise _bad(f"{where}: {answer} {expected!r} is unknown; known are {', '.join(CLASS_OF_NAME)}")
        expected = CLASS_OF_NAME[expected]
    elif not words(expected):
        raise _bad(f"{where}: the transcript has no words")
    path = data / columns["file"]
    if not path.is_file():
        # LJSpeech names its recordings without the ending.
        path = next((p for p in sorted(data.glob("*")) if p.stem == columns["file"] and p.is_file()), path)
    if not path.is_file():
        raise _bad(f"{where}: {path} is not there")
    return Row(path, where, expected, columns)


def words(text: str) -> list[str]:
    """The words of a text for comparison: lower case, nothing but letters, digits and apostrophes."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)*", text.lower().replace("’", "'"))


def _bad(problem: str) -> InvalidInput:
    return InvalidInput.of("--data", problem, reason="BAD_DATA")
