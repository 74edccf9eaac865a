"""Keys and values of what was read, kept from step to step of a turn.

A text is read part by part, and found again part by part: a part is read in one pass of the same shape
whether or not those before it came from the cache. So an answer never depends on what happened to be cached.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

Part = tuple[int, ...]
"""Tokens that are read in one go."""


@dataclass
class Reading:
    """A text that has been read."""

    buffer: Tensor
    """Keys and values: (layers, 2, key-value heads, capacity, head size)."""
    parts: list[Part] = field(default_factory=list)
    """What the buffer holds, from its start."""

    @property
    def length(self) -> int:
        """Tokens held."""
        return sum(map(len, self.parts))

    @property
    def capacity(self) -> int:
        """Tokens for which there is room."""
        return self.buffer.shape[3]

    @property
    def bytes(self) -> int:
        """Size of the buffer."""
        return self.buffer.numel() * self.buffer.element_size()

    def shared(self, parts: Sequence[Part]) -> int:
        """How many parts at the start are the same."""
        same = 0
        for mine, other in zip(self.parts, parts, strict=False):
            if mine != other:
                break
            same += 1
        return same


class ReadingCache:
    """The newest readings of turns, and of beginnings that turns share, bounded in number and bytes."""

    def __init__(self, allocate: Callable[[int], Tensor], *, most: int, most_bytes: int) -> None:
        """Makes an empty cache.

        Args:
            allocate: Makes a buffer for so many tokens.
            most: Bound on turns.
            most_bytes: Bound on all buffers together; a turn in progress may pass it.
        """
        self._allocate = allocate
        self._most = most
        self._most_bytes = most_bytes
        self._turns: OrderedDict[str, Reading] = OrderedDict()
        self._beginnings: OrderedDict[Part, Reading] = OrderedDict()

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def bytes(self) -> int:
        """Size of all buffers."""
        return sum(kept.bytes for kept in (*self._turns.values(), *self._beginnings.values()))

    def take(self, key: str, parts: Sequence[Part], capacity: int) -> Reading:
        """Takes out the reading that begins most like these parts, cut to what is the same.

        The reading of the key itself is continued in place; another is copied. Give it back with `put`.

        Args:
            key: Whose reading it is; empty belongs to nobody.
            parts: What is to be read.
            capacity: Tokens for which there must be room.
        """
        own = self._turns.pop(key, None)
        beginning = self._beginnings.get(parts[0]) if parts else None
        if beginning:
            self._beginnings.move_to_end(parts[0])
        others = [kept for kept in (own, beginning, *self._turns.values()) if kept]
        best = max(others, key=lambda kept: kept.shared(parts), default=None)
        same = best.shared(parts) if best else 0
        if own is not None and own is best and own.capacity >= capacity:
            del own.parts[same:]
            return own
        reading = Reading(self._allocate(capacity), list(parts[:same]))
        if best is not None:
            reading.buffer[:, :, :, : reading.length] = best.buffer[:, :, :, : reading.length]
        return reading

    def put(self, key: str, reading: Reading) -> None:
        """Keeps a reading as the newest, with its beginning for other turns; lets the oldest go."""
        if reading.parts and reading.parts[0] not in self._beginnings:
            first = reading.parts[0]
            copy = Reading(self._allocate(len(first)), [first])
            copy.buffer[:] = reading.buffer[:, :, :, : len(first)]
            self._beginnings[first] = copy
        if key:
            self._turns[key] = reading
            self._turns.move_to_end(key)
        while len(self._turns) > self._most:
            self._turns.popitem(last=False)
        while self.bytes > self._most_bytes and len(self._turns) + len(self._beginnings) > 2:
            (self._turns if len(self._turns) > 1 else self._beginnings).popitem(last=False)
