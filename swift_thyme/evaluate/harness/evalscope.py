"""evalscope, as it is on the package index, over a served model.

Owns its command line and where it puts its scores. Data sets of one's own are named `general_vmcq=FOLDER` or
`general_vqa=FOLDER`, as `thyme synth` writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from .command import HarnessRun, Score, scored

PACKAGE = 'evalscope'


def command(run: HarnessRun, *, base_url: str) -> list[str]:
    """The command line for a served model."""
    names, local = [], {}
    for entry in run.data:
        name, _, folder = entry.partition('=')
        names.append(name)
        if folder:
            local[name] = {'local_path': str(Path(folder).resolve()), 'subset_list': ['default']}
    flags = ['--model', run.name, '--api-url', base_url, '--api-key', 'none', '--eval-type', 'openai_api']
    flags += ['--datasets', *names, '--eval-batch-size', str(run.concurrency), '--no-timestamp']
    flags += ['--work-dir', str(run.out.resolve() / 'evalscope')]
    if local:
        flags += ['--dataset-args', json.dumps(local)]
    if run.limit is not None:
        flags += ['--limit', str(run.limit)]
    return [run.python, '-m', 'evalscope.cli.cli', 'eval', *flags, *run.arguments]


def run_command(run: HarnessRun, line: list[str]) -> list[Score]:
    """Runs the harness and reads its scores.

    Raises:
        ThymeError: it failed, or gave no score.
    """
    return scored(run, line, read_scores(run.out / 'evalscope'))


def read_scores(folder: Path) -> Iterator[Score]:
    """The scores of a results folder, from the harness's own reports."""
    reports = [json.loads(path.read_text(encoding='utf-8')) for path in sorted(folder.rglob('reports/*/*.json'))]
    names = [report['dataset_name'] for report in reports]
    for report in reports:
        for metric in report.get('metrics', ()):
            name = metric['identity']['name'] if 'identity' in metric else metric['name']
            data = report['dataset_name']
            missing = not_answered(folder, data, names)
            yield Score(data, name, float(metric['score']), int(metric['num']), not_answered=missing)


def not_answered(folder: Path, data: str, names: Iterable[str]) -> int:
    """How many predictions of a data set hold no words: the model gave no answer.

    Args:
        folder: of the results.
        data: the data set.
        names: of all data sets of the run: one may begin with another's, and files are named by set and subset.
    """
    longer = tuple(f'{name}_' for name in names if name.startswith(f'{data}_'))

    def words(line: str) -> str:
        content = json.loads(line)['model_output']['choices'][0]['message']['content']
        parts = [content] if isinstance(content, str) else [part.get('text') or '' for part in content or ()]
        return ''.join(parts).strip()

    paths = folder.glob(f'predictions/*/{data}_*.jsonl')
    own = [path for path in paths if not path.name.startswith(longer)]
    return sum(not words(line) for path in own for line in path.read_text(encoding='utf-8').split('\n') if line)
