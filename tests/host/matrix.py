"""Host options that real users combine with this package, each as one short GRPO run, many in one process.

`python -m tests.host.matrix CELLS OUT` runs the named ones and writes what became of each; `test_matrix` starts it and
holds the expectations. A cell that works has trained exactly the sampled ids in every row.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORKS, REFUSED, NOT_RUN = 'works', 'refused', 'not run'


@dataclass(frozen=True)
class Cell:
    """One option, or several that go together."""

    group: str
    option: str
    flags: Mapping[str, object] = field(default_factory=dict)
    expected: str = WORKS
    says: str = ''
    """Part of the refusal, or why it is not run."""
    in_ci: bool = False
    """Whether it is run without `--all`."""
    by: str = ''
    """Who refuses: the host where nothing is said."""


def _each(group: str, flag: str, *values: object, ci: tuple[object, ...] = (), **beside: object) -> list[Cell]:
    return [Cell(group, f'`--{flag} {value}`', {flag: value, **beside}, in_ci=value in ci) for value in values]


_GPU = 'needs GPUs or flash attention'
CELLS = [
    Cell('base', 'full, `--loss_type grpo`', {}, in_ci=True),
    *_each('loss', 'loss_type', 'bnpo', 'dr_grpo', 'dapo', 'cispo', 'sapo', ci=('dapo',)),
    *(
        Cell('loss', f'`--loss_type {kind}`', {'loss_type': kind}, REFUSED, 'at its first loss', by='thyme')
        for kind in ('real', 'fipo')
    ),
    *_each('advantage', 'advantage_estimator', 'rloo', 'reinforce_plus_plus', ci=('rloo',)),
    *_each('advantage', 'scale_rewards', 'none', 'batch', 'gdpo'),
    *_each('sampling level', 'importance_sampling_level', 'sequence', 'sequence_token', ci=('sequence',)),
    Cell('advantage', '`--kl_in_reward true`', {'kl_in_reward': 'true', 'beta': 0.05}),
    Cell('KL', '`--beta 0.05`', {'beta': 0.05}),
    Cell('sampling', '`--dynamic_sample true`', {'dynamic_sample': 'true', 'max_resample_times': 1}, in_ci=True),
    Cell('sampling', '`--overlong_filter true`', {'overlong_filter': 'true'}),
    Cell('sampling', '`--num_iterations 2`', {'num_iterations': 2, 'max_steps': 2}),
    Cell('sampling', '`--steps_per_generation 2`', {'steps_per_generation': 2, 'max_steps': 2}),
    Cell('sampling', '`--gradient_accumulation_steps 2`', {'gradient_accumulation_steps': 2}),
    Cell('tuner', '`--tuner_type lora`', {'tuner_type': 'lora', 'lora_rank': 4}, in_ci=True),
    Cell('tuner', 'LoRA, `--beta 0.05`', {'tuner_type': 'lora', 'lora_rank': 4, 'beta': 0.05}),
    Cell('tuner', '`--freeze_vit false`', {'freeze_vit': 'false'}),
    Cell('tuner', '`--freeze_llm true`', {'freeze_llm': 'true', 'freeze_vit': 'false'}),
    Cell('tuner', '`--freeze_aligner false`', {'freeze_aligner': 'false'}),
    Cell('tuner', '`--gradient_checkpointing true`', {'gradient_checkpointing': 'true'}),
    Cell(
        'evaluation',
        '`--eval_strategy steps`',
        {'split_dataset_ratio': 0.5, 'eval_strategy': 'steps', 'eval_steps': 1, 'per_device_eval_batch_size': 4},
    ),
    Cell('data', '`--dataloader_num_workers 2`', {'dataloader_num_workers': 2}),
    Cell('data', '`--dataset_num_proc 2`', {'dataset_num_proc': 2}),
    Cell('data', '`--dataset_shuffle false`', {'dataset_shuffle': 'false'}),
    Cell('data', '`--lazy_tokenize true`', {'lazy_tokenize': 'true'}),
    Cell('data', '`--group_by_length true`', {'group_by_length': 'true'}),
    Cell('data', '`--streaming true`', {'streaming': 'true'}, REFUSED, 'different questions into one', True, 'thyme'),
    Cell('data', '`--packing true`', {'packing': 'true'}, REFUSED),
    Cell('data', '`--padding_free true`', {'padding_free': 'true'}, REFUSED),
    Cell('data', '`--truncation_strategy left`', {'truncation_strategy': 'left'}),
    Cell('template', '`--template_backend jinja`', {'template_backend': 'jinja'}, REFUSED, 'jinja', True, 'thyme'),
    Cell('template', '`--response_prefix …`', {'response_prefix': '<think>'}, REFUSED, 'response_prefix', by='thyme'),
    Cell(
        'template', '`--use_chat_template false`', {'use_chat_template': 'false'}, REFUSED, 'chat template', by='thyme'
    ),
    Cell('rewards', 'no reward', {'reward_funcs': None}, REFUSED, 'without a reward', True, 'thyme'),
    Cell('rewards', 'no scheduler', {'multi_turn_scheduler': None}, REFUSED, 'nobody would run the code', by='thyme'),
    Cell('rewards', '`--reward_weights 1 2 1`', {'reward_weights': [1, 2, 1]}),
    Cell('rewards', '`--rlhf_type gkd`', {'rlhf_type': 'gkd'}, REFUSED, 'gkd', by='thyme'),
    Cell(
        'lengths',
        '`--completion_length_limit_scope total`',
        {'completion_length_limit_scope': 'total'},
        REFUSED,
        by='thyme',
    ),
    Cell('lengths', '`--max_length 200`', {'max_length': 200}, REFUSED, '--max_length 200', by='thyme'),
    *(
        Cell('scale', option, {}, NOT_RUN, says)
        for option, says in (
            ('several processes', 'tests/launch/ and the recipes run two'),
            ('`--sequence_parallel_size 2`', _GPU),
            ('vLLM colocate, server, `--async_generate true`', 'tests/host/test_grpo_batch.py runs them with vLLM'),
            ('`--use_liger_kernel true`', _GPU),
        )
    ),
]
"""Every cell, in the order of the table."""


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The page docs/matrix.md.

    Args:
        results: option → `outcome`, `note`, `seconds`, of cells that were run.
    """
    lines = [
        '# Host options',
        '',
        'Written by `pytest tests/host/test_matrix.py --all`: each row was a GRPO run of the tiny checkpoint with a',
        'scripted policy on the transformers engine. *Works*: trained ids = sampled ids in every row. *Refused*:',
        'it ends before the first rollout, with the sentence. CI runs a spread.',
        '',
        '| | option | outcome | |',
        '|---|---|---|---|',
    ]
    for cell in CELLS:
        got = results.get(cell.option, {'outcome': NOT_RUN, 'note': cell.says})
        note = ' '.join(str(got['note']).split()).replace('|', '\\|')
        lines.append(f'| {cell.group} | {cell.option} | {got["outcome"]} | {note} |')
    return '\n'.join(lines) + '\n'


