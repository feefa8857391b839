"""The judge client: one question in, one ruling out, whatever the servers do in between.

Owns retries, hedging, votes, sharing of equal questions, the patience of an outage, and whose fault it is that a
question gets no verdict. `endpoints` chooses, `transport` sends, `replies` reads, `cache` remembers. A question either
gets a ruling or raises a `JudgeError`; it is never answered with a default.

Differs from the release: a failed judge scored 0 there.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ...config import JudgeSettings, shown_address
from ...errors import AnswerRefused, JudgeUnavailable, JudgeUnparsable, QuestionRefused
from ..metrics import Metrics
from ..prompts import SCALES, Task, fill, version
from .cache import VerdictCache, key_of
from .endpoints import Endpoint, Endpoints, Outage
from .replies import read_verdict
from .transport import EndpointFault, JudgeReply, RequestRefused, Transport

HEDGE_FACTOR = 3.0
"""A request that takes this many times the usual latency is sent to a second address as well."""
HEDGE_FLOOR_S = 0.1
"""How often a request is looked at, at most, and the shortest time after which it is sent twice."""
MOST_TOKENS = 4096
"""A reply that was cut off is asked for again with more room, up to this."""
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
    control: Question | None = None
    """The same question without what the policy wrote; None where nothing would be left of it."""

    def messages(self) -> list[dict[str, Any]]:
        """The chat messages of the question."""
        text = fill(self.task, dict(self.data))
        if not self.images:
            return [{'role': 'user', 'content': text}]
        pictures = [{'type': 'image_url', 'image_url': {'url': url}} for url in self.images]
        return [{'role': 'user', 'content': [*pictures, {'type': 'text', 'text': text}]}]


ANY = Question(
    Task.CORRECTNESS,
    (('question', 'What colour is the sky?'), ('reference_answer', 'blue'), ('generated_answer', 'blue')),
)
"""A question that every judge can answer."""


@dataclass(frozen=True)
class Ruling:
    """What the judge said."""

    scores: tuple[int, ...]
    """One whole number for each key of the task's scale."""
    cached: bool = False
    """Whether it was known before and no server was asked."""


