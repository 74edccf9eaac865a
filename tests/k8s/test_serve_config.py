"""serveConfigV2 against Ray's own schema, the table of services and the settings."""

from typing import Any

import pytest
from pydantic import BaseModel
from ray.serve.schema import (
    DeploymentSchema,
    HTTPOptionsSchema,
    RayActorOptionsSchema,
    ServeApplicationSchema,
    ServeDeploySchema,
    gRPCOptionsSchema,
)

from runtime.services import SERVICES
from runtime.settings import load_settings


def _unknown_keys(config: dict[str, Any], schema: type[BaseModel]) -> set[str]:
    return set(config) - set(schema.model_fields)


def _all_unknown_keys(config: dict[str, Any]) -> set[str]:
    """Ray's schema ignores keys that it doesn't know, so that a typo would change nothing, in silence."""
    unknown = _unknown_keys(config, ServeDeploySchema)
    unknown |= _unknown_keys(config.get("http_options", {}), HTTPOptionsSchema)
    unknown |= _unknown_keys(config.get("grpc_options", {}), gRPCOptionsSchema)
    for application in config["applications"]:
        unknown |= _unknown_keys(application, ServeApplicationSchema)
        for deployment in application.get("deployments", []):
            unknown |= _unknown_keys(deployment, DeploymentSchema)
            unknown |= _unknown_keys(deployment.get("ray_actor_options", {}), RayActorOptionsSchema)
    return unknown


def test_ray_accepts_it(serve_config: dict[str, Any]) -> None:
    ServeDeploySchema.model_validate(serve_config)


def test_no_unknown_keys(serve_config: dict[str, Any]) -> None:
    assert _all_unknown_keys(serve_config) == set()


def test_the_check_for_unknown_keys_finds_one(serve_config: dict[str, Any]) -> None:
    first, *others = serve_config["applications"]
    deployment = {**first["deployments"][0], "num_replica": 1}
    wrong = {**serve_config, "applications": [{**first, "deployments": [deployment]}, *others]}
    assert _all_unknown_keys(wrong) == {"num_replica"}


def test_an_application_for_every_service(serve_config: dict[str, Any]) -> None:
    assert [application["name"] for application in serve_config["applications"]] == list(SERVICES)
    for application in serve_config["applications"]:
        name = application["name"]
        assert application["import_path"] == "runtime.hosting.ray_serve:application"
        assert application["args"] == {"service": name}
        assert [deployment["name"] for deployment in application["deployments"]] == [name]
        # Without a route Serve would hide it from gRPC, and hand its calls to another application.
        assert application["route_prefix"] == ("/" if name == "gateway" else f"/{name}")


def test_every_contract_is_served(serve_config: dict[str, Any]) -> None:
    functions = serve_config["grpc_options"]["grpc_servicer_functions"]
    assert functions == [entry.add_servicer for entry in SERVICES.values()]


def test_the_services_fit_on_the_workers(serve_config: dict[str, Any], rayservice: dict[str, Any]) -> None:
    reserved = sum(
        deployment["ray_actor_options"]["num_cpus"] * deployment["num_replicas"]
        for application in serve_config["applications"]
        for deployment in application["deployments"]
    )
    (group,) = rayservice["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    (container,) = group["template"]["spec"]["containers"]
    assert reserved <= group["minReplicas"] * float(container["resources"]["requests"]["cpu"])


def test_settings_are_valid(manifests: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    (config_map,) = [manifest for manifest in manifests if manifest["kind"] == "ConfigMap"]
    for name, value in config_map["data"].items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.telemetry.pii is False
    assert str(settings.home) == "/data"


def test_clients_inside_use_the_ports_of_the_config(
    serve_config: dict[str, Any], rayservice: dict[str, Any]
) -> None:
    # Every Ray node that holds a replica has a proxy, so that services meet on their own node's port.
    serve = load_settings().serve
    assert serve_config["proxy_location"] == "EveryNode"
    assert serve_config["grpc_options"]["port"] == serve.grpc_port
    assert serve_config["http_options"]["port"] == serve.http_port
    ports = {port["name"]: port["port"] for port in rayservice["spec"]["serveService"]["spec"]["ports"]}
    assert ports == {"serve": serve.http_port, "serve-grpc": serve.grpc_port}


def test_pods_use_the_settings(manifests: list[dict[str, Any]], rayservice: dict[str, Any]) -> None:
    (config_map,) = [manifest for manifest in manifests if manifest["kind"] == "ConfigMap"]
    cluster = rayservice["spec"]["rayClusterConfig"]
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        (container,) = group["template"]["spec"]["containers"]
        assert container["envFrom"] == [{"configMapRef": {"name": config_map["metadata"]["name"]}}]
        assert container["image"] == "empatheia:0.1.0"
