"""Metrics for Prometheus, on an address of their own: what they tell is not for everybody who reaches the API."""

from collections.abc import Callable, Sequence
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from futago import __version__

_HIGHEST_PORT: Final = 65535
_log = structlog.get_logger()


def new_registry() -> CollectorRegistry:
    """One with what every program of ours tells: its version, and what it costs."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Build())
    return registry


def serve(address: str, registry: CollectorRegistry) -> Callable[[], None]:
    """Answer on `address` ("host:port"; "" is nowhere) from a thread; the result ends it.

    A program that cannot be watched works all the same, so a refused address is only logged.
    """
    if not address:
        return _nothing
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(_port(port), host.strip("[]"), registry)
    except (OSError, ValueError) as error:
        _log.warning("metrics not served", at=address, error=str(error))
        return _nothing

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


def label_values(*values: object) -> Sequence[str]:
    """Label values are text."""
    return [str(value) for value in values]


class _Build(Collector):
    def collect(self) -> list[GaugeMetricFamily]:
        family = GaugeMetricFamily("futago_build_info", "1, with Futago's version.", labels=["version"])
        family.add_metric([__version__], 1)
        return [family]


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port <= _HIGHEST_PORT:
        raise ValueError(f"{port} is no port")
    return port


def _nothing() -> None:
    """There is nothing to end."""
