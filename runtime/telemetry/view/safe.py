"""Keeps what a person typed from steering the terminal it is shown on."""

import re

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment

# Control characters but the line's end, and marks that turn the direction of writing until they are
# closed; none of them takes a column, so that dropping them moves nothing.
_STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Safe:
    """Draws something without the characters that a terminal would obey."""

    def __init__(self, inner: RenderableType) -> None:
        """Draws `inner`."""
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields what `inner` yields, cleaned."""
        for segment in console.render(self._inner, options):
            yield Segment(_STEERING.sub("", segment.text), segment.style, segment.control)
