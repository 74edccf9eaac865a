"""Carries on a stream that broke: for callers that know where they were."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from runtime.clients.transport import CallKey, Transport
from runtime.errors import EmpatheiaError, is_retryable
from runtime.rpc import Request, Response, Rpc

_LOG = logging.getLogger(__name__)
_PAUSES_S = (0.5, 2.0, 5.0)
"""A replica that died needs some seconds until another has loaded its weights."""


async def resuming(
    transport: Transport,
    rpc: Rpc[Request, Response],
    requests: Callable[[], AsyncIterator[Request]],
    key: CallKey,
) -> AsyncIterator[Response]:
    """Streams a call, and calls again when the service dies in the middle.

    Args:
        transport: What carries the call.
        rpc: The method.
        requests: Makes the requests of an attempt: from the second on, those for what is still missing.
        key: The idempotency key.

    Raises:
        EmpatheiaError: The call failed in a way that calling again won't mend, or too often.
    """
    for pause in (*_PAUSES_S, None):
        try:
            async for response in transport.stream(rpc, requests(), key):
                yield response
            return
        except EmpatheiaError as error:
            if pause is None or not is_retryable(error) or error.service not in ("", rpc.service):
                raise
            _LOG.warning("%s broke off (%s); calling again in %.1f s", rpc.path, error.message, pause)
            await asyncio.sleep(pause)
