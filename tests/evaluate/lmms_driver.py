"""Runs lmms-eval's own command over a scripted policy; started by the tests in lmms-eval's interpreter.

    python -m tests.evaluate.lmms_driver SYNTH_FOLDER KNOWN WORK_FOLDER

The model is found by its entry point; only what its flags load is replaced by a scripted engine.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lmms_eval.__main__ import cli_evaluate

import swift_thyme.evaluate.harness.lmms_eval_model as ours
from swift_thyme.evaluate.sources import load
from swift_thyme.infer import Thinker

from .harness_server import answers
from .scripted import ScriptedEngine

TASK = """\
task: thyme_local
dataset_path: json
dataset_kwargs:
  data_files:
    test: {rows}
test_split: test
output_type: generate_until
doc_to_visual: !function utils.pictures
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{solution}}}}"
generation_kwargs:
  max_new_tokens: 16
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
"""
UTILS = """\
from PIL import Image


def pictures(doc):
    return [Image.open(path) for path in doc['images']]
"""


def main() -> None:
    folder, known, work = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    task = work / 'task'
    task.mkdir(parents=True)
    rows = [json.loads(line) for line in (folder / 'rows.jsonl').read_text().splitlines()]
    short = [{name: row[name] for name in ('question', 'solution', 'images')} for row in rows]
    (work / 'rows.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in short))
    (task / 'thyme_local.yaml').write_text(TASK.format(rows=work / 'rows.jsonl'))
    (task / 'utils.py').write_text(UTILS)
    engine = ScriptedEngine(answers(load(folder, work / 'inputs'), known))
    ours.thinker_from = lambda args: Thinker(engine)  # type: ignore[assignment]
    sys.argv = ['lmms-eval', '--model', 'thyme', '--model_args', 'model=any,max_tokens=64', '--tasks', 'thyme_local']
    sys.argv += ['--include_path', str(task), '--output_path', str(work / 'results'), '--batch_size', '1']
    cli_evaluate()


if __name__ == '__main__':
    main()
