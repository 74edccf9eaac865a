"""The conformance suite over the hosts that need no Ray; `tests/e2e` runs it over Ray Serve."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from runtime.clients.grpc_transport import GrpcTransport
from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import Transport
from runtime.hosting.bare import BareHost
from runtime.hosting.service import Service
from runtime.registry import load
from runtime.rpc import rpcs
from runtime.services import SERVICES
from runtime.settings import load_settings
from tests.contract.cases import CASES, Case
from tests.contract.conformance import CHECKS


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["in process", "bare"])
async def transport(request: pytest.FixtureRequest, model_home: Path) -> AsyncIterator[Transport]:
    """Reaches the services through one kind of host."""
    settings = load_settings("embedded").model_copy(update={"home": model_home})
    services: dict[str, Service] = {
        name: load(SERVICES[name].servicer)(settings) for name in SERVICES if name != "gateway"
    }
    if request.param == "in process":
        within = InProcessTransport(services)
        await within.start()
        yield within
        await within.stop()
        return
    async with AsyncExitStack() as stack:
        addresses = {}
        for name, service in services.items():
            host = await stack.enter_async_context(BareHost(service, "127.0.0.1:0"))
            own = settings.service(name)
            addresses[name] = own.model_copy(update={"address": f"127.0.0.1:{host.port}"})
        aimed = settings.model_copy(update={"services": {**settings.services, **addresses}})
        yield await stack.enter_async_context(GrpcTransport(aimed))


def test_every_rpc_of_the_services_has_a_case() -> None:
    covered = {(case.rpc.service, case.rpc.method) for case in CASES}
    expected = {
        (name, method) for name, service in SERVICES.items() if name != "gateway" for method in rpcs(name)
    }
    assert covered == {pair for pair in expected if pair[1] not in ("Describe", "Check", "ListAvatars")}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_conformance(
    check: Callable[[Case, Transport], Awaitable[None]], case: Case, transport: Transport
) -> None:
    await check(case, transport)
