"""VLMEvalKit, as it is on the package index: over a served model, or in its own processes on several GPUs.

Owns its command line and where it puts its scores.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import ConfigError, ThymeError
from .command import PACKAGE_ROOT, HarnessRun, Score, scored

PACKAGE = 'ms-vlmeval'
_LAUNCHER = 'swift_thyme.evaluate.harness.vlmeval_launcher'
BENCHMARKS = 'thyme_benchmarks.json'
"""VLMEvalKit's own summary of a run, which it only logs; the launcher keeps it."""
NO_ANSWER = 'no answer'
"""What VLMEvalKit is told when the model gave none. It takes an empty text for a failed request, asks six times more
and sets the item aside; no scorer of its reads a letter in this."""
_MOST_TOKENS = 2048
"""`max_tokens` of a request: a hint that the server raises to its own setting."""


def command(run: HarnessRun, *, base_url: str) -> list[str]:
    """The command line for a served model."""
    served = ['--base-url', base_url, '--key', 'none', '--custom-prompt', 'thyme', '--max-tokens', str(_MOST_TOKENS)]
    return [run.python, '-m', _LAUNCHER, *_common(run), *served, '--api-nproc', str(run.concurrency)]


def command_in_process(run: HarnessRun, *, nproc: int, model: Mapping[str, Any]) -> list[str]:
    """The command line for a model in the harness's own processes, one a GPU.

    Args:
        run: what to run.
        nproc: processes.
        model: the values of `infer.options`.
    """
    launch = [run.python, '-m']
    if nproc > 1:
        launch += ['torch.distributed.run', f'--nproc-per-node={nproc}', '-m']
    return [*launch, _LAUNCHER, '--thyme-model', json.dumps(dict(model)), *_common(run)]


def _common(run: HarnessRun) -> list[str]:
    names = [Path(name).stem if name.endswith('.tsv') else name for name in run.data]
    flags = ['--data', *names, '--model', run.name, '--work-dir', str(run.out.resolve() / 'vlmevalkit'), '--reuse']
    if run.limit is not None:
        flags += ['--limit', str(run.limit)]
    judge = [] if '--judge' in run.arguments else ['--judge', 'exact_matching']
    return [*flags, *judge, *run.arguments]


def run_command(run: HarnessRun, line: list[str]) -> list[Score]:
    """Runs the harness and reads its scores.

    Raises:
        ConfigError: local files lie in several folders.
        ThymeError: it failed, or a data set has no score.
    """
    env = {'PYTHONPATH': str(PACKAGE_ROOT)}
    roots = {str(Path(name).resolve().parent) for name in run.data if name.endswith('.tsv')}
    if len(roots) > 1:
        raise ConfigError(
            f'VLMEvalKit reads local files from one folder, got {", ".join(sorted(roots))}; run them apart'
        )
    if roots:
        env['LMUData'] = roots.pop()
    return scored(run, line, read_scores(run.out / 'vlmevalkit' / run.name), **env)


def read_scores(folder: Path) -> Iterator[Score]:
    """The scores of a results folder, from the summary that the launcher keeps.

    Raises:
        ThymeError: a data set could not be scored.
    """
    path = folder / BENCHMARKS
    for found in json.loads(path.read_text(encoding='utf-8')) if path.is_file() else ():
        if found.get('eval_error') or found.get('skip_reason'):
            cause = found.get('eval_error') or found['skip_reason']
            raise ThymeError(f'VLMEvalKit could not score {found["benchmark"]}: {cause}; see {path}')
        values = found['primary_metric_value']
        metrics = values if isinstance(values, dict) else {found['primary_metric']: values}
        for metric, value in metrics.items():
            answers, failed = int(found['infer_total'] or 0), int(found['infer_failed'] or 0)
            missing = int(found.get('not_answered') or 0)
            yield Score(found['benchmark'], str(metric), float(value), answers, failed, missing)
