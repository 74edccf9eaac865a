"""Models that the user brings: imported from a path, listed, used; or fetched by their hub id."""

import json

import pytest

from services.speech.backends.styletts2.checkpoint import load
from tests.speech.test_styletts2 import checkpoint


@pytest.fixture
def public(tmp_path):
    """A folder such as the public checkpoint comes in."""
    _, shape = checkpoint(tmp_path / "public")
    shape.rename(shape.with_name("config.json"))
    return tmp_path / "public"


def listed(run):
    return {model["name"]: model for model in json.loads(run("models", "list", "--json").stdout)}


def test_a_checkpoint_is_imported_listed_and_loads(run, public, home):
    before = listed(run)["styletts2"]
    assert (before["path"], before["get"]) == ("", "empatheia models import styletts2 PATH")
    result = run("models", "import", "styletts2", public)
    assert result.exit_code == 0
    folder = home / "models" / "styletts2"
    assert f"services.speech.options.model {folder}" in result.stdout
    load(folder)
    after = listed(run)["styletts2"]
    assert (after["path"], len(after["weight_hash"])) == (str(folder), 16)


def test_an_earlier_import_is_replaced_only_if_asked_and_only_by_a_good_one(run, public, home):
    assert run("models", "import", "styletts2", public).exit_code == 0
    again = run("models", "import", "styletts2", public)
    assert again.exit_code == 2
    assert "--replace" in again.error
    (public / "epochs.pth").write_bytes(b"cut short")
    assert run("models", "import", "styletts2", public, "--replace").exit_code == 2
    load(home / "models" / "styletts2")
    assert [path.name for path in (home / "models").iterdir()] == ["styletts2"]


def test_what_is_missing_is_named(run, tmp_path, public):
    (tmp_path / "empty").mkdir()
    for name, path, says in (
        ("dreamtalk", tmp_path / "empty", "denoising_network.pth, renderer.pt, a folder wav2vec2"),
        ("styletts2", tmp_path / "empty", "one .pth file"),
        ("styletts2", tmp_path / "nowhere", "is not there"),
    ):
        result = run("models", "import", name, path)
        assert result.exit_code == 2
        assert says in " ".join(result.error.split())
    (public / "config.json").unlink()
    assert "config.yml" in run("models", "import", "styletts2", public).error


def test_a_hub_that_is_out_of_reach_is_told_with_the_way_around(run, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    result = run("models", "fetch", "nobody/nothing")
    assert result.exit_code == 4
    assert "hf download nobody/nothing" in " ".join(result.error.split())
    assert run("models", "fetch", "dreamtalk").exit_code == 4
