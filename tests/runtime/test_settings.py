from pathlib import Path

import pytest

from runtime.errors import InvalidInput, UnknownName
from runtime.services import SERVICES
from runtime.settings import load_settings, presets


@pytest.mark.parametrize("preset", presets())
def test_every_preset_sets_every_service(preset: str) -> None:
    assert set(load_settings(preset).services) == set(SERVICES)


def test_variables_win_over_the_file_and_the_file_over_the_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("services: {speech: {address: 'a:1', replicas: 2}}\nserve: {grpc_port: 1234}\n")
    monkeypatch.setenv("EMPATHEIA_SERVICES__SPEECH__ADDRESS", "b:2")
    settings = load_settings("embedded", config)
    assert settings.address("speech") == "b:2"
    assert settings.service("speech").replicas == 2
    assert settings.service("speech").backend == "espeak_world"
    assert settings.address("avatar") == "127.0.0.1:1234"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("services: {speech: {replicaz: 2}}", "services.speech.replicaz"),
        ("services: {speech: {replicas: none}}", "services.speech.replicas"),
        ("services: {singing: {}}", "services.singing: no such service"),
        ("- a list", "must hold settings by name"),
        ("a: [", "can't be read as YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_setting(tmp_path: Path, text: str, says: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    with pytest.raises(InvalidInput, match=says):
        load_settings("embedded", config)


def test_an_unknown_preset_lists_those_there_are() -> None:
    with pytest.raises(UnknownName, match=r"there are: .*embedded"):
        load_settings("nonsense")
