"""What stops a gateway from starting."""

from pathlib import Path

import pytest

from runtime.errors import InvalidInput
from runtime.settings import HelpSettings, Settings
from services.gateway.service import DialogueService
from tests.fakes import FakeSystem


@pytest.mark.parametrize("content", [None, "countries: [", "countries: {XX: {name: Home, emergency: []}}"])
async def test_it_does_not_start_on_help_lines_that_it_can_not_read(
    settings: Settings, tmp_path: Path, content: str | None
) -> None:
    lines = tmp_path / "lines.yaml"
    if content is not None:
        lines.write_text(content)
    own = settings.model_copy(update={"help": HelpSettings(file=lines)})
    gateway = DialogueService(own, FakeSystem(own).transport())
    with pytest.raises(InvalidInput, match=r"help.file: .*lines\.yaml"):
        await gateway.start()
    assert not gateway.ready()
    await gateway.stop()
