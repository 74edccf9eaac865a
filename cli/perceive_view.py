"""Shows a perception in the terminal."""

from collections.abc import Sequence

from empatheia.common.v1 import affect_pb2
from empatheia.perception.v1 import perception_pb2
from rich.console import Console
from rich.markup import escape

from cli.chain_view import quote

UNSURE = 0.5
"""Confidence of a word under which it is marked."""
TITLES = {"text": "words", "speech": "voice", "face": "face"}
COLOURS = {
    "happy": "#d9a400",
    "surprised": "#e8743b",
    "angry": "#c62828",
    "fear": "#7e57c2",
    "sad": "#1f6fb2",
    "disgusted": "#5d8a2b",
    "contempt": "#8d6e63",
}
"""One colour for each of the 7 classes, here and in pictures."""
_BARS = " ▁▂▃▄▅▆▇█"
_COLUMNS = 64
_LIKELY = 3


def show(console: Console, perception: perception_pb2.Perception) -> None:
    """Prints what was said, how it sounded and looked over time, and where that disagrees."""
    lengths = [
        f"{what} {s:.1f} s" for what, s in (("sound", perception.audio_s), ("video", perception.video_s)) if s
    ]
    console.print(f"[dim]{', '.join(lengths)}[/]")
    _words(console, perception)
    console.print()
    for modality in perception.modalities:
        _modality(console, modality)
    if perception.HasField("affect"):
        console.print(f"[bold]together[/]  {_affect(perception.affect)}")
    _course(console, perception)
    for conflict in perception.conflicts:
        console.print(f"\n[yellow]they disagree:[/] {escape(conflict.description)}")
        for evidence in conflict.evidence:
            console.print(f"  [dim]↳ {escape(quote(evidence))}[/]")
    if perception.notes:
        console.print()
    for note in perception.notes:
        console.print(f"[dim]note: {escape(note)}[/]")


def _words(console: Console, perception: perception_pb2.Perception) -> None:
    if not perception.transcript.words:
        if perception.HasField("transcript"):
            console.print("[dim]no words heard[/]")
        return
    for line in lines(perception.transcript):
        said = " ".join(
            escape(word.text) if word.confidence >= UNSURE else f"[yellow]{escape(word.text)}?[/]"
            for word in line
        )
        console.print(f"[dim]{line[0].start_s:6.1f}–{line[-1].end_s:.1f} s[/]  {said}")
    unsure = sum(word.confidence < UNSURE for word in perception.transcript.words)
    sure = f"heard with {perception.transcript.confidence:.0%} confidence"
    marked = f"; {unsure} of {len(perception.transcript.words)} words unsure (marked ?)" if unsure else ""
    console.print(f"[dim]        {sure}{marked}[/]")


def lines(transcript: perception_pb2.Transcript) -> list[list[perception_pb2.HeardWord]]:
    """The words in lines: a new one after a pause of half a second, or after ten words."""
    found: list[list[perception_pb2.HeardWord]] = []
    for word in transcript.words:
        if not found or word.start_s - found[-1][-1].end_s > 0.5 or len(found[-1]) >= 10:
            found.append([])
        found[-1].append(word)
    return found


def _modality(console: Console, modality: perception_pb2.ModalityAffect) -> None:
    title = TITLES.get(modality.modality, modality.modality)
    if not modality.present:
        console.print(f"[bold]{title:<8}[/]  [dim]– {escape(modality.reason)}[/]")
        return
    console.print(f"[bold]{title:<8}[/]  {_affect(modality.affect)}")
    for evidence in list(modality.affect.evidence)[:2]:
        console.print(f"          [dim]↳ {escape(quote(evidence))}[/]")


def _affect(affect: affect_pb2.Affect) -> str:
    likely = " · ".join(
        f"[{COLOURS.get(entry.label, 'white')}]{escape(entry.label)}[/] {entry.probability:.0%}"
        for entry in affect.classes.entries[:_LIKELY]
    )
    feel = f"{'un' if affect.valence < 0 else ''}pleasant {abs(affect.valence):.1f}"
    pitch = f"{'calm' if affect.arousal < 0 else 'excited'} {abs(affect.arousal):.1f}"
    return f"{likely}  [dim]confidence {affect.confidence:.0%}, {feel}, {pitch}[/]"


def _course(console: Console, perception: perception_pb2.Perception) -> None:
    """A row per modality, a column per stretch of time: height is confidence, colour the likeliest class."""
    length = max(perception.audio_s, perception.video_s)
    rows = [modality for modality in perception.modalities if modality.course]
    if not rows or not length:
        return
    columns = min(_COLUMNS, max(8, round(length * 4)))
    console.print("\n[dim]over time: height is how sure, colour what[/]")
    seen: list[str] = []
    for modality in rows:
        bars = []
        for column in range(columns):
            moment = _at(modality.course, (column + 0.5) * length / columns)
            if moment is None:
                bars.append(" ")
                continue
            top = moment.classes.entries[0].label
            seen += [top] if top not in seen else []
            height = _BARS[1 + min(7, int(moment.confidence * 8))]
            bars.append(f"[{COLOURS.get(top, 'white')}]{height}[/]")
        console.print(f"[bold]{TITLES.get(modality.modality, modality.modality):<8}[/]  {''.join(bars)}")
    end = f"{length:.1f} s"
    console.print(f"          [dim]0{end:>{columns - 1}}[/]")
    console.print("          " + "  ".join(f"[{COLOURS.get(name, 'white')}]█[/] {name}" for name in seen))


def _at(course: Sequence[perception_pb2.AffectMoment], time_s: float) -> perception_pb2.AffectMoment | None:
    return next((one for one in course if one.span.start_s <= time_s < one.span.end_s), None)
