"""`empatheia up` says which weights a preset lacks before it starts anything."""

from pathlib import Path
from typing import Any

import pytest

from cli import main
from runtime.errors import WeightsMissing
from runtime.models import WEIGHTS, check_weights
from runtime.registry import load
from runtime.settings import ServiceSettings, Settings, load_settings, presets


def test_the_gpu_preset_names_everything_that_is_missing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("sys.argv", ["empatheia", "up", "--preset", "gpu", "--detach"])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 4
    lines = [line.removeprefix("error: ") for line in capsys.readouterr().err.splitlines()]
    missed = [line.split(":")[0] for line in lines]
    assert missed == [*["perception"] * 5, "reasoning", "speech", "speech", "avatar", "avatar"]
    for line, told in zip(
        lines,
        (
            *["run: hf download"] * 5,
            "run: hf download lmsys/vicuna-7b-v1.5",
            "models import styletts2 CHECKPOINT.pth",
            "python -m services.speech.backends.styletts2",
            "ask their authors",
            "put pictures of faces there",
        ),
        strict=True,
    ):
        assert told in line
    assert not list(home.rglob("*.log"))


def placed(folder: Path, *names: str) -> str:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    return str(folder)


def test_what_is_there_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings("gpu")
    options: dict[str, dict[str, Any]] = {
        "perception": {"asr": placed(tmp_path / "ears", "model.safetensors")},
        "reasoning": {"model": placed(tmp_path / "llm", "model.safetensors")},
        "speech": {
            "model": placed(tmp_path / "voice", "model.safetensors", "config.json"),
            "styles": placed(tmp_path / "styles"),
        },
        "avatar": {
            "weights": placed(tmp_path / "face", "config.json"),
            "portraits": placed(tmp_path / "portraits", "ada.png"),
        },
    }

    def with_options(**more: dict[str, Any]) -> Settings:
        services = dict(settings.services)
        for name, own in {**options, **more}.items():
            services[name] = services[name].model_copy(update={"options": own})
        return settings.model_copy(update={"services": services})

    check_weights(with_options())
    with pytest.raises(WeightsMissing) as caught:
        check_weights(with_options(reasoning={"model": str(tmp_path / "llm"), "adapter": "nobody/lora"}))
    assert (
        caught.value.message == "reasoning: nobody/lora is not on this machine; run: hf download nobody/lora"
    )
    # Elsewhere is another machine's matter.
    away = ServiceSettings(backend="dreamtalk", hosted=False)
    check_weights(with_options().model_copy(update={"services": {**with_options().services, "avatar": away}}))


def test_presets_name_backends_that_there_are() -> None:
    from runtime.services import SERVICES

    for preset in presets():
        for name, own in load_settings(preset).services.items():
            if name != "gateway":
                assert own.backend in load(f"services.{name}.backends:BACKENDS"), (preset, name)
    for service, _ in WEIGHTS:
        assert service in SERVICES
