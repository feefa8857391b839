"""Runs VLMEvalKit's own `run.py` with our adapter registered; started by `vlmevalkit`, in the harness's interpreter.

    python -m swift_thyme.evaluate.harness.vlmeval_launcher [--thyme-model JSON] ARGUMENTS OF vlmeval.run

VLMEvalKit is not changed: `register_adapter` and `supported_VLM` are where it takes models from outside. With
`--thyme-model` the model answers in this process, one process a GPU under torchrun; without, it is asked over HTTP.
On a machine without GPUs torchrun's processes meet through Gloo, because NCCL, which VLMEvalKit names, refuses there.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import torch
from vlmeval import run as harness
from vlmeval.api.adapters import ModelAdapter, register_adapter
from vlmeval.config import supported_VLM
from vlmeval.smp import collect_run_benchmark_report, load
from vlmeval.vlm.base import BaseModel

from swift_thyme.evaluate.harness.vlmevalkit import BENCHMARKS, NO_ANSWER
from swift_thyme.rewards.rules.choice import letter_of

ADAPTER = 'thyme'


@register_adapter(ADAPTER)
class ThymeAdapter(ModelAdapter):  # type: ignore[misc]
    """Leaves VLMEvalKit's prompts as they are and reduces answers to the letter they take."""

    def __init__(self) -> None:
        self._asked = threading.local()

    def process_inputs(self, inputs: Any, dataset: Any = None) -> Any:
        """Remembers the question; inputs and answer of one request pass through the same thread."""
        self._asked.text = '\n'.join(part['value'] for part in inputs if part.get('type') == 'text')
        return inputs

    def postprocess(self, response: str, dataset: Any = None) -> str:
        """The letter where the answer takes one; `NO_ANSWER` where the model gave none."""
        return letter_of(getattr(self._asked, 'text', ''), response) or NO_ANSWER


class ThymeVLM(BaseModel):  # type: ignore[misc]
    """A checkpoint with the loop around it, in VLMEvalKit's own process."""

    INTERLEAVE = True

    def __init__(self, arguments: dict[str, Any]) -> None:
        """
        Args:
            arguments: the values of `infer.options`, by name.
        """
        from swift_thyme.infer.options import thinker_from

        super().__init__()
        self._thinker = thinker_from(argparse.Namespace(**arguments))

    def generate_inner(self, message: list[dict[str, str]], dataset: str | None = None) -> str:
        """Answers one question; raises where the machinery failed: VLMEvalKit must not take that for an answer."""
        text = '\n'.join(part['value'] for part in message if part['type'] == 'text')
        images = [Path(part['value']) for part in message if part['type'] == 'image']
        reply = self._thinker.ask(text, images)
        if reply.error:
            raise RuntimeError(reply.error)
        return letter_of(text, reply.given_answer) or NO_ANSWER


def meet_without_gpus() -> None:
    """Replaces the back end that VLMEvalKit names when it joins its processes."""
    join = torch.distributed.init_process_group

    def init_process_group(backend: str = '', **options: Any) -> None:
        join(backend='gloo', **options)

    torch.distributed.init_process_group = init_process_group  # type: ignore[assignment]


def not_answered(results: Path, benchmark: str) -> int:
    """How many predictions of a data set say that the model gave no answer."""
    files = [
        path for path in results.glob(f'{results.name}_{benchmark}.*') if path.suffix in ('.xlsx', '.tsv', '.json')
    ]
    return sum(int((load(str(path))['prediction'] == NO_ANSWER).sum()) for path in files[:1])


def main() -> None:
    """Hands over to VLMEvalKit."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('--thyme-model', type=json.loads)
    own, rest = parser.parse_known_args()
    if own.thyme_model is not None:
        name = rest[rest.index('--model') + 1]
        supported_VLM[name] = partial(ThymeVLM, own.thyme_model)
        if not torch.cuda.is_available():
            meet_without_gpus()
    sys.argv = [sys.argv[0], *rest]
    harness.main()
    if harness.RANK == 0:
        results = Path(rest[rest.index('--work-dir') + 1]) / rest[rest.index('--model') + 1]
        found = collect_run_benchmark_report(results)
        for benchmark in found:
            benchmark['not_answered'] = not_answered(results, benchmark['benchmark'])
        (results / BENCHMARKS).write_text(json.dumps(found, default=str, indent=1), encoding='utf-8')


if __name__ == '__main__':
    main()
