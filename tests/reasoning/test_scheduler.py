"""Calls that advance together: the scheduler on a network that only notes what it is asked."""

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest
import torch

from services.reasoning.model import Span
from services.reasoning.scheduler import Read, Rows, Scheduler, Task

BUFFER = torch.zeros(0)


class Network:
    """Gives each token's number as its hidden state, and twice that as its score."""

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()

    def read(self, spans: list[Span]) -> torch.Tensor:
        self.gate.wait(10)
        self.passes.append([len(span.tokens) for span in spans])
        tokens = torch.cat([span.tokens for span in spans])
        if (tokens < 0).any():
            raise RuntimeError("no such token")
        return tokens.float()[:, None]

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden * 2


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def scheduler(network: Network) -> Iterator[Scheduler]:
    made = Scheduler(network, most=4)  # type: ignore[arg-type]
    yield made
    network.gate.set()
    made.stop()


def reader(count: int, scored: tuple[int, ...] = ()) -> Task[Rows]:
    tokens = torch.arange(count)
    return (yield Read(Span(tokens, BUFFER, 7, tokens, torch.ones(count, 7 + count).tril(7)), scored))


def writer(count: int) -> Task[int]:
    total = 0
    for token in range(count):
        rows = yield Read(Span(torch.tensor([token]), BUFFER, token), scored=(0,))
        total += int(rows.logits[0, 0])
    return total


def test_long_texts_are_read_in_chunks_and_come_back_whole(network: Network, scheduler: Scheduler) -> None:
    rows = scheduler.submit(reader(150, scored=(3, 70, 149))).result(10)
    assert network.passes == [[64], [64], [22]]
    assert rows.hidden[:, 0].tolist() == list(range(150))
    assert rows.logits[:, 0].tolist() == [6, 140, 298]


def test_writers_write_while_a_newcomer_reads(network: Network, scheduler: Scheduler) -> None:
    network.gate.clear()
    first = scheduler.submit(writer(3))
    others = [scheduler.submit(reader(150)), scheduler.submit(reader(40)), scheduler.submit(writer(3))]
    network.gate.set()
    assert first.result(10) == others[2].result(10) == 6
    for other in others[:2]:
        other.result(10)
    # No pass reads more than a chunk, and both writers write in each but for the very first.
    assert all(sum(size for size in sizes if size > 1) <= 64 for sizes in network.passes)
    assert sum(sizes.count(1) == 2 for sizes in network.passes) >= 2
    # The short text didn't wait for the end of the long one.
    assert [40] not in network.passes[-1:]


def test_further_calls_wait_in_line(network: Network, scheduler: Scheduler) -> None:
    network.gate.clear()
    calls = [scheduler.submit(writer(5)) for _ in range(9)]
    network.gate.set()
    assert [call.result(10) for call in calls] == [20] * 9
    assert max(len(sizes) for sizes in network.passes) == 4


def test_a_cancelled_call_is_closed_and_disturbs_nobody(network: Network, scheduler: Scheduler) -> None:
    begun, closed = threading.Event(), threading.Event()

    def endless() -> Generator[Read | None, Rows, None]:
        try:
            while True:
                begun.set()
                yield Read(Span(torch.tensor([1]), BUFFER, 0))
        finally:
            closed.set()

    doomed = scheduler.submit(endless())
    other = scheduler.submit(writer(50))
    assert begun.wait(10)
    doomed.cancel()
    assert closed.wait(10)
    assert other.result(10) == sum(range(50)) * 2


def test_errors_reach_their_callers_and_the_next_call_works(scheduler: Scheduler) -> None:
    def broken() -> Generator[Read | None, Rows, Any]:
        yield None
        raise ValueError("a bad request")

    def unreadable() -> Generator[Read | None, Rows, Any]:
        yield Read(Span(torch.tensor([-1]), BUFFER, 0))

    with pytest.raises(ValueError, match="a bad request"):
        scheduler.submit(broken()).result(10)
    with pytest.raises(RuntimeError, match="no such token"):
        scheduler.submit(unreadable()).result(10)
    assert scheduler.submit(writer(3)).result(10) == 6


def test_stopping_gives_up_what_is_under_way(network: Network) -> None:
    scheduler = Scheduler(network, most=1)  # type: ignore[arg-type]
    calls = [scheduler.submit(writer(10**9)) for _ in range(2)]
    scheduler.stop()
    for call in calls:
        with pytest.raises(CancelledError):
            call.result(10)
