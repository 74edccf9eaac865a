"""What a Kubernetes API server with KubeRay would refuse is refused here, offline."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

KUBERNETES = "1.33"
SCHEMA = Path(__file__).parents[2].parent / "shared" / "schemas" / "rayservice_v1.json"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    if not SCHEMA.exists():
        pytest.skip(f"KubeRay's RayService schema is not at {SCHEMA}: see k8s/README.md")
    schema = json.loads(SCHEMA.read_text())["openAPIV3Schema"]
    _close(schema)
    return jsonschema.Draft202012Validator(schema)


def _close(node: Any) -> None:
    """Forbids unknown keys, which KubeRay's schema lets pass and the API server would drop in silence."""
    if isinstance(node, list):
        for item in node:
            _close(item)
    elif isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            node.setdefault("additionalProperties", False)
            for name, value in properties.items():
                if name == "metadata" and "properties" not in value:
                    value["additionalProperties"] = True
                _close(value)
        for name, value in node.items():
            if name != "properties":
                _close(value)


def test_core_kinds_are_valid(manifests: list[dict[str, Any]]) -> None:
    core = [manifest for manifest in manifests if manifest["kind"] != "RayService"]
    assert {manifest["kind"] for manifest in core} == {"Namespace", "ConfigMap", "NetworkPolicy"}
    for manifest in core:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_rayservice_is_valid(rayservice: dict[str, Any], validator: jsonschema.Draft202012Validator) -> None:
    validator.validate(rayservice)


@pytest.mark.parametrize("key", ["serveConfigV3", "upgradeStrateg"])
def test_schema_refuses_unknown_keys(
    key: str, rayservice: dict[str, Any], validator: jsonschema.Draft202012Validator
) -> None:
    wrong = copy.deepcopy(rayservice)
    wrong["spec"][key] = "x"
    with pytest.raises(jsonschema.ValidationError, match=key):
        validator.validate(wrong)


def test_pod_templates_are_valid_pods(rayservice: dict[str, Any]) -> None:
    cluster = rayservice["spec"]["rayClusterConfig"]
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        pod = {"apiVersion": "v1", "kind": "Pod", **copy.deepcopy(group["template"])}
        pod["metadata"]["name"] = "pod"
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)
