"""The whole job in miniature, for real: data, SFT in two stages, GRPO with adaptive temperature, one answer, a summary.

Every training step is the host's own command, run as a user would run it; only the sizes are small. The policy of the
RL stage and of the answer is the tiny model that the two SFT stages have just taught: nothing is scripted. It knows two
questions by heart and is asked them again, so its score says nothing; that its code runs, that masks and ids are exact
and that rewards come back is what there is to see.

Owns the order of the stages and their settings. Everything is written under one folder, see `Folders`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..data.synth import Kind, SetSpec, generate
from ..engines.checkpoint import latest_checkpoint
from ..errors import ConfigError, ThymeError
from ..launch.legacy import packaged_plugin
from .host_command import HostCommand, run
from .lessons import ask_again, call_as_asked, keep_easy_rows

TEMPLATE = 'thyme_qwen2_5_vl'
MAX_PIXELS = 50_176
"""64 visual tokens a picture: a tiny model on a CPU sees no more."""
STOP_JUDGE_S = 10.0
FINISHED = 'finished.json'
"""Seconds of each stage that has ended, by name: what a second run need not do again."""


class Folders:
    """Where things are, below the folder the user named."""

    def __init__(self, root: Path) -> None:
        self.data, self.models, self.logs = root / 'data', root / 'models', root / 'logs'
        self.batches, self.answer = root / 'batches', root / 'answer'
        self.rl = self.data / 'rl' / 'rows.jsonl'


@dataclass
class Quickstart:
    """One run; its stages in the order in which they are called."""

    out: Path
    report: Callable[[str, str], None]
    """Called with a stage and what there is to say of it at its end."""
    progress: Callable[[str, int, int], None]
    """Called with (stage, step, steps) while a stage runs."""
    seconds: dict[str, float] = field(default_factory=dict)
    _folders: Folders = field(init=False)

    def __post_init__(self) -> None:
        self.out = self.out.resolve()
        self._folders = Folders(self.out)

    def run(self) -> dict[str, Any]:
        """Runs every stage that has not ended before and returns the summary, which is also in `summary.json`.

        Raises:
            ConfigError: the folder holds a finished run, or what no quickstart wrote.
            ThymeError: a stage failed; what earlier stages wrote stays, and the next run goes on with it.
        """
        self._begin()
        models, folders = self._folders.models, self._folders
        self._stage('tiny checkpoint', self._build_checkpoint, models / 'tiny')
        self._stage('data', self._make_data, folders.data)
        self._stage('SFT stage 1', self._teach_format, models / 'sft-1', folders.batches / 'sft-1')
        self._stage('SFT stage 2', self._teach_rounds, models / 'sft-2', folders.batches / 'sft-2')
        self._stage('GRPO-ATS', self._grpo, models / 'grpo', folders.batches / 'grpo')
        self._stage('answer', self._answer, folders.answer)
        from .summary import summarize

        answer = json.loads((folders.answer / 'trajectory.json').read_text(encoding='utf-8'))
        summary = {**summarize(self.out), 'answer': answer, 'seconds': self.seconds}
        (self.out / 'summary.json').write_text(json.dumps(summary, indent=1, ensure_ascii=False), encoding='utf-8')
        return summary

    def _begin(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        finished = self.out / FINISHED
        if finished.is_file():
            self.seconds = json.loads(finished.read_text(encoding='utf-8'))
        elif any(self.out.iterdir()):
            raise ConfigError(f'--out holds what the quickstart did not write: got {self.out}; name another folder')
        if (self.out / 'summary.json').is_file():
            raise ConfigError(
                f'a finished quickstart is there already: got {self.out}; name another --out, or remove it'
            )
        finished.write_text(json.dumps(self.seconds), encoding='utf-8')

    def _stage(self, name: str, work: Callable[[], None], *folders: Path) -> None:
        """Runs one stage, unless an earlier run ended it; what such a run left half done in its folders goes first."""
        if name in self.seconds:
            self.report(name, 'done before')
            return
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        start = time.monotonic()
        work()
        self.seconds[name] = round(time.monotonic() - start, 1)
        (self.out / FINISHED).write_text(json.dumps(self.seconds), encoding='utf-8')
        self.report(name, f'{self.seconds[name]:.0f} s')

    def _build_checkpoint(self) -> None:
        from .tiny import build_tiny

        build_tiny(self._folders.models / 'tiny')

    def _make_data(self) -> None:
        for name, spec in SETS.items():
            generate(spec, self._folders.data / name)
        easy = self._folders.data / 'sft1' / 'rows.jsonl'
        keep_easy_rows(easy)
        for rows in self._rows('sft*'):
            call_as_asked(rows)
        ask_again(easy, self._folders.rl)

    def _rows(self, sets: str) -> list[Path]:
        return sorted(self._folders.data.glob(f'{sets}/rows*.jsonl'))

    def _teach_format(self) -> None:
        self._sft('sft-1', 'tiny', 'sft1', loss_scale='thyme_last_round', lr=4e-3, steps=110)

    def _teach_rounds(self) -> None:
        self._sft('sft-2', 'sft-1', 'sft*', loss_scale='thyme', lr=1e-3, steps=30)

    def _sft(self, name: str, start: str, sets: str, *, loss_scale: str, lr: float, steps: int) -> None:
        command = HostCommand(
            'sft',
            {
                **self._common(start, name, self._rows(sets)),
                'loss_scale': loss_scale,
                'learning_rate': lr,
                'max_steps': steps,
                'save_steps': steps,
                'warmup_ratio': 0.05,
                'adam_beta2': 0.95,
                'gradient_accumulation_steps': 1,
            },
        )
        self._run(command, name)

    def _grpo(self) -> None:
        command = HostCommand(
            'rlhf',
            {
                'rlhf_type': 'grpo',
                **self._common('sft-2', 'grpo', [self._folders.rl]),
                'multi_turn_scheduler': 'thyme',
                'max_turns': 4,
                'reward_funcs': ['fmt_orm', 'vqa_orm', 'cst_orm'],
                'use_vllm': 'false',
                'num_generations': 4,
                'gradient_accumulation_steps': 4,
                'max_steps': 4,
                'save_steps': 4,
                'max_completion_length': 400,
                'learning_rate': 5e-5,
                'beta': 0.001,
                'temperature': 1.0,
                'top_p': 0.9,
                'top_k': 50,
            },
        )
        with judge(self._folders.logs / 'judge.log') as address:
            host, _, port = address.partition(':')
            self._run(command, 'grpo', REWARD_API_ADDRESS=host, QWEN_API_PORT=port)

    def _common(self, start: str, name: str, data: list[Path]) -> dict[str, object]:
        return {
            'model': self._folders.models / 'tiny' if start == 'tiny' else self.checkpoint(start),
            'model_type': 'qwen2_5_vl',
            'external_plugins': packaged_plugin(),
            'template': TEMPLATE,
            'dataset': data,
            'output_dir': self._folders.models / name,
            'add_version': 'false',
            'check_model': 'false',
            'tuner_type': 'full',
            'freeze_vit': 'true',
            'torch_dtype': 'float32',
            'attn_impl': 'sdpa',
            'max_length': 4096,
            'split_dataset_ratio': 0,
            'dataset_num_proc': 1,
            'dataloader_num_workers': 0,
            'per_device_train_batch_size': 1,
            'save_strategy': 'steps',
            'save_only_model': 'true',
            'gradient_checkpointing': 'false',
            'logging_steps': 1,
            'report_to': 'none',
            'load_from_cache_file': 'false',
        }

    def _run(self, command: HostCommand, name: str, **env: str) -> None:
        run(
            command,
            log=self._folders.logs / f'{name}.log',
            env={
                'MAX_PIXELS': str(MAX_PIXELS),
                'HF_HUB_OFFLINE': '1',
                'THYME_TRACE_BATCHES': str(self._folders.batches / name),
                'THYME_JUDGE_CACHE': str(self.out / 'judge-cache'),
                **env,
            },
            on_progress=lambda step, steps: self.progress(name, step, steps),
        )

    def checkpoint(self, name: str) -> Path:
        """The last checkpoint of a training stage.

        Raises:
            ThymeError: the stage wrote none.
        """
        found = latest_checkpoint(self._folders.models / name)
        if found is None:
            raise ThymeError(f'stage {name} wrote no checkpoint; see {self._folders.logs / name}.log')
        return found

    def _answer(self) -> None:
        """One question of stage 1 through `thyme infer`."""
        row = json.loads(self._folders.rl.read_text(encoding='utf-8').splitlines()[0])
        argv = [sys.executable, '-m', 'swift_thyme.cli', 'infer', '--model', str(self.checkpoint('grpo'))]
        argv += ['--template', TEMPLATE, '--image', row['images'][0], '--question', row['question']]
        argv += ['--max-tokens', '400', '--save', str(self._folders.answer)]
        log = self._folders.logs / 'infer.log'
        env = {**os.environ, 'MAX_PIXELS': str(MAX_PIXELS)}
        with log.open('w', encoding='utf-8') as file:
            subprocess.run(argv, env=env, stdout=file, stderr=subprocess.STDOUT, check=False)
        if not (self._folders.answer / 'trajectory.json').is_file():
            raise ThymeError(f'`thyme infer` gave no trajectory; see {log}')


SETS = {
    'sft1': SetSpec(task='find_read', n=10, seed=1, kind=Kind.SFT, canvas='2k', difficulty=(0.3, 0.5)),
    'sft2-pictures': SetSpec(task='compute_image', n=1, seed=2, kind=Kind.SFT, canvas='2k', difficulty=(0.1, 0.3)),
    'sft2-text': SetSpec(task='compute', n=1, seed=2, kind=Kind.SFT, canvas='2k', difficulty=(0.1, 0.3)),
}


@contextmanager
def judge(log: Path) -> Iterator[str]:
    """Runs `thyme judge --rules` on a free loopback port for as long as the block; yields `host:port`.

    Raises:
        ThymeError: it did not start.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, '-m', 'swift_thyme.cli', 'judge', '--rules', '--port', '0']
    with log.open('w', encoding='utf-8') as errors:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            assert process.stdout is not None
            address = re.search(r'http://([\d.]+:\d+)', process.stdout.readline())
            if address is None:
                raise ThymeError(f'`thyme judge --rules` did not start; see {log}')
            yield address.group(1)
        finally:
            process.terminate()
            process.wait(STOP_JUDGE_S)
            if process.stdout is not None:
                process.stdout.close()
