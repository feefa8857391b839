"""The judge client: one question in, one ruling out, whatever the servers do in between.

Owns retries, hedging, votes, sharing of equal questions, and the patience of an outage. `endpoints` chooses,
`transport` sends, `replies` reads, `cache` remembers. A question either gets a ruling or raises a `JudgeError`; it is
never answered with a default.

Differs from the release: a failed judge scored 0 there.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ...config import JudgeSettings
from ...errors import JudgeUnavailable, JudgeUnparsable
from ..metrics import Metrics
from ..prompts import SCALES, Task, fill, version
from .cache import VerdictCache, key_of
from .endpoints import Endpoint, Endpoints, Outage
from .replies import read_verdict
from .transport import EndpointFault, QuestionRefused, SchemaRefused, Transport

HEDGE_FACTOR = 3.0
"""A request that takes this many times the usual latency is sent to a second address as well."""
HEDGE_FLOOR_S = 0.1
"""How often a request is looked at, at most, and the shortest time after which it is sent twice."""
FIRST_PATIENCE_S = 10.0
"""When a request is sent to a second address while the usual latency is not known yet."""


@dataclass(frozen=True)
class Question:
    """What a judge is asked."""

    task: Task
    data: tuple[tuple[str, str], ...]
    """Field → text, in the order in which the prompt shows them."""
    images: tuple[str, ...] = ()
    """Pictures as `data:` URLs, shown before the text."""

    def messages(self) -> list[dict[str, Any]]:
        """The chat messages of the question."""
        text = fill(self.task, dict(self.data))
        if not self.images:
            return [{'role': 'user', 'content': text}]
        pictures = [{'type': 'image_url', 'image_url': {'url': url}} for url in self.images]
        return [{'role': 'user', 'content': [*pictures, {'type': 'text', 'text': text}]}]


@dataclass(frozen=True)
class Ruling:
    """What the judge said."""

    scores: tuple[int, ...]
    """One whole number for each key of the task's scale."""
    cached: bool = False
    """Whether it was known before and no server was asked."""


@dataclass
class _Patience:
    """How much of a question's patience is used up."""

    first_failure: float | None = None
    unparsable: list[str] = field(default_factory=list)


