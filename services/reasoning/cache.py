"""Keys and values of what was read, kept from step to step of a turn.

A text is read part by part, and found again part by part: a part is read in the same passes whether or not
those before it came from the cache. So an answer never depends on what happened to be cached.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

Part = tuple[int, ...]
"""Tokens that are read in one go."""
_GROWTH = 256
"""Buffers hold a multiple of so many tokens: the next step of a turn rarely needs a larger one."""


@dataclass(eq=False)
class Reading:
    """A text that has been read."""

    buffer: Tensor
    """Keys and values: (layers, 2, key-value heads, capacity, head size)."""
    parts: list[Part] = field(default_factory=list)
    """What the buffer holds, from its start."""
    states: list[Tensor] = field(default_factory=list)
    """(1, D): hidden state of each part's last token."""
    coming: Part = ()
    """The part that is being read just now."""

    @property
    def length(self) -> int:
        """Tokens held."""
        return sum(map(len, self.parts))

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

    def add(self, part: Part, state: Tensor) -> None:
        """Notes that the buffer holds one part more."""
        self.parts.append(part)
        self.states.append(state)
        self.coming = ()

    def cut(self, parts: int) -> None:
        """Forgets all but so many parts."""
        del self.parts[parts:], self.states[parts:]

    def copy(self, other: "Reading", parts: int) -> None:
        """Takes over what another has read beyond this, up to so many parts."""
        start = self.length
        self.parts += other.parts[len(self.parts) : parts]
        self.states += other.states[len(self.states) : parts]
        self.buffer[:, :, :, start : self.length] = other.buffer[:, :, :, start : self.length]


class ReadingCache:
    """The newest readings of turns, and of beginnings that turns share, bounded in number and bytes."""

    def __init__(self, allocate: Callable[[int], Tensor], *, most: int, most_bytes: int) -> None:
        """Makes an empty cache.

        Args:
            allocate: Makes a buffer for so many tokens.
            most: Bound on turns.
            most_bytes: Bound on all buffers together; turns in progress may pass it.
        """
        self._allocate = allocate
        self._most = most
        self._most_bytes = most_bytes
        self._turns: OrderedDict[str, Reading] = OrderedDict()
        self._beginnings: OrderedDict[Part, Reading] = OrderedDict()
        self._open: list[Reading] = []

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def bytes(self) -> int:
        """Size of all buffers that wait for use."""
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
        if own is not None and own.buffer.shape[3] >= capacity:
            own.cut(own.shared(parts))
            reading = own
        else:
            reading = Reading(self._allocate(-(-capacity // _GROWTH) * _GROWTH))
            if own is not None:
                reading.copy(own, own.shared(parts))
        self.follow(reading, parts)
        self._open.append(reading)
        return reading

    def follow(self, reading: Reading, parts: Sequence[Part]) -> None:
        """Adds to a reading what any other has of its next parts."""
        if parts and parts[0] in self._beginnings:
            self._beginnings.move_to_end(parts[0])
        others = [*self._beginnings.values(), *self._turns.values(), *self._open]
        best = max(others, key=lambda other: other.shared(parts), default=None)
        if best is not None and best.shared(parts) > len(reading.parts):
            reading.copy(best, best.shared(parts))

    def is_coming(self, reading: Reading, parts: Sequence[Part]) -> bool:
        """Whether another call is reading this one's next part, after the same beginning."""
        done = len(reading.parts)
        return any(
            other.coming == parts[done] and len(other.parts) == done == other.shared(parts)
            for other in self._open
        )

    def put(self, key: str, reading: Reading) -> None:
        """Keeps a reading as the newest, with its beginning for other turns; lets the oldest go."""
        reading.coming = ()
        self._open.remove(reading)
        if reading.parts and reading.parts[0] not in self._beginnings:
            first = reading.parts[0]
            copy = Reading(self._allocate(len(first)))
            copy.copy(reading, 1)
            self._beginnings[first] = copy
        if key:
            self._turns[key] = reading
            self._turns.move_to_end(key)
        while len(self._turns) > self._most:
            self._turns.popitem(last=False)
        while self.bytes > self._most_bytes and len(self._turns) + len(self._beginnings) > 2:
            (self._turns if len(self._turns) > 1 else self._beginnings).popitem(last=False)
