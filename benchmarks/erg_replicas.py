"""Spreads an evaluation over replicas with Ray Data, each with perception and reasoning of its own."""

import asyncio
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.chains import Sample
from benchmarks.erg import Row, measure
from runtime.clients.in_process import InProcessTransport
from runtime.registry import load
from runtime.services import SERVICES
from runtime.settings import Settings

SERVICERS = {name: SERVICES[name].servicer for name in ("perception", "reasoning")}
"""`module:class` of the services that the chain asks."""


class Replica:
    """An actor that loads the services once and measures one dialogue at a time."""

    def __init__(self, settings: dict[str, Any], servicers: Mapping[str, str]) -> None:
        """Starts the services."""
        parsed = Settings.model_validate(settings)
        self._loop = asyncio.new_event_loop()
        services = {name: load(servicer)(parsed) for name, servicer in servicers.items()}
        self._transport = InProcessTransport(services)
        self._loop.run_until_complete(self._transport.start())

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Measures one dialogue."""
        sample, seed = item["sample"], item["seed"]
        return {"row": self._loop.run_until_complete(measure(self._transport, sample, seed))}


def measure_all(
    settings: Settings,
    work: Sequence[tuple[Sample, int]],
    replicas: int,
    servicers: Mapping[str, str] = SERVICERS,
) -> Iterator[Row]:
    """Measures dialogues on several replicas at once, and yields each as it is done.

    Uses the cluster that RAY_ADDRESS names, or this machine.

    Args:
        settings: Of the services.
        work: Dialogues with their seeds.
        replicas: How many, each with a core (and the GPUs that reasoning reserves) of its own.
        servicers: `module:class` of perception and reasoning.

    Raises:
        EmpatheiaError: A service failed.
    """
    import ray
    import ray.data

    begun = not ray.is_initialized()
    if begun:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Ray Data hands its actors their arguments in a way that Ray itself warns of.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        cores = None if os.environ.get("RAY_ADDRESS") else max(os.cpu_count() or 1, replicas + 1)
        ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        items = [{"sample": sample, "seed": seed} for sample, seed in work]
        # A block for each dialogue: rows come back as they are done, and no replica waits for another.
        rows = ray.data.from_items(items, override_num_blocks=len(items)).map(
            Replica,  # type: ignore[arg-type]
            fn_constructor_args=(settings.model_dump(mode="json"), dict(servicers)),
            compute=ray.data.ActorPoolStrategy(size=replicas),
            num_cpus=1,
            num_gpus=settings.service("reasoning").gpus,
        )
        for row in rows.iter_rows():
            yield row["row"]
    finally:
        if begun:
            ray.shutdown()
