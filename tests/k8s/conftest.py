"""The manifests as `kubectl kustomize` prints them."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def manifests() -> list[dict[str, Any]]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed: the manifests can't be built")
    built = subprocess.run(
        ["kubectl", "kustomize", "k8s/base"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return list(yaml.safe_load_all(built.stdout))


@pytest.fixture(scope="session")
def rayservice(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [manifest for manifest in manifests if manifest["kind"] == "RayService"]
    return found


@pytest.fixture(scope="session")
def serve_config(rayservice: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(rayservice["spec"]["serveConfigV2"])
    return config
