"""Makes sure that there is a system to talk to."""

import asyncio
from pathlib import Path

from cli import daemon, probe
from cli.console import err
from runtime.settings import Settings


def ensure_running(settings: Settings, preset: str | None, config: Path | None) -> Settings:
    """Starts the system if the gateway does not answer, and leaves it running.

    Args:
        settings: The settings of this command.
        preset: As given on the command line: if not, a system with another preset is good, too.
        config: As given on the command line.

    Returns:
        Settings whose addresses lead to the system.

    Raises:
        EmpatheiaError: The system can't start, or one with another preset runs.
    """
    found = daemon.as_running(settings)
    if found is not settings:
        daemon.check_preset(settings, preset)
        return found
    gateway = settings.service("gateway")
    answer = asyncio.run(probe.probe("gateway", settings.address("gateway"), settings.application("gateway")))
    if answer.ready or gateway.address or not gateway.hosted:
        return settings
    err.print("No system runs here; starting one. The first start converts the language model.")
    daemon.start_detached(settings, preset, config)
    err.print("[dim]The system stays up for the next call; stop it with: empatheia down[/]")
    return daemon.as_running(settings)