class JudgeClient:
    """Asks judges. Lives in one event loop; close it there."""

    def __init__(self, settings: JudgeSettings, metrics: Metrics | None = None) -> None:
        self.settings = settings
        self.metrics = metrics or Metrics()
        self.endpoints = Endpoints(settings.addresses)
        self.outage = Outage()
        self._transport = Transport(settings)
        self._cache = VerdictCache(settings.cache_dir)
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._hedges = 0
        self._under_way: dict[str, asyncio.Future[Ruling | None]] = {}
        self._model = settings.model

    async def aclose(self) -> None:
        """Closes every connection; call it in the client's loop, when nothing is under way."""
        self._transport.close()

    async def ask(self, question: Question) -> Ruling:
        """Gets a ruling; equal questions that are under way share one.

        Raises:
            JudgeUnavailable: no address answered within the limit.
            JudgeUnparsable: `attempts` replies held no verdict, or the question was refused.
        """
        async with self._slots:
            key = await self._key(question)
            while key in self._under_way:
                shared = await asyncio.shield(self._under_way[key])
                if shared is not None:
                    self.metrics.count('judge/shared')
                    return shared
            known = self._cache.get(key)
            if known is not None:
                self.metrics.count('judge/cache_hits')
                return Ruling(known, cached=True)
            mine = self._under_way[key] = asyncio.get_running_loop().create_future()
            ruling = None
            try:
                ruling = await self._rule(question, key)
            finally:
                del self._under_way[key]
                mine.set_result(ruling)
            return ruling

    async def model(self) -> str:
        """The model's name: as set, or as the first server that answers lists it.

        Raises:
            JudgeUnavailable: no server answered within the limit.
        """
        if not self._model:
            self._model = await self._patiently(lambda e: self._transport.first_model(e.url), _Patience())
        return self._model

    async def _key(self, question: Question) -> str:
        return key_of(
            await self.model(), version(question.task), dict(question.data), question.images, self.settings.votes
        )

    async def _rule(self, question: Question, key: str) -> Ruling:
        scale = SCALES[question.task]
        patience, votes = _Patience(), list[tuple[int, ...]]()
        while len(votes) < self.settings.votes:
            missing = self.settings.votes - len(votes)
            replies = await self._patiently(lambda e, n=missing: self._send(e, question, n), patience)  # type: ignore[misc]
            for reply in replies[:missing]:
                try:
                    votes.append(read_verdict(reply, scale))
                except JudgeUnparsable as error:
                    self.metrics.count('judge/unparsable')
                    patience.unparsable.append(str(error))
            if len(patience.unparsable) >= self.settings.attempts:
                raise JudgeUnparsable(patience.unparsable[-1])
        scores = tuple(int(statistics.median_low(column)) for column in zip(*votes, strict=True))
        if len(votes) > 1:
            self.metrics.add('judge/disagreement', float(len(set(votes)) > 1))
        self._cache.put(key, scores)
        return Ruling(scores)

    async def _patiently(self, send: Any, patience: _Patience) -> Any:
        """Sends to one address after another until one answers or the patience ends."""
        while True:
            endpoint = self.endpoints.choose()
            if endpoint is None:
                self._check(patience)
                await asyncio.sleep(self.endpoints.next_try_s())
                continue
            try:
                return await self._hedged(endpoint, send)
            except EndpointFault:
                self.metrics.count('judge/retries')
                patience.first_failure = patience.first_failure or time.monotonic()
                self._check(patience)
            except QuestionRefused as refusal:
                raise JudgeUnparsable(
                    f'the judge refused the question: got {refusal} from {endpoint.url}; expected a reply; check the '
                    f'model’s context length and THYME_JUDGE_MODEL'
                ) from refusal

    def _check(self, patience: _Patience) -> None:
        """Raises when this question, or the outage as a whole, has lasted for the limit."""
        limit = self.settings.outage_limit_s
        own = time.monotonic() - patience.first_failure if patience.first_failure else 0.0
        if max(own, self.outage.elapsed_s) < limit:
            return
        raise JudgeUnavailable(
            f'no judge answered for {max(own, self.outage.elapsed_s):.0f} s: got {self.endpoints.causes()}; expected '
            f'an OpenAI-compatible server; start it, or correct REWARD_API_ADDRESS and QWEN_API_PORT (`thyme judge '
            f'check` tests them), then resume from the last checkpoint'
        )

    async def _hedged(self, endpoint: Endpoint, send: Any) -> Any:
        """One request, sent to a second address as well when the first is unusually slow; the first reply counts.

        Raises:
            EndpointFault: every address tried failed, or none answered within the time limit.
        """
        started = time.monotonic()
        tasks: dict[asyncio.Future[Any], Endpoint] = {asyncio.ensure_future(self._measured(endpoint, send)): endpoint}
        look_at = HEDGE_FLOOR_S if len(self.endpoints.all) > 1 else float('inf')
        try:
            while True:
                waited = time.monotonic() - started
                left = min(self.settings.timeout_s, look_at) - waited
                done, _ = await asyncio.wait(tasks, timeout=max(left, 0.0), return_when=asyncio.FIRST_COMPLETED)
                good = [task for task in done if task.exception() is None]
                if good:
                    return good[0].result()
                if len(done) == len(tasks):
                    return done.pop().result()
                for task in done:
                    del tasks[task]
                waited = time.monotonic() - started
                if waited >= self.settings.timeout_s:
                    raise self._timed_out(tasks.values(), started)
                if waited >= look_at:
                    patience_s = self._patience_s()
                    sent = patience_s <= waited and self._add_hedge(endpoint, send, tasks, started)
                    known = self.endpoints.usual_latency_s > 0
                    look_at = float('inf') if sent else max(waited + HEDGE_FLOOR_S, patience_s if known else 0.0)
        finally:
            for task in tasks:
                task.cancel()

    def _patience_s(self) -> float:
        """How long a reply may take before a second address is asked."""
        usual = self.endpoints.usual_latency_s
        return max(HEDGE_FLOOR_S, HEDGE_FACTOR * usual) if usual else FIRST_PATIENCE_S

    def _add_hedge(self, slow: Endpoint, send: Any, tasks: dict[asyncio.Future[Any], Endpoint], started: float) -> bool:
        """Sends the request to a second address; returns whether one was free."""
        other = self.endpoints.choose(besides=[slow])
        if other is None or self._hedges >= max(4, self.settings.concurrency // 4):
            return False
        slow.overtaken(started)
        self.metrics.count('judge/hedged')
        task = asyncio.ensure_future(self._measured(other, send))
        self._hedges += 1
        task.add_done_callback(self._hedge_ended)
        tasks[task] = other
        return True

    def _hedge_ended(self, _: object) -> None:
        self._hedges -= 1

    def _timed_out(self, endpoints: Iterable[Endpoint], started: float) -> EndpointFault:
        fault = EndpointFault(f'no reply within {self.settings.timeout_s:g} s')
        for endpoint in endpoints:
            endpoint.failed(str(fault), started)
        self.outage.failed(self.endpoints.causes(), self.settings.outage_limit_s)
        return fault

    async def _measured(self, endpoint: Endpoint, send: Any) -> Any:
        """One request to one address, with its health and latency kept."""
        started = time.monotonic()
        endpoint.began()
        try:
            sent: Awaitable[Any] = send(endpoint)
            reply = await sent
        except EndpointFault as fault:
            endpoint.failed(str(fault), started, fault.pause_s)
            self.outage.failed(self.endpoints.causes(), self.settings.outage_limit_s)
            raise
        except QuestionRefused:
            self.outage.ended()
            raise
        finally:
            endpoint.ended()
        latency = time.monotonic() - started
        self.endpoints.answered(endpoint, latency)
        self.outage.ended()
        self.metrics.add('judge/latency_s', latency)
        return reply

    async def _send(self, endpoint: Endpoint, question: Question, votes: int) -> list[str]:
        if not endpoint.model:
            endpoint.model = self.settings.model or await self._transport.first_model(endpoint.url)
        body: dict[str, Any] = {
            'model': endpoint.model,
            'messages': question.messages(),
            'temperature': self.settings.temperature,
            'max_tokens': self.settings.max_tokens,
        }
        if votes > 1:
            body['n'] = votes
        if endpoint.takes_schema:
            schema = {'name': 'verdict', 'strict': True, 'schema': SCALES[question.task].schema()}
            body['response_format'] = {'type': 'json_schema', 'json_schema': schema}
        self.metrics.count('judge/requests')
        try:
            return await self._transport.chat(endpoint.url, body)
        except SchemaRefused:
            del body['response_format']
            replies = await self._transport.chat(endpoint.url, body)
            endpoint.takes_schema = False
            return replies
