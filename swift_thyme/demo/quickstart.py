"""The whole job in miniature, for real: data, SFT in two stages, GRPO with adaptive temperature, and what RL changed.

Every training step is the host's own command, run as a user would run it; only the sizes are small. The policy of the
RL stage is the tiny model that the two SFT stages have just taught: nothing is scripted. What it is taught and why RL
has something to find is in `lessons`; at the end both models are asked the questions that RL held out.

Owns the order of the stages and their settings. Everything is written under one folder, see `Folders`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..engines.checkpoint import latest_checkpoint
from ..errors import ConfigError, ThymeError
from ..launch.legacy import packaged_plugin
from .host_command import HostCommand, run
from .lessons import MAX_PIXELS, MAX_TOKENS, Lesson, share_right

TEMPLATE = 'thyme_qwen2_5_vl'
STOP_JUDGE_S = 10.0
FINISHED = 'finished.json'
"""Seconds of each stage that has ended, by name: what a second run need not do again."""
RL_STEPS = 30
HELD_OUT_REPEATS = 16
"""Times that each held-out question is asked."""


class Folders:
    """Where things are, below the folder the user named."""

    def __init__(self, root: Path) -> None:
        self.data, self.models, self.logs, self.batches = (
            root / name for name in ('data', 'models', 'logs', 'batches')
        )


@dataclass
class Quickstart:
    """One run; its stages in the order in which they are called."""

    out: Path
    report: Callable[[str, str], None]
    """Called with a stage and what there is to say of it at its end."""
    progress: Callable[[str, int, int], None]
    """Called with (stage, step, steps) while a stage runs."""
    seconds: dict[str, float] = field(default_factory=dict)
    folders: Folders = field(init=False)
    lesson: Lesson = field(init=False)

    def __post_init__(self) -> None:
        self.out = self.out.resolve()
        self.folders = Folders(self.out)
        self.lesson = Lesson(self.folders.data)

    def run(self) -> dict[str, Any]:
        """Runs every stage that has not ended before and returns the summary, which is also in `summary.json`.

        Raises:
            ConfigError: the folder holds a finished run, or what no quickstart wrote.
            ThymeError: a stage failed; what earlier stages wrote stays, and the next run goes on with it.
        """
        self._begin()
        models, folders = self.folders.models, self.folders
        self._stage('tiny checkpoint', self._build_checkpoint, models / 'tiny')
        self._stage('data', self.lesson.write, folders.data)
        self._stage('SFT stage 1', self._teach_code, models / 'sft-1', folders.batches / 'sft-1')
        self._stage('SFT stage 2', self._teach_all, models / 'sft-2', folders.batches / 'sft-2')
        self._stage('GRPO-ATS', self.reinforce, models / 'grpo', folders.batches / 'grpo')
        self._stage('held-out questions', self._ask)
        from .summary import summarize

        summary = {**summarize(self.out), 'seconds': self.seconds}
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
        from .tiny import SMALL_VOCAB, build_tiny

        build_tiny(self.folders.models / 'tiny', byte_pairs=SMALL_VOCAB)

    def _teach_code(self) -> None:
        crops = [self.lesson.crops]
        self._sft(
            'sft-1', 'tiny', crops, loss_scale='thyme_last_round', lr=4e-3, schedule='constant_with_warmup', steps=180
        )

    def _teach_all(self) -> None:
        rows = [self.lesson.crops, self.lesson.guesses]
        self._sft('sft-2', 'sft-1', rows, loss_scale='thyme', lr=1e-3, schedule='cosine', steps=40)

    def _sft(
        self, name: str, start: str, rows: list[Path], *, loss_scale: str, lr: float, schedule: str, steps: int
    ) -> None:
        command = HostCommand(
            'sft',
            {
                **self._common(start, name, rows, steps),
                'loss_scale': loss_scale,
                'learning_rate': lr,
                'lr_scheduler_type': schedule,
                'warmup_ratio': 0.05,
                'adam_beta2': 0.95,
                'per_device_train_batch_size': 12,
            },
        )
        self._run(command, name)

    def reinforce(
        self,
        name: str = 'grpo',
        plugin: str | Path | None = None,
        rewards: Sequence[str] = ('fmt_orm', 'vqa_orm', 'cst_orm'),
    ) -> None:
        """The RL stage.

        Args:
            name: of its folders.
            plugin: for `--external_plugins`, by default the packaged one.
            rewards: by default format, answer and consistency.
        """
        command = HostCommand(
            'rlhf',
            {
                'rlhf_type': 'grpo',
                **self._common('sft-2', name, [self.lesson.rl], RL_STEPS),
                'external_plugins': plugin or packaged_plugin(),
                'multi_turn_scheduler': 'thyme',
                'max_turns': 3,
                'reward_funcs': list(rewards),
                'use_vllm': 'false',
                'num_generations': 8,
                'per_device_train_batch_size': 32,
                'max_completion_length': MAX_TOKENS,
                'learning_rate': 3e-4,
                'lr_scheduler_type': 'cosine',
                'beta': 0.02,
                'temperature': 1.0,
                'top_p': 1.0,
                'top_k': 0,
            },
        )
        with judge(self.folders.logs / 'judge.log') as address:
            host, _, port = address.partition(':')
            self._run(command, name, REWARD_API_ADDRESS=host, QWEN_API_PORT=port)

    def _common(self, start: str, name: str, data: list[Path], steps: int) -> dict[str, object]:
        return {
            'model': self.folders.models / 'tiny' if start == 'tiny' else self.checkpoint(start),
            'model_type': 'qwen2_5_vl',
            'external_plugins': packaged_plugin(),
            'template': TEMPLATE,
            'dataset': data,
            'output_dir': self.folders.models / name,
            'add_version': 'false',
            'check_model': 'false',
            'tuner_type': 'full',
            'freeze_vit': 'true',
            'freeze_aligner': 'false',
            'torch_dtype': 'float32',
            'attn_impl': 'sdpa',
            'max_length': 1024,
            'split_dataset_ratio': 0,
            'dataset_num_proc': 1,
            'dataloader_num_workers': 0,
            'gradient_accumulation_steps': 1,
            'gradient_checkpointing': 'false',
            'max_steps': steps,
            'save_strategy': 'steps',
            'save_steps': steps,
            'save_only_model': 'true',
            'logging_steps': 1,
            'report_to': 'none',
            'load_from_cache_file': 'false',
        }

    def _run(self, command: HostCommand, name: str, **env: str) -> None:
        run(
            command,
            log=self.folders.logs / f'{name}.log',
            env={
                'MAX_PIXELS': str(MAX_PIXELS),
                'HF_HUB_OFFLINE': '1',
                'THYME_TRACE_BATCHES': str(self.folders.batches / name),
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
        found = latest_checkpoint(self.folders.models / name)
        if found is None:
            raise ThymeError(f'stage {name} wrote no checkpoint; see {self.folders.logs / name}.log')
        return found

    def _ask(self) -> None:
        """Asks what RL held out, before and after it."""
        figures = {
            name: share_right(self.checkpoint(name), self.lesson.held_out, each=HELD_OUT_REPEATS)
            for name in ('sft-2', 'grpo')
        }
        (self.out / 'held-out.json').write_text(json.dumps(figures), encoding='utf-8')


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
