"""What Prometheus reads: counts and times by route template, never by path, so that labels stay few."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from api.shared_metrics import VARIABLE

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The figures of one process; with several workers they are summed over files that the workers share."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "cim_requests_total", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "cim_request_seconds", "Time to the end of the answer", ["route"], buckets=BUCKETS, registry=self.registry
        )
        self.bodies = Counter(
            "cim_built_bodies_total", "Tiles and models by how they were had", ["answer"], registry=self.registry
        )
        self.tile_bytes = self._gauge("cim_tile_cache_bytes", "Bytes of tiles kept in memory")
        self.pool_in_use = self._gauge("cim_database_connections_in_use", "Database connections checked out")
        self.pool_size = self._gauge("cim_database_connections_limit", "Database connections at most")
        self.listeners = self._gauge("cim_live_listeners", "Open event streams")

    def record(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return the exposition text, of all workers where there are several."""
        if os.environ.get(VARIABLE):
            shared = CollectorRegistry()
            MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
            return generate_latest(shared)
        return generate_latest(self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry, multiprocess_mode="livesum")
