"""What the parts of the picture share: colours, and how numbers are written."""

from collections.abc import Mapping

from rich.text import Text

DIM = "grey58"
FAINT = "grey39"
BAD = "red"
WARN = "yellow"
NODE = "cyan"
CLASS_COLOURS: Mapping[str, str] = {
    "happy": "yellow",
    "surprised": "magenta",
    "angry": "red",
    "fear": "medium_purple",
    "sad": "dodger_blue1",
    "disgusted": "green",
    "contempt": "dark_orange",
}
_GAUGE_WIDTH = 8


def duration(ms: float) -> str:
    """Writes a duration in the unit that suits it: "870 µs", "42 ms", "1.32 s", "2 min 05 s"."""
    if ms < 1:
        return f"{ms * 1000:.0f} µs"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 99_995:
        return f"{ms / 1000:.2f} s" if ms < 9_995 else f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    return f"{minutes} min {seconds:02d} s"


def gauge(share: float, colour: str = NODE) -> Text:
    """A small bar for a number from 0 to 1, with the number beside it."""
    filled = round(max(0.0, min(1.0, share)) * _GAUGE_WIDTH)
    bar = Text("━" * filled, style=colour)
    bar.append("╌" * (_GAUGE_WIDTH - filled), style=FAINT)
    return bar.append(f" {share:4.0%}", style=DIM)


def label(name: str) -> str:
    """A node's name as people say it."""
    return name.replace("_", " ")
