"""What `benchmarks/rollout.py` puts beside each other: this package's loops, and the release's habits one by one."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swift.infer_engine.protocol import RequestConfig, RolloutInferRequest
from swift.rollout.agent_loop import run_multi_turn

from swift_thyme import protocol
from swift_thyme.agent import Agent, AgentSettings, Step
from swift_thyme.host.scheduler import ThymeScheduler
from swift_thyme.sandbox import InputImage, shared_sandbox


@dataclass(frozen=True)
class Scheme:
    """What a driver does as the release does it."""

    key: str
    """For `--schemes`."""
    name: str
    second_request: bool = False
    regenerate: bool = False
    serial_sandbox: bool = False
    decode_again: bool = False
    host_loop: bool = False
    server: bool = False


SCHEMES = (
    Scheme('host', 'this package, host loop', host_loop=True),
    Scheme('server', 'this package, server mode', server=True),
    Scheme('bare', 'this package, bare loop'),
    Scheme('second', '+ second request', second_request=True),
    Scheme('regeneration', '+ regeneration', regenerate=True),
    Scheme('serial', '+ serial sandbox', serial_sandbox=True),
    Scheme('decode', '+ pictures decoded again', decode_again=True),
    Scheme(
        'release',
        'release: all four',
        second_request=True,
        regenerate=True,
        serial_sandbox=True,
        decode_again=True,
    ),
)
RELEASE_GENERATIONS = 5


@dataclass
class Counts:
    """What one run cost."""

    seconds: float = 0.0
    engine_s: float = 0.0
    requests: int = 0
    prompt_tokens: int = 0
    computed_tokens: int = 0
    """Prompt tokens that no prefix cache held; equal to `prompt_tokens` on the transformers engine."""


class Meter:
    """An engine of the host, with everything it answers counted."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.counts = engine, Counts()
        self.is_vllm = hasattr(engine, 'engine_args')
        if self.is_vllm:
            engine._create_chat_completion_response = self._counted(type(engine)._create_chat_completion_response)

    def _counted(self, respond: Any) -> Any:
        def counted(output: Any, *args: Any, **kwargs: Any) -> Any:
            tokens = len(output.prompt_token_ids)
            self._count(1, tokens, tokens - (output.num_cached_tokens or 0))
            return respond(self.engine, output, *args, **kwargs)

        return counted

    def _count(self, requests: int, prompt_tokens: int, computed_tokens: int) -> None:
        self.counts.requests += requests
        self.counts.prompt_tokens += prompt_tokens
        self.counts.computed_tokens += computed_tokens

    async def infer(self, requests: Sequence[Any], config: RequestConfig) -> list[Any]:
        """One batch; an engine that is not asynchronous blocks the loop meanwhile."""
        if not getattr(self.engine, 'use_async_engine', False):
            return self.infer_now(requests, config)
        start = time.perf_counter()
        responses: list[Any] = await self.engine.async_infer(list(requests), config, use_tqdm=False)
        self.counts.engine_s += time.perf_counter() - start
        return responses

    def infer_now(self, requests: Sequence[Any], config: RequestConfig) -> list[Any]:
        """One batch, outside of any loop."""
        start = time.perf_counter()
        responses: list[Any] = self.engine.infer(list(requests), config, use_tqdm=False) if requests else []
        self.counts.engine_s += time.perf_counter() - start
        if not self.is_vllm:
            tokens = sum(getattr(r, 'response', r).usage.prompt_tokens for r in responses)
            self._count(len(requests), tokens, tokens)
        return responses


def config_for(scheme: Scheme) -> RequestConfig:
    """The request's settings; the same in every scheme but for the stop word."""
    stop = [protocol.CODE_OPEN] if scheme.second_request else None
    return RequestConfig(
        max_tokens=1024, temperature=1.0, stop=stop, return_details=True, logprobs=True, top_logprobs=0
    )


