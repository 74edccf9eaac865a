import asyncio
from collections.abc import Callable, Iterator

import pytest

from runtime.settings import Settings, TelemetrySettings
from runtime.telemetry import setup, tracing
from runtime.telemetry.store import TraceStore
from tests.telemetry.synthetic import Stage


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    setup.shutdown()
    tracing.use_provider(None)
    tracing.record_pii(True)


@pytest.fixture
def store(settings: Settings) -> TraceStore:
    return setup.trace_store(settings)


@pytest.fixture
def play(settings: Settings) -> Callable[..., str]:
    """Plays a turn and returns its trace id."""

    def play(*, pii: bool = True, broken: str = "", turn_id: str = "turn-1") -> str:
        telemetry = TelemetrySettings(pii=pii)
        tracing.record_pii(pii)
        stage = Stage(settings.model_copy(update={"telemetry": telemetry}), step_s=0.001, broken=broken)
        return asyncio.run(stage.turn(turn_id))

    return play