def main(chosen: Path, out: Path) -> None:
    """Runs cells: `chosen` names flags for each, `out` gets what became of them, one JSON object a line."""
    from swift.pipelines import rlhf_main

    for job in json.loads(chosen.read_text(encoding='utf-8')):
        os.environ.update(job['env'])
        start, note, outcome = time.monotonic(), '', WORKS
        try:
            rlhf_main(job['words'])
            note = _unsound(Path(job['folder']))
            outcome = 'trains something else' if note else WORKS
        except SystemExit as error:
            outcome, note = REFUSED, str(error).removeprefix('this run cannot start: ')
        except (ValueError, AssertionError, ImportError, NotImplementedError) as error:
            outcome, note = REFUSED, f'{error}'[:200] or type(error).__name__
        except Exception as error:  # noqa: BLE001 - a crash is a result of the table
            outcome, note = 'crashes', f'{type(error).__name__}: {error}'[:300]
        result = {'option': job['option'], 'outcome': outcome, 'note': note, 'seconds': time.monotonic() - start}
        with out.open('a', encoding='utf-8') as file:
            file.write(json.dumps(result) + '\n')


def _unsound(folder: Path) -> str:
    """What a finished run trained that was not sampled, or left out; empty where nothing."""
    from swift_thyme.host.trace import read_batches
    from swift_thyme.host.verify import trained_ids
    from swift_thyme.trajectories import read_records

    trained = Counter(tuple(trained_ids(row)) for batch in read_batches(folder / 'batches') for row in batch)
    sampled = Counter(r.sampled_ids for r in read_records(folder / 'out') if not r.quarantined)
    if not sampled:
        return 'no trajectories'
    foreign = [ids for ids in trained if ids not in sampled]
    missing = [ids for ids in sampled if ids not in trained]
    return f'{len(foreign)} rows train ids that nobody sampled, {len(missing)} sampled are not trained' * bool(
        foreign or missing
    )


if __name__ == '__main__':
    main(Path(sys.argv[1]), Path(sys.argv[2]))
