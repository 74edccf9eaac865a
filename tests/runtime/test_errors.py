from dataclasses import dataclass

import grpc
import pytest

from runtime.errors import (
    STATUS_DETAILS_KEY,
    Cancelled,
    EmpatheiaError,
    Internal,
    InvalidInput,
    ServiceDown,
    TooMuch,
    TooSlow,
    UnknownName,
    Violation,
    WeightsMissing,
    from_rpc_error,
    is_retryable,
)


@dataclass
class Failed:
    """A failed call as grpc shows it."""

    status: grpc.StatusCode
    message: str = "no details"
    metadata: tuple[tuple[str, bytes], ...] = ()

    def code(self) -> grpc.StatusCode:
        return self.status

    def details(self) -> str:
        return self.message

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        return self.metadata


def sent(error: EmpatheiaError) -> Failed:
    return Failed(error.code, error.message, ((STATUS_DETAILS_KEY, error.to_status().SerializeToString()),))


@pytest.mark.parametrize(
    "kind",
    [InvalidInput, UnknownName, TooMuch, WeightsMissing, ServiceDown, TooSlow, Cancelled, Internal],
)
def test_an_error_survives_the_wire(kind: type[EmpatheiaError]) -> None:
    error = kind("what, where, what to do", reason="WHY", violations=[Violation("a.b", "wrong")], service="x")
    back = from_rpc_error(sent(error), "caller's name for it")
    assert type(back) is kind
    assert (back.message, back.reason, back.service) == ("what, where, what to do", "WHY", "x")
    assert back.violations == error.violations


@pytest.mark.parametrize(
    ("failed", "retryable"),
    [
        (Failed(grpc.StatusCode.UNAVAILABLE), True),
        (Failed(grpc.StatusCode.NOT_FOUND, "Application 'speech' not found."), True),
        (Failed(grpc.StatusCode.INTERNAL, "The actor died unexpectedly"), True),
        (Failed(grpc.StatusCode.CANCELLED, "Stream removed"), True),
        (Failed(grpc.StatusCode.DEADLINE_EXCEEDED), False),
        (Failed(grpc.StatusCode.INVALID_ARGUMENT), False),
        (sent(Internal("a fault", reason="BROKEN")), False),
        (sent(UnknownName("no such thing", reason="UNKNOWN")), False),
        (sent(ServiceDown("gone", reason="GONE")), True),
    ],
)
def test_only_what_may_pass_is_worth_another_try(failed: Failed, retryable: bool) -> None:
    assert is_retryable(from_rpc_error(failed, "speech")) is retryable


def test_a_replica_that_dies_is_told_in_one_line() -> None:
    failed = Failed(grpc.StatusCode.INTERNAL, "The actor died unexpectedly.\n  class_name: X\n  pid: 7")
    error = from_rpc_error(failed, "gateway")
    assert error.message == "the gateway service died while it worked (The actor died unexpectedly.)"
    assert error.exit_code == 3


def test_a_host_without_the_service_is_a_service_that_is_down() -> None:
    error = from_rpc_error(Failed(grpc.StatusCode.NOT_FOUND, "Application 'speech' not found."), "speech")
    assert isinstance(error, ServiceDown)
    assert error.exit_code == 3
    assert "the speech service can't be reached" in error.message
