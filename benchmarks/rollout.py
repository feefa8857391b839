"""Measures rollouts: this package's scheme beside the release's, on one engine, with a scripted policy.

    python benchmarks/rollout.py --model DIR [--engine vllm|vllm-async] [--n 64] [--prefix-caching on|off] [--json FILE]

Every trajectory has a picture of its own, two code rounds that crop it, and an answer. What is sampled is forced by a
logits processor (`demo.scripted`), so both schemes produce the same tokens; the engine's compute, the stop rules and
the sandbox are real. The release's scheme differs in four things, which are also measured one by one: a second
request for every code block (`<code>` is a stop word), all samples generated again in every round, finished ones too,
snippets run one after another, and every picture decoded again, one after another, for every request. `requests` and
`prompt tokens` are counted, `engine s` is the time inside the engine, `rest s` that of the sandbox and of pictures;
`vllm-async` is the engine of `swift rollout`: there this package's trajectories go on each by itself, in the host's
own code, and engine, pictures and sandbox work at the same time, while the release's scheme goes round by round;
ratios are to the first scheme chosen, by default this package's in the host's own loop.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import math
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from swift.infer_engine.protocol import RequestConfig, RolloutInferRequest
from swift.rollout.agent_loop import run_multi_turn

from swift_thyme import protocol
from swift_thyme.agent import Agent, AgentSettings, Step
from swift_thyme.demo.scripted import SCRIPT_VARIABLE, register_scripted
from swift_thyme.register import register_all
from swift_thyme.rollout import ThymeScheduler
from swift_thyme.sandbox import InputImage, local_sandbox
from swift_thyme.shown import shown_pictures

WORDS = 'The number on the plate is far too small to be read at this size, so I look at it more closely. '
CODE = (
    '\n```python\nimport cv2\nimage = cv2.imread(image_path)\nx1, y1, x2, y2 = {box}\n'
    'crop = image[y1:y2, x1:x2]\ncrop = cv2.resize(crop, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)\n'
    "processed_path = 'crop_{n}.jpg'\ncv2.imwrite(processed_path, crop)\nprint(processed_path)\n```\n"
)


VARIANTS = 8
WARM_UP_N = 16
"""Trajectories of the run that warms the engine up."""


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


def make_tasks(folder: Path, n: int, side_px: int) -> tuple[list[RolloutInferRequest], Path]:
    """Requests with a picture of noise each, smooth as a photograph, and the script's file; pictures are made once."""
    requests, script = [], []
    for i in range(n):
        path = folder / f'{i}.jpg'
        if not path.exists():
            noise = np.random.default_rng(i).integers(0, 256, (side_px * 3 // 16, side_px // 4, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((side_px, side_px * 3 // 4), Image.Resampling.BICUBIC).save(path, quality=80)
        prompt = protocol.render_user_prompt('Which number?', [protocol.PromptImage(str(path), side_px, side_px)])
        requests.append(RolloutInferRequest(messages=[{'role': 'user', 'content': prompt}], images=[str(path)]))
    for variant in range(VARIANTS):
        boxes = [(10 * variant + 40, 60, 10 * variant + 40 + side_px // 4, 60 + side_px // 5 + k) for k in (0, 9)]
        turns = [f'<think>Case {variant}. ' + WORDS * 4]
        rounds = [protocol.CODE_OPEN + CODE.format(box=box, n=n) + protocol.CODE_CLOSE for n, box in enumerate(boxes)]
        script.append([turns[0] + rounds[0], WORDS * 2 + rounds[1], WORDS + '</think>\n<answer>42</answer>'])
    path = folder / 'script.json'
    path.write_text(json.dumps(script), encoding='utf-8')
    return requests, path


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
            Agent(local_sandbox(), [InputImage(Path(r.images[0]), r.images[0])], AgentSettings(max_rounds=8))
            for r in requests
        ]
        self.opened = [''] * len(requests)
        self.ids: list[list[int]] = [[] for _ in requests]

    async def run(self) -> list[str]:
        """Generates until every trajectory has ended; returns the assistant texts."""
        config = config_for(self.scheme)
        generations = 0
        await self._show(request.images[0] for request in self.requests)
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
            await self._show(returned)

    async def _show(self, images: Iterable[Any]) -> None:
        if not self.scheme.decode_again:
            await self.template.show_all(images)


def load_engine(args: argparse.Namespace, prefix_caching: bool) -> Any:
    """An engine of the host with the scripted template."""
    import torch

    register_all()
    register_scripted()
    common: dict[str, Any] = {'model_type': 'qwen2_5_vl', 'template_type': 'thyme_scripted'}
    if args.engine == 'transformers':
        from swift.infer_engine import TransformersEngine

        dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
        return TransformersEngine(str(args.model), max_batch_size=args.n, torch_dtype=dtype, **common)
    if args.engine == 'vllm':
        os.environ.setdefault('VLLM_ENABLE_V1_MULTIPROCESSING', '0')  # in the trainer's process, as colocate has it
    from swift.infer_engine import GRPOVllmEngine

    return GRPOVllmEngine(
        str(args.model),
        use_async_engine=args.engine == 'vllm-async',
        max_model_len=args.max_model_len,
        gpu_memory_utilization=args.memory,
        enable_prefix_caching=prefix_caching,
        max_num_seqs=max(args.n, 64),
        enforce_eager=not torch.cuda.is_available(),
        limit_mm_per_prompt={'image': 10},
        logprobs_mode='processed_logprobs',
        engine_kwargs=json.loads(args.engine_kwargs),
        **common,
    )


async def forget(engine: Any) -> None:
    """Empties the caches of a vLLM engine."""
    inner = getattr(engine, 'engine', None)
    for name in ('reset_prefix_cache', 'reset_mm_cache', 'reset_encoder_cache'):
        done = getattr(inner, name, lambda: None)()
        if inspect.isawaitable(done):
            await done


def measure(
    engine: Any, n: int, side_px: int, scheme: Scheme, folder: Path, loop: asyncio.AbstractEventLoop
) -> tuple[Counts, list[str]]:
    """One run of one scheme on `n` fresh requests; no cache holds anything of earlier runs."""
    os.environ['THYME_PICTURE_MB'] = '0' if scheme.decode_again else '1024'
    shown_pictures.cache_clear()
    requests, _ = make_tasks(folder, n, side_px)
    loop.run_until_complete(forget(engine))
    meter = Meter(engine)
    start = time.perf_counter()
    if scheme.host_loop:
        texts = run_host_loop(meter, engine.template, requests, scheme)
    elif scheme.server:
        texts = loop.run_until_complete(run_server(meter, requests, scheme))
    else:
        texts = loop.run_until_complete(BareLoop(meter, engine.template, requests, scheme).run())
    meter.counts.seconds = time.perf_counter() - start
    return meter.counts, texts


def table(rows: dict[str, list[Counts]], n: int) -> list[str]:
    """Markdown: medians over the repeats; ratios are to the first row of the same repeat."""
    first = next(iter(rows.values()))
    lines = [
        '| scheme | s | trajectories/s | time ratio | requests | prompt tokens | computed | engine s | rest s |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    for name, runs in rows.items():
        seconds, engine_s = (statistics.median(getattr(c, key) for c in runs) for key in ('seconds', 'engine_s'))
        ratio = statistics.median(c.seconds / base.seconds for c, base in zip(runs, first, strict=False))
        one = runs[-1]
        parts = '| |' if math.isnan(engine_s) else f'{engine_s:.2f} | {seconds - engine_s:.2f} |'
        lines.append(
            f'| {name} | {seconds:.2f} | {n / seconds:.2f} | {ratio:.2f} | {one.requests} '
            f'| {one.prompt_tokens} | {one.computed_tokens} | {parts}'
        )
    return lines


def report(rows: dict[str, list[Counts]], args: argparse.Namespace) -> None:
    """Prints the table of what was measured so far."""
    rows = {name: runs for name, runs in rows.items() if runs}
    if not rows:
        return
    print(
        f'{args.engine}, {args.n} trajectories of {args.side} px, prefix caching {args.prefix_caching}, '
        f'{len(next(iter(rows.values())))} repeats, {platform.machine()}'
    )
    print('\n'.join(table(rows, args.n)), flush=True)
    if args.json_path:
        found = {name: [asdict(c) for c in runs] for name, runs in rows.items()}
        args.json_path.write_text(json.dumps(found, indent=1), encoding='utf-8')


def measure_all(engine: Any, args: argparse.Namespace, folder: Path, rows: dict[str, list[Counts]]) -> None:
    """Fills `rows`, scheme by scheme and repeat by repeat, after one run to warm the engine up."""
    start = time.perf_counter()
    by_key = {scheme.key: scheme for scheme in SCHEMES}
    schemes = [by_key[key] for key in args.schemes]
    rows |= {scheme.name: [] for scheme in schemes}
    expected: list[str] = []
    loop = asyncio.new_event_loop()  # one for all: an asynchronous engine belongs to the loop it was first used in
    for repeat, scheme in _plan(args.repeats, schemes):
        if repeat > 1 and scheme is schemes[0] and time.perf_counter() > start + args.limit_s:
            return
        n = args.n if repeat else min(args.n, WARM_UP_N)
        counts, texts = measure(engine, n, args.side, scheme, folder, loop)
        if repeat:
            expected = expected or sorted(texts)
            assert sorted(texts) == expected, f'{scheme.name} sampled other text'
            rows[scheme.name].append(counts)
        print(f'{repeat} {scheme.name}: {counts.seconds:.2f} s', file=sys.stderr, flush=True)


def _plan(repeats: int, schemes: Sequence[Scheme]) -> Iterator[tuple[int, Scheme]]:
    yield 0, schemes[0]
    yield from ((repeat, scheme) for repeat in range(1, repeats + 1) for scheme in schemes)


def main() -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', type=Path, required=True)
    parser.add_argument('--engine', choices=['transformers', 'vllm', 'vllm-async'], default='transformers')
    parser.add_argument('--n', type=int, default=64, help=f'trajectories in flight, a multiple of {VARIANTS}')
    parser.add_argument('--side', type=int, default=1536, help='longer side of the pictures, px')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--limit-s', type=float, default=math.inf, help='no repeat begins later than this')
    keys = [scheme.key for scheme in SCHEMES]
    parser.add_argument(
        '--schemes', nargs='+', choices=keys, help='in this order; all that the engine can run by default'
    )
    parser.add_argument('--prefix-caching', choices=['on', 'off'], default='on', help='vLLM only')
    parser.add_argument('--max-model-len', type=int, default=16384)
    parser.add_argument('--memory', type=float, default=0.6, help='share of the GPU memory for vLLM')
    parser.add_argument('--engine-kwargs', default='{}', help='JSON for vLLM')
    parser.add_argument('--json', type=Path, dest='json_path')
    args = parser.parse_args()
    impossible = 'host' if args.engine == 'vllm-async' else 'server'
    args.schemes = args.schemes or [key for key in keys if key != impossible]
    if impossible in args.schemes:
        parser.error(f'--engine {args.engine} cannot run the scheme {impossible!r}; leave it out')
    if args.n % VARIANTS:
        parser.error(f'--n must be a multiple of {VARIANTS}, so that every scheme samples the same texts, got {args.n}')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('stopped; the table holds what was measured until then'))
    rows: dict[str, list[Counts]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, script = make_tasks(folder, 1, args.side)
        os.environ[SCRIPT_VARIABLE] = str(script)
        engine = load_engine(args, args.prefix_caching == 'on')
        try:
            measure_all(engine, args, folder, rows)
        finally:
            report(rows, args)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
