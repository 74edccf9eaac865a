from pathlib import Path

import pytest

from runtime.errors import InvalidInput, UnknownName
from runtime.hosting.ray_serve import build
from runtime.services import SERVICES
from runtime.settings import Settings, load_settings, presets


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


@pytest.mark.parametrize(
    ("webhook", "says"),
    [
        ("{url: 'https://op.example/', words: true}", "webhook: .*webhook.secret"),
        ("{url: 'http://op.example/', words: true, secret: s3cret}", "webhook: .*https"),
        ("{url: 'op.example'}", "webhook.url"),
    ],
)
def test_a_persons_words_go_nowhere_in_the_clear(tmp_path: Path, webhook: str, says: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"webhook: {webhook}")
    with pytest.raises(InvalidInput, match=says) as refused:
        load_settings("embedded", config)
    assert "s3cret" not in str(refused.value)


def test_words_may_stay_on_this_machine(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("webhook: {url: 'http://127.0.0.1:9/', words: true, secret: s3cret}")
    assert load_settings("embedded", config).webhook.words


def test_the_secret_of_the_webhook_is_the_gateways_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPATHEIA_WEBHOOK__SECRET", "s3cret")
    settings = load_settings("embedded")
    assert "s3cret" not in repr(settings)
    for service in SERVICES:
        given = build(service, settings)._bound_deployment.init_args[1]
        assert ("s3cret" in str(given)) == (service == "gateway")
        key = Settings.model_validate(given).webhook.secret.get_secret_value()
        assert key == ("s3cret" if service == "gateway" else "")
