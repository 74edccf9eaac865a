"""Settings of every process: preset, then a file, then environment variables, later ones winning.

`EMPATHEIA_PRESET` names the preset, `EMPATHEIA_CONFIG` a YAML file; any field can be set by a variable such
as `EMPATHEIA_SERVICES__SPEECH__ADDRESS=127.0.0.1:9101`.
"""

import os
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_serializer,
    model_validator,
)

from runtime.errors import InvalidInput, UnknownName
from runtime.services import SERVICES

_PRESETS = Path(__file__).parent / "presets"
_PREFIX = "EMPATHEIA_"
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceSettings(_Strict):
    """How one service is built, hosted and reached."""

    backend: str = "embedded"
    """Name in the service's registry of backends."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the backend; each backend checks its own."""
    address: str = ""
    """`host:port` at which clients find it; empty is the local system's gRPC port."""
    application: str = ""
    """Value of the `application` metadata key; empty is the service's name."""
    hosted: bool = True
    """Whether `empatheia up` starts it; false where it lives elsewhere."""
    replicas: int = Field(1, ge=1)
    """Number of replicas that `empatheia up` starts."""
    cpus: float = Field(0.1, ge=0)
    """Cores that Ray reserves for a replica."""
    gpus: float = Field(0.0, ge=0)
    """GPUs that Ray reserves for a replica."""
    max_ongoing: int = Field(8, ge=1)
    """Calls that a replica works on at the same time; more wait in the queue."""
    timeout_s: float = Field(60.0, gt=0)
    """Longest that a client waits for a call."""


class ServeSettings(_Strict):
    """Where the local system listens."""

    host: str = "127.0.0.1"
    grpc_port: int = 9000
    http_port: int = 8000


class TelemetrySettings(_Strict):
    """What is recorded of a turn, and where it goes."""

    local_store: bool = True
    """Keeps traces under the home folder, for `empatheia traces`."""
    otlp_endpoint: str = ""
    """OTLP/gRPC collector, e.g. "http://localhost:4317"; empty sends nothing."""
    pii: bool = True
    """Whether spans hold the person's words and the reasoning about them."""


class LimitSettings(_Strict):
    """Bounds on what a person may send."""

    max_text_chars: int = 4000
    max_history_utterances: int = 200
    max_media_bytes: int = 64 * 1024 * 1024
    max_media_s: float = 120.0


class HelpSettings(_Strict):
    """Who is named to a person in danger."""

    country: str = Field(default="", pattern="^([A-Za-z]{2})?$")
    """Where people are, ISO 3166-1 alpha-2, if their own request does not say; empty names no number."""
    file: Path | None = None
    """Help lines to use instead of `runtime/help_lines.yaml`, in the same form."""


class WebhookSettings(_Strict):
    """Whom to tell of a danger that was seen; off without a URL."""

    url: str = Field(default="", pattern="^(https?://.+)?$")
    """Gets a POST of JSON for every turn in which danger is seen."""
    secret: SecretStr = SecretStr("")
    """Key of the signature in `X-Empatheia-Signature`: HMAC-SHA256 over the time and the body."""
    words: bool = False
    """Whether the person's words go with it: only signed, and only over https or on this machine."""
    doubt: bool = False
    """Whether it is also sent where danger is not clear and the person is asked."""
    attempts: int = Field(default=10, ge=1)
    """How often it is sent until it is taken; ten take some four minutes, a receiver's restart."""
    timeout_s: float = Field(default=5.0, gt=0)
    """Longest that one attempt waits."""

    @field_serializer("secret", when_used="json")
    def _reveal(self, secret: SecretStr) -> str:
        """JSON carries it to the gateway's own process; see `Settings.given_to`."""
        return secret.get_secret_value()

    @model_validator(mode="after")
    def _words_are_safe(self) -> Self:
        url = urlsplit(self.url)
        if self.url and self.words:
            if not self.secret.get_secret_value():
                raise ValueError("words are sent only with a signature: set webhook.secret")
            if url.scheme != "https" and url.hostname not in _THIS_MACHINE:
                raise ValueError("words are sent only over https: set such a webhook.url")
        return self


class Settings(_Strict):
    """Settings of the whole system."""

    preset: str = "embedded"
    home: Path = Path("~/.empatheia")
    """Folder of models, artifacts, checkpoints, traces and the run file."""
    artifacts: str = ""
    """`fsspec` URL of the artifact store; empty is a folder of `home`."""
    serve: ServeSettings = ServeSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    limits: LimitSettings = LimitSettings()
    help: HelpSettings = HelpSettings()
    webhook: WebhookSettings = WebhookSettings()
    services: dict[str, ServiceSettings]

    def service(self, name: str) -> ServiceSettings:
        """Settings of one service."""
        return self.services[name]

    def given_to(self, name: str) -> "Settings":
        """What a service's process is given: all but what the gateway alone may know."""
        return self if name == "gateway" else self.model_copy(update={"webhook": WebhookSettings()})

    def address(self, name: str) -> str:
        """`host:port` at which clients find a service."""
        return self.services[name].address or f"{self.serve.host}:{self.serve.grpc_port}"

    def application(self, name: str) -> str:
        """Ray Serve application of a service."""
        return self.services[name].application or name


def presets() -> list[str]:
    """Names of the presets."""
    return sorted(path.stem for path in _PRESETS.glob("*.yaml"))


def load_settings(preset: str | None = None, config: Path | None = None) -> Settings:
    """Reads the settings of this process.

    Args:
        preset: Wins over `EMPATHEIA_PRESET`.
        config: Wins over `EMPATHEIA_CONFIG`.

    Raises:
        UnknownName: There is no such preset.
        InvalidInput: A file or a variable is wrong; the message names the setting.
    """
    config_name = config or os.environ.get(_PREFIX + "CONFIG")
    from_file = _read(Path(config_name)) if config_name else {}
    from_environment = _environment()
    name = preset or from_environment.get("preset") or from_file.get("preset") or "embedded"
    if name not in presets():
        raise UnknownName(
            f"there is no preset {name!r}; there are: {', '.join(presets())}", reason="UNKNOWN_PRESET"
        )
    merged = _merge(_merge(_read(_PRESETS / f"{name}.yaml"), from_file), from_environment)
    merged["preset"] = name
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput.of(where, first["msg"], reason="BAD_SETTING") from error
    unknown = set(settings.services) - set(SERVICES)
    if unknown:
        raise InvalidInput.of(f"services.{min(unknown)}", "no such service", reason="BAD_SETTING")
    return settings.model_copy(update={"home": settings.home.expanduser()})


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InvalidInput.of(str(path), f"can't be read as YAML: {error}", reason="BAD_SETTING") from error
    if not isinstance(content, dict):
        raise InvalidInput.of(str(path), "must hold settings by name", reason="BAD_SETTING")
    return content


def _environment() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, value in os.environ.items():
        if not variable.startswith(_PREFIX) or variable == _PREFIX + "CONFIG":
            continue
        *parents, leaf = variable.removeprefix(_PREFIX).lower().split("__")
        if (parents or [leaf])[0] not in Settings.model_fields:
            continue
        target = found
        for parent in parents:
            target = target.setdefault(parent, {})
        target[leaf] = yaml.safe_load(value) if parents else value
    return found


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        both_maps = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merge(result[key], value) if both_maps else value
    return result
