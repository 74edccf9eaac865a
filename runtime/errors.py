"""The one tree of errors, and how it travels as `google.rpc.Status`.

Every error tells a person what was wrong, where, and what to do. A service raises it, a host turns it into
a gRPC status with `ErrorInfo` and `BadRequest` details, a client turns it back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "empatheia"
STATUS_DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True)
class Violation:
    """A field of the input that is wrong."""

    field: str
    """Path of the field, e.g. "media[0]" or "text"."""
    description: str
    """What is wrong with it and what would be right."""


class EmpatheiaError(Exception):
    """An error with a code, a reason for programs and a message for people."""

    code: grpc.StatusCode = grpc.StatusCode.INTERNAL
    exit_code: int = 1

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        violations: Sequence[Violation] = (),
        service: str = "",
    ) -> None:
        """Makes an error.

        Args:
            message: What was wrong, where, and what to do.
            reason: UPPER_SNAKE_CASE name for programs.
            violations: Fields that are wrong, if the input is at fault.
            service: Service in which it arose, where known.
        """
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.violations = tuple(violations)
        self.service = service

    def to_status(self) -> status_pb2.Status:
        """Packs the error for the wire."""
        info = any_pb2.Any()
        metadata = {"service": self.service} if self.service else {}
        info.Pack(error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN, metadata=metadata))
        details = [info]
        if self.violations:
            bad = any_pb2.Any()
            bad.Pack(
                error_details_pb2.BadRequest(
                    field_violations=[
                        error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
                        for v in self.violations
                    ]
                )
            )
            details.append(bad)
        return status_pb2.Status(code=self.code.value[0], message=self.message, details=details)


class InvalidInput(EmpatheiaError):
    """The input is at fault; sending it again won't help."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    exit_code = 2

    @classmethod
    def of(cls, field: str, description: str, *, reason: str = "INVALID_INPUT") -> "InvalidInput":
        """Makes the error for one wrong field."""
        return cls(f"{field}: {description}", reason=reason, violations=[Violation(field, description)])


class UnknownName(EmpatheiaError):
    """Something asked for by name does not exist."""

    code = grpc.StatusCode.NOT_FOUND
    exit_code = 2


class TooMuch(EmpatheiaError):
    """A bound on size, length or load was passed."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    exit_code = 2


class WeightsMissing(EmpatheiaError):
    """A model's weights are not on this machine; the message says what to run."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    exit_code = 4


class Unsupported(EmpatheiaError):
    """What was asked for is sound, but can't be done here."""

    code = grpc.StatusCode.UNIMPLEMENTED
    exit_code = 2


class ServiceDown(EmpatheiaError):
    """A service can't be reached, or died while it worked."""

    code = grpc.StatusCode.UNAVAILABLE
    exit_code = 3


class TooSlow(EmpatheiaError):
    """A deadline passed."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    exit_code = 3


class Cancelled(EmpatheiaError):
    """The caller, or a host that is stopping, ended the call."""

    code = grpc.StatusCode.CANCELLED
    exit_code = 3


class Internal(EmpatheiaError):
    """A fault of this software."""


_BY_CODE: dict[grpc.StatusCode, type[EmpatheiaError]] = {
    cls.code: cls
    for cls in (InvalidInput, UnknownName, TooMuch, WeightsMissing, ServiceDown, TooSlow, Cancelled, Internal)
}


_HOST_FAULTS = {
    grpc.StatusCode.UNAVAILABLE: "the {service} service can't be reached",
    grpc.StatusCode.NOT_FOUND: "the {service} service can't be reached",
    # A replica that is lost in the middle of a stream: the first from Ray's proxy, the second from HAProxy.
    grpc.StatusCode.INTERNAL: "the {service} service died while it worked",
    grpc.StatusCode.CANCELLED: "the {service} service died while it worked",
}


def unexpected(error: BaseException, service: str) -> EmpatheiaError:
    """Wraps an exception that nobody foresaw; its text stays in the log, not on the wire."""
    if isinstance(error, EmpatheiaError):
        error.service = error.service or service
        return error
    return Internal(
        f"{service} failed unexpectedly ({type(error).__name__}); its log has the details",
        reason="UNEXPECTED",
        service=service,
    )


def from_rpc_error(error: Any, service: str) -> EmpatheiaError:
    """Turns a failed call back into the error that caused it.

    Args:
        error: What grpc raised; `code()`, `details()` and `trailing_metadata()` are read.
        service: The service that was called.
    """
    code: grpc.StatusCode = error.code()
    cls = _BY_CODE.get(code, Internal)
    message = error.details() or code.name
    reason, violations, origin = code.name, [], service
    for key, value in error.trailing_metadata() or ():
        if key != STATUS_DETAILS_KEY:
            continue
        for detail in status_pb2.Status.FromString(value).details:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                info = error_details_pb2.ErrorInfo()
                detail.Unpack(info)
                reason, origin = info.reason, info.metadata.get("service", service)
            elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                bad = error_details_pb2.BadRequest()
                detail.Unpack(bad)
                violations = [Violation(v.field, v.description) for v in bad.field_violations]
    if reason == code.name and code in _HOST_FAULTS:
        # Our services say why in an `ErrorInfo`; without one it is the host that speaks.
        cls, reason = ServiceDown, "UNAVAILABLE"
        message = f"{_HOST_FAULTS[code].format(service=service)} ({message.splitlines()[0]})"
    return cls(message, reason=reason, violations=violations, service=origin)


def is_retryable(error: EmpatheiaError) -> bool:
    """Whether the same call may succeed when sent again."""
    return isinstance(error, ServiceDown)