def run_host_loop(meter: Meter, template: Any, requests: list[RolloutInferRequest], scheme: Scheme) -> list[str]:
    """The host's multi-turn loop with this package's scheduler; returns the assistant texts."""
    scheduler = ThymeScheduler(template=template, tokenizer=template.tokenizer, max_turns=8)
    asyncio.run(scheduler.on_trajectory_start(requests))
    config = config_for(scheme)

    def rollout(batch: list[Any], config: RequestConfig) -> list[Any]:
        return [_wrapped(r) for r in meter.infer_now(batch, config)]

    return _texts(run_multi_turn(requests, rollout(requests, config), scheduler, rollout, config, max_turns=8))


async def run_server(meter: Meter, requests: list[RolloutInferRequest], scheme: Scheme) -> list[str]:
    """The host's loop of `swift rollout` with this package's scheduler; returns the assistant texts."""
    scheduler = ThymeScheduler(infer_engine=meter.engine, max_turns=8)
    meter.counts.engine_s = math.nan  # it works all the time, and so do others
    return _texts(await scheduler.async_infer(requests, config_for(scheme), use_tqdm=False))


def _texts(outputs: Sequence[Any]) -> list[str]:
    infos = [output.rollout_infos['thyme'] for output in outputs]
    assert not any(info['quarantined'] for info in infos), next(i for i in infos if i['quarantined'])
    return [info['text'] for info in infos]


def _wrapped(response: Any) -> Any:
    from swift.infer_engine.protocol import RolloutOutput

    return response if isinstance(response, RolloutOutput) else RolloutOutput(response=response)


class BareLoop:
    """The smallest loop over the same agent, so that the release's habits can be switched on one by one."""

    def __init__(self, meter: Meter, template: Any, requests: list[RolloutInferRequest], scheme: Scheme) -> None:
        self.meter, self.template, self.requests, self.scheme = meter, template, requests, scheme
        self.agents = [
            Agent(shared_sandbox(), [InputImage(Path(r.images[0]), r.images[0])], AgentSettings(max_rounds=8))
            for r in requests
        ]
        self.opened = [''] * len(requests)
        self.ids: list[list[int]] = [[] for _ in requests]

    async def run(self) -> list[str]:
        """Generates until every trajectory has ended; returns the assistant texts."""
        config = config_for(self.scheme)
        generations = 0
        await self.template.show_all(request.images[0] for request in self.requests)
        while True:
            live = [i for i, agent in enumerate(self.agents) if agent.stop_reason is None]
            if not live and (not self.scheme.regenerate or generations >= RELEASE_GENERATIONS):
                return [agent.text for agent in self.agents]
            batch = list(range(len(self.requests))) if self.scheme.regenerate else live
            responses = await self.meter.infer([self.requests[i] for i in batch], config)
            generations += 1
            by_index = dict(zip(batch, responses, strict=True))
            steps = [self._take(i, getattr(by_index[i], 'response', by_index[i]).choices[0]) for i in live]
            if self.scheme.serial_sandbox:
                for step in steps:
                    await step
            else:
                await asyncio.gather(*steps)

    async def _take(self, i: int, choice: Any) -> None:
        agent, request = self.agents[i], self.requests[i]
        text, self.opened[i] = self.opened[i] + choice.message.content, ''
        self.ids[i] += choice.token_ids
        if protocol.opens_code(text):
            self.opened[i] = text
        else:
            step = await agent.step(text, cut_by_length=choice.finish_reason == 'length')
            await self._append(i, step)
        message = {'role': 'assistant', 'content': list(self.ids[i])}
        request.messages = [*request.messages[:1], message]

    async def _append(self, i: int, step: Step) -> None:
        if step.stop is None and step.turn.result is not None:
            self.ids[i] += self.template.encode_output(step)
            returned = [p.path for p in step.turn.result.images]
            self.requests[i].images = [*self.requests[i].images, *returned]
            await self.template.show_all(returned)