@dataclass
class _Tries:
    """What became of one question so far."""

    max_tokens: int
    began: float = field(default_factory=time.monotonic)
    spent: int = 0
    """In thirds of an attempt: a reply without a verdict is an attempt, a fault of the server a third of one."""
    refused: bool = False
    last: Endpoint | None = None
    cause: str = ''
    """Why the last request gave no verdict; its kind stands before the first colon."""
    failed: set[Endpoint] = field(default_factory=set)
    """Addresses that gave it no verdict; others are asked first."""

    def add(self, endpoint: Endpoint, cause: str, thirds: int) -> None:
        """Counts a request that gave no verdict."""
        self.spent += thirds
        self.last, self.cause = endpoint, cause
        self.failed.add(endpoint)


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
        await self._transport.aclose()

    async def ask(self, question: Question) -> Ruling:
        """Gets a ruling; equal questions that are under way share one.

        Raises:
            JudgeUnavailable: no address gave a verdict on anything within the limit.
            AnswerRefused: what the policy wrote keeps judges from a verdict that they give without it.
            QuestionRefused: judges that answer other questions do not answer this one.
        """
        async with self._slots:
            key = await self._key(question)
            while key in self._under_way:
                shared = await asyncio.shield(self._under_way[key])
                if shared is not None:
                    self.metrics.count('judge/shared')
                    return shared
            known = self._cache.get(key)
            if known is not None and SCALES[question.task].holds(known):
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
        while not self._model:
            with suppress(EndpointFault):
                _, self._model = await self._hedged(
                    await self._free_endpoint(), lambda e: self._transport.first_model(e.url)
                )
        return self._model

    async def _key(self, question: Question) -> str:
        return key_of(
            await self.model(), version(question.task), dict(question.data), question.images, self.settings.votes
        )

    async def _rule(self, question: Question, key: str) -> Ruling:
        tries, votes = _Tries(self.settings.max_tokens), list[tuple[int, ...]]()
        while len(votes) < self.settings.votes:
            if tries.refused or tries.spent >= 3 * self.settings.attempts:
                await self._find_fault(question, tries)
            votes += await self._votes(question, self.settings.votes - len(votes), tries)
        scores = tuple(int(statistics.median_low(column)) for column in zip(*votes, strict=True))
        if len(votes) > 1:
            self.metrics.add('judge/disagreement', float(len(set(votes)) > 1))
        self._cache.put(key, scores)
        return Ruling(scores)

    async def _votes(self, question: Question, missing: int, tries: _Tries) -> list[tuple[int, ...]]:
        """One request, and the verdicts that came of it."""
        endpoint = await self._free_endpoint(tries.failed)
        started = time.monotonic()
        try:
            endpoint, replies = await self._hedged(
                endpoint, lambda e: self._send(e, question, missing, tries.max_tokens)
            )
        except EndpointFault as fault:
            self.metrics.count('judge/retries')
            tries.add(endpoint, str(fault), fault.spent)
            if fault.spent and tries.spent % 3 == 0:
                await self._try(question.control or ANY, endpoint)  # a verdict ends the address's pause
            return []
        except RequestRefused as refusal:
            tries.add(endpoint, str(refusal), 1)
            tries.refused = True
            return []
        votes = []
        for reply in replies[:missing]:
            verdict = self._verdict(reply, question.task, endpoint, started, tries)
            votes += [] if verdict is None else [verdict]
        return votes

    def _verdict(
        self, reply: JudgeReply, task: Task, endpoint: Endpoint, started: float, tries: _Tries
    ) -> tuple[int, ...] | None:
        """What a reply says; one that was cut off says nothing and is asked for again with more room."""
        if reply.cut and tries.max_tokens < MOST_TOKENS:
            self.metrics.count('judge/cut')
            tries.max_tokens = min(4 * tries.max_tokens, MOST_TOKENS)
            return None
        try:
            if reply.cut:
                raise JudgeUnparsable(f'the judge’s reply is cut off after {tries.max_tokens} tokens')
            verdict = read_verdict(reply.text, SCALES[task])
        except JudgeUnparsable as error:
            self.metrics.count('judge/unparsable')
            endpoint.gave_no_verdict(str(error), started)
            self.outage.failed(self.endpoints.causes(), self.settings.outage_limit_s)
            tries.add(endpoint, str(error), 3)
            return None
        endpoint.judged()
        self.outage.ended()
        return verdict

    async def _find_fault(self, question: Question, tries: _Tries) -> None:
        """Whether the answer, the question or the judge is why there is no verdict; returns where it is the judge.

        Raises:
            AnswerRefused: other questions, or this one without what the policy wrote, get a verdict.
            QuestionRefused: other questions do, and this one fails in the same way without what the policy wrote.
        """
        assert tries.last is not None
        control = await self._try(question.control, tries.last) if question.control is not None else None
        passing = any(endpoint.last_verdict > tries.began for endpoint in tries.failed)
        if control == '' or passing or await self._try(ANY, tries.last) == '':
            alike = control is not None and control.split(':')[0] == tries.cause.split(':')[0]
            blamed, what = (QuestionRefused, 'question') if alike else (AnswerRefused, 'answer')
            self.metrics.count(f'judge/{what}_refused')
            raise blamed(
                f'no judge gives a verdict on this {what}: got {tries.cause} from {shown_address(tries.last.url)}, '
                f'while others get one; expected a verdict; check the model’s context length and filters'
            )
        tries.last.failed(f'no verdict on a plain question either; before: {tries.cause}', time.monotonic())
        self.outage.failed(self.endpoints.causes(), self.settings.outage_limit_s)
        tries.spent, tries.refused = 0, False

    async def _try(self, question: Question, endpoint: Endpoint) -> str:
        """Asks one address, now; why that gave no verdict, empty where it gave one."""
        tries, started = _Tries(MOST_TOKENS), time.monotonic()
        try:
            sending = self._measured(endpoint, lambda e: self._send(e, question, 1, MOST_TOKENS))
            _, replies = await asyncio.wait_for(sending, self.settings.timeout_s)
        except (EndpointFault, RequestRefused) as error:
            return str(error)
        except asyncio.TimeoutError:
            return 'no reply in time'
        verdict = self._verdict(replies[0], question.task, endpoint, started, tries)
        return tries.cause if verdict is None else ''

    async def _free_endpoint(self, besides: Collection[Endpoint] = ()) -> Endpoint:
        """Waits for an address that may be asked.

        Raises:
            JudgeUnavailable: none gave a verdict for the limit.
        """
        while True:
            limit = self.settings.outage_limit_s
            if self.outage.elapsed_s >= limit and self.outage.elapsed_s > 0:
                raise JudgeUnavailable(
                    f'no judge answered for {self.outage.elapsed_s:.0f} s: got {self.endpoints.causes()}; expected an '
                    f'OpenAI-compatible server; start it, or correct REWARD_API_ADDRESS and QWEN_API_PORT (`thyme '
                    f'judge check` tests them), {self.settings.cure}'
                )
            endpoint = self.endpoints.choose(besides) or self.endpoints.choose()
            if endpoint is not None:
                return endpoint
            await asyncio.sleep(self.endpoints.next_try_s())

    async def _hedged(self, endpoint: Endpoint, send: Any) -> tuple[Endpoint, Any]:
        """One request, sent to a second address as well when the first is unusually slow; the first reply counts.

        Returns:
            Who replied, and what.

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
                    return good[0].result()  # type: ignore[no-any-return]
                if len(done) == len(tasks):
                    return done.pop().result()  # type: ignore[no-any-return]
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
        fault = EndpointFault(f'no reply within {self.settings.timeout_s:g} s', spent=3)
        for endpoint in endpoints:
            endpoint.failed(str(fault), started)
        self.outage.failed(self.endpoints.causes(), self.settings.outage_limit_s)
        return fault

    async def _measured(self, endpoint: Endpoint, send: Any) -> tuple[Endpoint, Any]:
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
        finally:
            endpoint.ended()
        latency = time.monotonic() - started
        self.endpoints.answered(endpoint, latency)
        self.metrics.add('judge/latency_s', latency)
        return endpoint, reply

    async def _send(self, endpoint: Endpoint, question: Question, votes: int, max_tokens: int) -> list[JudgeReply]:
        if not endpoint.model:
            endpoint.model = self.settings.model or await self._transport.first_model(endpoint.url)
        body: dict[str, Any] = {
            'model': endpoint.model,
            'messages': question.messages(),
            'temperature': self.settings.temperature,
            'max_tokens': max_tokens,
        }
        if votes > 1:
            body['n'] = votes
        if endpoint.takes_schema:
            schema = {'name': 'verdict', 'strict': True, 'schema': SCALES[question.task].schema()}
            body['response_format'] = {'type': 'json_schema', 'json_schema': schema}
        self.metrics.count('judge/requests')
        try:
            return await self._transport.chat(endpoint.url, body)
        except RequestRefused:
            if body.pop('response_format', None) is None:
                raise
            replies = await self._transport.chat(endpoint.url, body)
            endpoint.takes_schema = False
            return replies
