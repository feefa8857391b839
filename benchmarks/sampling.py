"""Measures what adaptive temperature costs the host side in every decoding step of vLLM.

    python benchmarks/sampling.py [--rows 256] [--steps 400] [--device cuda] [--json FILE]

Drives the real `AdaptiveTemperature` processor as vLLM does: a batch of running sequences, one token more each step,
`update_state` then `apply` on logits of the real vocabulary. "nothing in code" is what every step costs; "half in code"
adds the sharpening of half of the rows. Reported are medians of wall-clock milliseconds until `apply` returns (what
the host side waits), beside an empty processor in the same loop; on a GPU also with its work awaited.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from swift_thyme.config import SamplingSettings
from swift_thyme.host.vllm import AdaptiveTemperature, BatchRows
from swift_thyme.spans import TokenPieces

VOCABULARY = 151_936


class Empty:
    """A processor that does nothing."""

    def update_state(self, change: Any) -> None:
        """Nothing."""

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Nothing."""
        return logits


def processor(pieces: TokenPieces) -> AdaptiveTemperature:
    """The real one, without an engine around it."""
    made = AdaptiveTemperature.__new__(AdaptiveTemperature)
    made._pieces, made._settings = pieces, SamplingSettings()
    made._rows = BatchRows(made._make_row)
    return made


def steps_ms(hook: Any, tokenizer: Any, args: argparse.Namespace, in_code: bool, *, awaited: bool) -> list[float]:
    """Milliseconds of each step."""
    word = tokenizer.encode(' word')[0]
    opened = tokenizer.encode('<think>I look. <code>\nx = 1')
    outputs: list[list[int]] = [list(opened) if in_code and i % 2 else [word] * 8 for i in range(args.rows)]
    params = SimpleNamespace(temperature=1.0)
    added = [(i, params, tokenizer.encode('<|im_start|>assistant\n'), out) for i, out in enumerate(outputs)]
    hook.update_state(SimpleNamespace(removed=[], added=added, moved=[]))
    logits = torch.zeros(args.rows, VOCABULARY, device=args.device)
    found = []
    for _ in range(args.steps):
        for out in outputs:
            out.append(word)
        if args.device != 'cpu':
            torch.cuda.synchronize()
        start = time.perf_counter()
        hook.update_state(None)
        hook.apply(logits)
        if awaited:
            torch.cuda.synchronize()
        found.append((time.perf_counter() - start) * 1e3)
    return found[args.steps // 10 :]


def main() -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', type=Path, required=True, help='a checkpoint folder with the tokenizer')
    parser.add_argument('--rows', type=int, default=256)
    parser.add_argument('--steps', type=int, default=400)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--json', type=Path, dest='json_path')
    args = parser.parse_args()
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(args.model)
    pieces = TokenPieces(tokenizer)
    found: dict[str, float] = {}
    for awaited in [False, True][: 1 + (args.device != 'cpu')]:
        suffix = ', work awaited' if awaited else ''
        found[f'empty processor{suffix}'] = statistics.median(
            steps_ms(Empty(), tokenizer, args, False, awaited=awaited)
        )
        for in_code in (False, True):
            name = f'{"half" if in_code else "nothing"} in code{suffix}'
            times = steps_ms(processor(pieces), tokenizer, args, in_code, awaited=awaited)
            found[name] = statistics.median(times)
    print(f'{args.rows} sequences, {args.device}, torch {torch.__version__}', file=sys.stderr)
    print('| step | ms |\n|---|---|')
    print('\n'.join(f'| {name} | {value:.3f} |' for name, value in found.items()))
    if args.json_path:
        args.json_path.write_text(json.dumps(found, indent=1), encoding='utf-8')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
