"""Counters for Prometheus and one line of JSON a request; no photo, value or key in either."""

import json
import logging
import time
from collections import deque

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench import metrics

from .registry import Model

LOG = logging.getLogger("workbench.service")
RECENT = 500  # scores by which drift is judged
ENOUGH = 30


class Monitor:
    """What the service has done since it started."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        make = {"registry": self.registry}
        self.requests = Counter(
            "workbench_requests", "Requests by path and status", ["path", "status"], **make
        )
        self.seconds = Histogram(
            "workbench_request_seconds", "Time a request took", ["path"], **make
        )
        self.verdicts = Counter(
            "workbench_verdicts", "Verdicts by model", ["model", "verdict"], **make
        )
        self.drift = Gauge(
            "workbench_score_drift",
            "Stability index of recent scores against those the threshold came from",
            ["model"],
            **make,
        )
        self._recent: dict[str, deque[float]] = {}
        self._known: dict[str, Model] = {}

    def judged(self, model: Model, scores: list[float]) -> None:
        """Count the verdicts that scores get."""
        threshold = float(model.detector.threshold)
        for score in scores:
            verdict = "NG" if score >= threshold else "OK"
            self.verdicts.labels(model.name, verdict).inc()
        self._known[model.name] = model
        self._recent.setdefault(model.name, deque(maxlen=RECENT)).extend(scores)

    def text(self) -> bytes:
        """Everything, in Prometheus' own format."""
        for name, scores in list(self._recent.items()):
            reference = self._known[name].detector.calibration_scores
            if len(scores) >= ENOUGH and len(reference) >= ENOUGH:
                self.drift.labels(name).set(metrics.drift(reference, list(scores)).psi)
        return generate_latest(self.registry)


class Logged:
    """Times each request, counts it, and writes its line."""

    def __init__(self, app: ASGIApp, monitor: Monitor) -> None:
        self.app, self.monitor = app, monitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and write down what became of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watching)
        finally:
            seconds = time.perf_counter() - start
            path = getattr(scope.get("route"), "path", "other")  # no name of a file in the labels
            self.monitor.requests.labels(path, str(status)).inc()
            self.monitor.seconds.labels(path).observe(seconds)
            line = {"method": scope["method"], "path": path, "status": status}
            LOG.info(json.dumps(line | {"ms": round(1000 * seconds, 1)}))
