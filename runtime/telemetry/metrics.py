"""Measures: each instrument of the schema is made once a process, and does nothing without a provider."""

from collections.abc import Mapping

from opentelemetry.metrics import Counter, Histogram, MeterProvider
from opentelemetry.util.types import AttributeValue

from runtime.telemetry.schema import DECLARED, SENSITIVE, Metric, Metrics

ALL: tuple[Metric, ...] = tuple(value for value in vars(Metrics).values() if isinstance(value, Metric))
"""Every metric of the schema."""

_MS_BUCKETS = (10, 25, 50, 100, 250, 500, 1000, 2000, 4000, 6000, 8000, 10000, 15000, 30000, 60000, 120000)
_RATIO_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0, 1.25, 1.5, 2.0, 4.0, 8.0)
_instruments: dict[str, Counter | Histogram] = {}


def use_provider(provider: MeterProvider | None) -> None:
    """Says where measures of this process go; None drops them."""
    _instruments.clear()
    if provider is None:
        return
    meter = provider.get_meter("empatheia")
    for metric in ALL:
        if metric.kind == "counter":
            _instruments[metric.name] = meter.create_counter(metric.name, metric.unit, metric.description)
        else:
            _instruments[metric.name] = meter.create_histogram(
                metric.name,
                metric.unit,
                metric.description,
                explicit_bucket_boundaries_advisory=_MS_BUCKETS if metric.unit == "ms" else _RATIO_BUCKETS,
            )


def record(metric: Metric, value: float, attributes: Mapping[str, AttributeValue] | None = None) -> None:
    """Records one value of a metric.

    Args:
        metric: From `schema.Metrics`.
        value: In the metric's unit.
        attributes: By names of `schema.Attributes`; never what a person said, nor an id, since each
            combination of values is a time series of its own.

    Raises:
        ValueError: An attribute is not declared in the schema, or holds a person's words.
    """
    for name in attributes or {}:
        if name not in DECLARED or name in SENSITIVE:
            raise ValueError(f"{name!r} can't be an attribute of a metric; see runtime/telemetry/schema.py")
    instrument = _instruments.get(metric.name)
    if isinstance(instrument, Counter):
        instrument.add(value, attributes)
    elif instrument is not None:
        instrument.record(value, attributes)
