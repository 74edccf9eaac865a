"""Errors over HTTP: `application/problem+json` (RFC 9457)."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import grpc
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.errors import EmpatheiaError, unexpected

MEDIA_TYPE = "application/problem+json"
_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.CANCELLED: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}


def problem(error: EmpatheiaError) -> dict[str, Any]:
    """Writes an error as a problem."""
    status = _STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    # RESOURCE_EXHAUSTED about a field of the input is no matter of load: waiting won't help.
    if status is HTTPStatus.TOO_MANY_REQUESTS and error.violations:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    fields = [{"field": v.field, "description": v.description} for v in error.violations]
    return _problem(status, error.message, error.reason, service=error.service, fields=fields)


def install(app: FastAPI) -> None:
    """Makes an app answer every error as a problem."""

    async def from_ours(request: Request, error: Exception) -> JSONResponse:
        return _response(problem(unexpected(error, "gateway")))

    async def from_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, StarletteHTTPException)
        status = HTTPStatus(error.status_code)
        reason = "MEDIA_TOO_LARGE" if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else status.name
        return _response(_problem(status, str(error.detail), reason), error.headers)

    async def from_validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        fields = [
            {"field": ".".join(str(part) for part in item["loc"][1:]), "description": item["msg"]}
            for item in error.errors()
        ]
        detail = "; ".join(f"{item['field']}: {item['description']}" for item in fields)
        return _response(_problem(HTTPStatus.BAD_REQUEST, detail, "INVALID_INPUT", fields=fields))

    described = app.openapi

    def openapi() -> dict[str, Any]:
        schema = described()
        for operations in schema["paths"].values():
            for operation in operations.values():
                for response in operation["responses"].values():
                    _retype(response.get("content", {}))
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
    app.add_exception_handler(EmpatheiaError, from_ours)
    app.add_exception_handler(Exception, from_ours)
    app.add_exception_handler(StarletteHTTPException, from_http)
    app.add_exception_handler(RequestValidationError, from_validation)


class BodyLimit:
    """Refuses a request as soon as its body passes a bound, announced or not."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        """Wraps an ASGI app."""
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > self._max_bytes:
            await _response(self._problem())(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Callable[[], Awaitable[Message]]:
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._problem()["detail"])
            return message

        return counted

    def _problem(self) -> dict[str, Any]:
        detail = f"the request is larger than {self._max_bytes / 1e6:,.0f} MB; send shorter recordings"
        return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, "MEDIA_TOO_LARGE")


def _problem(
    status: HTTPStatus,
    detail: str,
    reason: str,
    *,
    service: str = "",
    fields: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "reason": reason,
        "service": service,
        "fields": fields or [],
    }


def _retype(content: dict[str, Any]) -> None:
    """FastAPI describes every shape as plain JSON."""
    if content.get("application/json", {}).get("schema", {}).get("$ref", "").endswith("/Problem"):
        content[MEDIA_TYPE] = content.pop("application/json")


def _response(content: dict[str, Any], headers: Any = None) -> JSONResponse:
    return JSONResponse(content, content["status"], headers, MEDIA_TYPE)
