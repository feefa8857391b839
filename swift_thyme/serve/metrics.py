"""What `/metrics` tells Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ..infer import Reply

_SECONDS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640)
_ROUNDS = (1, 2, 3, 4, 5, 7, 10)


class Metrics:
    """Counts one server's requests. Has a registry of its own."""

    def __init__(self) -> None:
        to = self.registry = CollectorRegistry()
        self._requests = Counter(
            'thyme_requests', 'Requests by HTTP status (499: client gone)', ['status'], registry=to
        )
        self._seconds = Histogram('thyme_request_seconds', 'From arrival to reply', buckets=_SECONDS, registry=to)
        self._stops = Counter('thyme_trajectories', 'Trajectories by stop reason', ['stop_reason'], registry=to)
        self._snippets = Counter('thyme_snippets', 'Code that ran, by outcome', ['outcome'], registry=to)
        self._tokens = Counter('thyme_tokens', 'Tokens, summed over rounds', ['kind'], registry=to)
        self._rounds = Histogram('thyme_rounds', 'Generations of a trajectory', buckets=_ROUNDS, registry=to)
        self._again = Counter('thyme_attempts_after_the_first', 'Retries and fallbacks', registry=to)

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Adds a gauge that is read when `/metrics` is."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def request(self, status: int, seconds: float) -> None:
        """Counts a finished request."""
        self._requests.labels(str(status)).inc()
        self._seconds.observe(seconds)

    def reply(self, reply: Reply) -> None:
        """Counts a finished trajectory."""
        self._stops.labels(reply.stop_reason.value).inc()
        self._rounds.observe(len(reply.turns))
        self._tokens.labels('prompt').inc(reply.usage.prompt_tokens)
        self._tokens.labels('completion').inc(reply.usage.completion_tokens)
        self._again.inc(len(reply.earlier))
        for turn in reply.turns:
            if turn.result is not None:
                self._snippets.labels(turn.result.outcome.value).inc()

    def text(self) -> bytes:
        """All figures in Prometheus's text form."""
        return generate_latest(self.registry)
