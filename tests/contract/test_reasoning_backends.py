"""The conformance suite over reasoning's other backends: a tiny model of transformers, a fake server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import Transport
from runtime.settings import ServiceSettings, load_settings
from services.reasoning.backends import BACKENDS
from services.reasoning.service import ReasoningService
from tests.contract.cases import CASES, Case
from tests.contract.conformance import CHECKS
from tests.reasoning import tiny
from tests.reasoning.openai_server import FakeServer

OTHERS = sorted(set(BACKENDS) - {"embedded"})


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=OTHERS)
async def transport(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Transport]:
    """Reaches a service with one backend."""
    async with AsyncExitStack() as stack:
        options: dict[str, Any]
        if request.param == "openai":
            server = await stack.enter_async_context(FakeServer().run())
            options = {"base_url": server.url}
        else:
            folder: Path = tmp_path_factory.mktemp("llama")
            options = {"model": str(tiny.save_model(folder, chat=True)), "threads": 1}
        own = ServiceSettings(backend=request.param, options=options)
        settings = load_settings("embedded").model_copy(update={"services": {"reasoning": own}})
        within = InProcessTransport({"reasoning": ReasoningService(settings)})
        await within.start()
        stack.push_async_callback(within.stop)
        yield within


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.rpc.service == "reasoning"], ids=lambda case: case.name
)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_conformance(
    check: Callable[[Case, Transport], Awaitable[None]], case: Case, transport: Transport
) -> None:
    await check(case, transport)
