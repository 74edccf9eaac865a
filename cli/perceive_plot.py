"""Draws a perception over time."""

from pathlib import Path
from typing import Any

from empatheia.perception.v1 import perception_pb2

from cli.perceive_view import COLOURS, TITLES, UNSURE, lines

_MOST_WORDS = 60
"""With more words only the first of each line is written, so that they can be read."""


def draw(path: Path, title: str, perception: perception_pb2.Perception) -> None:
    """Writes a PNG: the words, and for voice and face the share of each class, on one time axis.

    Args:
        path: File to write.
        title: Above the picture.
        perception: With the course of at least one modality, or with words; else it says so.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tracks = [modality for modality in perception.modalities if modality.course]
    length = max(perception.audio_s, perception.video_s, 0.1)
    heights = [1.0, *(2.4 for _ in tracks), 1.3]
    figure = Figure(figsize=(min(16.0, max(8.0, 1.0 * length)), 1.3 + sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights})
    _words(axes[0], perception)
    for below, modality in zip(axes[1:-1], tracks, strict=True):
        _classes(below, modality)
    _valence(axes[-1], tracks)
    axes[-1].set_xlim(0, length)
    axes[-1].set_xlabel("seconds")
    top = perception.affect.classes.entries[0] if perception.HasField("affect") else None
    whole = f"{title}: together {top.label} {top.probability:.0%}" if top else f"{title}: nothing to judge"
    if perception.conflicts:
        whole += f"\n{perception.conflicts[0].description}"
    figure.suptitle(whole, fontsize=11)
    handles = [_patch(colour) for colour in COLOURS.values()]
    figure.legend(handles, COLOURS, loc="outside lower center", ncols=len(COLOURS), frameon=False, fontsize=9)
    part = path.with_name(f".{path.name}.part")
    try:
        figure.savefig(part, format="png", dpi=130)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _patch(colour: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour)


def _words(axes: Any, perception: perception_pb2.Perception) -> None:
    """The words where they were said, in three rows so that they don't cover each other."""
    for span in perception.transcript.speech:
        axes.axvspan(span.start_s, span.end_s, color="0.92")
    words = list(perception.transcript.words)
    if len(words) > _MOST_WORDS:
        words = [line[0] for line in lines(perception.transcript)][:: len(words) // _MOST_WORDS]
    for index, word in enumerate(words):
        unsure = word.confidence < UNSURE
        axes.text(
            word.start_s,
            0.8 - 0.3 * (index % 3),
            word.text + ("?" if unsure else ""),
            fontsize=8,
            va="center",
            color="0.55" if unsure else "black",
            clip_on=True,
        )
    if not perception.transcript.words:
        axes.text(0.5, 0.5, "no words heard", transform=axes.transAxes, ha="center", va="center", color="0.5")
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_ylabel("words")
    _bare(axes)


def _classes(axes: Any, modality: perception_pb2.ModalityAffect) -> None:
    """Stacked shares of the classes, a bar per moment, faint where it is unsure."""
    for moment in modality.course:
        shares = {entry.label: entry.probability for entry in moment.classes.entries}
        width = moment.span.end_s - moment.span.start_s
        foot = 0.0
        for label, colour in COLOURS.items():
            axes.bar(
                moment.span.start_s,
                shares.get(label, 0.0),
                width,
                foot,
                align="edge",
                color=colour,
                alpha=0.25 + 0.75 * min(1.0, 1.5 * moment.confidence),
                linewidth=0,
            )
            foot += shares.get(label, 0.0)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel(f"{TITLES.get(modality.modality, modality.modality)}\nshare of class")
    _bare(axes)


def _valence(axes: Any, tracks: list[perception_pb2.ModalityAffect]) -> None:
    for modality, dashes in zip(tracks, ("-", "--", ":"), strict=False):
        times = [(one.span.start_s + one.span.end_s) / 2 for one in modality.course]
        name = TITLES.get(modality.modality, modality.modality)
        axes.plot(times, [one.valence for one in modality.course], dashes, color="black", lw=1.2, label=name)
    axes.axhline(0, color="0.8", lw=0.8, zorder=0)
    axes.set_ylim(-1, 1)
    axes.set_yticks([-1, 0, 1], ["unpleasant", "0", "pleasant"], fontsize=8)
    axes.set_ylabel("valence")
    if tracks:
        axes.legend(loc="upper right", fontsize=8, frameon=False, ncols=len(tracks))
    _bare(axes)


def _bare(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
