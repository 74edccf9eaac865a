"""What all tests share: settings in a folder of their own, and no task left behind."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the embedded preset with an empty home."""
    monkeypatch.setenv("EMPATHEIA_HOME", str(tmp_path / "home"))
    return load_settings("embedded")


@pytest.fixture(scope="session")
def model_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder that tests with real models share, so that the model is converted once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
async def no_leaked_tasks() -> AsyncIterator[None]:
    """Fails a test that leaves a task running."""
    before = asyncio.all_tasks()
    yield
    for _ in range(50):
        leaked = asyncio.all_tasks() - before - {asyncio.current_task()}
        if not leaked:
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"tasks left running: {sorted(task.get_name() for task in leaked)} {leaked}")
