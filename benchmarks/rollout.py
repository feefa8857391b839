"""Measures rollouts: this package's scheme beside the release's, on one engine, with a scripted policy.

    python benchmarks/rollout.py --model DIR [--engine vllm|vllm-async] [--n 64] [--prefix-caching on|off] [--json FILE]

Every trajectory has a picture of its own, two code rounds that crop it, and an answer. What is sampled is forced by a
logits processor (`scripted.policy`), so both schemes produce the same tokens; the engine's compute, the stop rules and
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
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from swift.infer_engine.protocol import RolloutInferRequest

from rollout_schemes import SCHEMES, BareLoop, Counts, Meter, Scheme, run_host_loop, run_server
from scripted.policy import SCRIPT_VARIABLE, register_scripted
from swift_thyme import protocol
from swift_thyme.host.register import register_all
from swift_thyme.host.shown import shown_pictures

WORDS = 'The number on the plate is far too small to be read at this size, so I look at it more closely. '
CODE = (
    '\n```python\nimport cv2\nimage = cv2.imread(image_path)\nx1, y1, x2, y2 = {box}\n'
    'crop = image[y1:y2, x1:x2]\ncrop = cv2.resize(crop, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)\n'
    "processed_path = 'crop_{n}.jpg'\ncv2.imwrite(processed_path, crop)\nprint(processed_path)\n```\n"
)


VARIANTS = 8
WARM_UP_N = 16
"""Trajectories of the run that warms the engine up."""


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
