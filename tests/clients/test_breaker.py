import pytest

from runtime.clients.breaker import Breaker, BreakerOptions
from runtime.errors import ServiceDown


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(clock: Clock) -> Breaker:
    breaker = Breaker("speech", BreakerOptions(failures=3, open_s=1.0, max_open_s=3.0), clock)
    for _ in range(3):
        breaker.admit()
        breaker.failed()
    return breaker


def test_it_opens_after_failures_in_a_row_and_says_for_how_long(clock: Clock) -> None:
    breaker = opened(clock)
    with pytest.raises(ServiceDown, match=r"speech service failed 3 times.*1\.0 s") as caught:
        breaker.admit()
    assert caught.value.reason == "CIRCUIT_OPEN"


def test_one_answer_in_between_keeps_it_closed(clock: Clock) -> None:
    breaker = Breaker("speech", BreakerOptions(failures=3), clock)
    for _ in range(10):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    breaker.admit()


def test_one_trial_passes_after_the_open_time(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 1.1
    breaker.admit()
    with pytest.raises(ServiceDown):
        breaker.admit()
    breaker.succeeded()
    breaker.admit()


def test_the_open_time_grows_to_its_bound(clock: Clock) -> None:
    breaker = opened(clock)
    waits = []
    for _ in range(4):
        start = clock.now
        while True:
            try:
                breaker.admit()
                break
            except ServiceDown:
                clock.now += 0.1
        waits.append(round(clock.now - start))
        breaker.failed()
    assert waits == [1, 2, 3, 3]


def test_retries_are_bounded_and_earned_back(clock: Clock) -> None:
    breaker = Breaker("speech", BreakerOptions(budget=2, earned_per_success=0.5), clock)
    assert [breaker.spend_retry() for _ in range(3)] == [True, True, False]
    breaker.succeeded()
    assert not breaker.spend_retry()
    breaker.succeeded()
    assert breaker.spend_retry()
