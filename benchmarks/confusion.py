"""Draws a confusion matrix."""

from collections.abc import Sequence
from pathlib import Path


def draw(path: Path, title: str, classes: Sequence[str], matrix: Sequence[Sequence[int]], last: str) -> None:
    """Writes a PNG: a row per true class that occurs, shaded by share of the row, with the counts.

    Args:
        path: File to write.
        title: Above the matrix.
        classes: Names of the rows, and of all columns but the last.
        matrix: (len(classes), len(classes) + 1) counts.
        last: Name of the last column, left out where it is empty.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = len(classes) + any(row[-1] for row in matrix)
    rows = [(name, list(row[:width])) for name, row in zip(classes, matrix, strict=True) if sum(row)]
    figure = Figure(figsize=(1.6 + 0.85 * width, 1.9 + 0.6 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shares = [[count / sum(row) for count in row] for _, row in rows]
    shade = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, (_, row) in enumerate(rows):
        for x, count in enumerate(row):
            if count:
                colour = "white" if shares[y][x] > 0.5 else "black"
                axes.text(x, y, str(count), ha="center", va="center", color=colour)
    columns = [*classes, last][:width]
    axes.set_xticks(range(width), columns, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), [f"{name} ({sum(row)})" for name, row in rows])
    axes.set_xlabel("judged")
    axes.set_ylabel("labelled")
    axes.set_title(title, fontsize=11)
    axes.tick_params(length=0)
    figure.colorbar(shade, label="share of the row", shrink=0.9)
    part = path.with_name(f".{path.name}.part")
    try:
        figure.savefig(part, format="png", dpi=150)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
