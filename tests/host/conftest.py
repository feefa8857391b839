"""One real `swift rlhf` run with a scripted policy, shared by the tests that look at what it trained on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from swift_thyme import protocol
from swift_thyme.demo.host_command import HostCommand, run
from swift_thyme.demo.quickstart import judge
from swift_thyme.record import FOLDER, read_trajectories
from swift_thyme.trace import TracedRow, read_batches

CROP = (
    '<think>The number is small, so I crop it. <code>\n```python\nimport cv2\nimage = cv2.imread(image_path)\n'
    "crop = image[100:240, 60:200]\nprocessed_path = 'crop.png'\ncv2.imwrite(processed_path, crop)\n"
    'print(processed_path)\n```\n</code>'
)
SCRIPT = [
    [CROP, 'Now compute. <code>\nprint(6 * 7)\n</code>', 'It is 42.</think>\n<answer>42</answer>'],
    ['<think>Easy.</think>\n<answer>41</answer>'],
    ['<think>I try. <code>\nprint(undefined_name)\n</code>', 'It failed.</think>\n<answer>42</answer>'],
    ['<think>Only words and no answer'],
]
"""Four policies of one group: two code rounds with a picture, no code, failing code, no answer."""


@dataclass(frozen=True)
class GrpoRun:
    """What a finished run left."""

    output_dir: Path
    trajectories: list[dict[str, Any]]
    batches: list[list[TracedRow]]


def write_rl_rows(folder: Path, n: int = 2) -> Path:
    """A few RL rows with a rendered picture each; the right answer is 42."""
    rows = []
    for i in range(n):
        path = folder / f'{i}.png'
        image = Image.new('RGB', (640, 480), 'white')
        ImageDraw.Draw(image).text((100, 150), '42', fill='black', font_size=40)
        image.save(path)
        prompt = protocol.render_user_prompt('Which number?', [protocol.PromptImage(str(path), 640, 480)])
        messages = [{'role': 'user', 'content': prompt}]
        rows.append({'messages': messages, 'images': [str(path)], 'solution': '42', 'question': 'Which number?'})
    out = folder / 'rl.jsonl'
    out.write_text('\n'.join(map(json.dumps, rows)), encoding='utf-8')
    return out


def grpo_flags(model: Path, dataset: Path, output_dir: Path, **flags: object) -> dict[str, object]:
    """The flags of a two-step run on a CPU with the scripted template; `flags` override."""
    return {
        'rlhf_type': 'grpo',
        'model': model,
        'model_type': 'qwen2_5_vl',
        'external_plugins': Path(__file__).parents[1] / 'plugins' / 'scripted_plugin.py',
        'template': 'thyme_scripted',
        'dataset': dataset,
        'output_dir': output_dir,
        'use_vllm': 'false',
        'multi_turn_scheduler': 'thyme',
        'max_turns': 4,
        'reward_funcs': ['fmt_orm', 'vqa_orm', 'cst_orm'],
        'tuner_type': 'full',
        'torch_dtype': 'float32',
        'attn_impl': 'sdpa',
        'max_steps': 2,
        'per_device_train_batch_size': 4,
        'num_generations': 4,
        'gradient_accumulation_steps': 1,
        'learning_rate': 1e-4,
        'max_length': 4096,
        'max_completion_length': 256,
        'add_version': 'false',
        'check_model': 'false',
        'freeze_vit': 'true',
        'split_dataset_ratio': 0,
        'dataset_num_proc': 1,
        'dataloader_num_workers': 0,
        'logging_steps': 1,
        'save_strategy': 'no',
        'report_to': 'none',
        'load_from_cache_file': 'false',
        'gradient_checkpointing': 'false',
        'beta': 0,
        'temperature': 1.0,
        **flags,
    }


@pytest.fixture(scope='session')
def judge_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`thyme judge --rules` on a free port."""
    with judge(tmp_path_factory.mktemp('judge') / 'judge.log') as address:
        yield address


@pytest.fixture(scope='session')
def script_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`SCRIPT` as the scripted template reads it."""
    path = tmp_path_factory.mktemp('script') / 'script.json'
    path.write_text(json.dumps(SCRIPT), encoding='utf-8')
    return path


def run_environment(script: Path, judge: str, batches: Path) -> dict[str, str]:
    """Variables of a scripted run."""
    host, _, port = judge.partition(':')
    return {
        'THYME_SCRIPT': str(script),
        'THYME_TRACE_BATCHES': str(batches),
        'THYME_JUDGE_CACHE': 'off',
        'REWARD_API_ADDRESS': host,
        'QWEN_API_PORT': port,
    }


@pytest.fixture(scope='session')
def grpo_run(tiny: Path, judge_address: str, script_file: Path, tmp_path_factory: pytest.TempPathFactory) -> GrpoRun:
    """Two steps of GRPO on the transformers engine."""
    folder = tmp_path_factory.mktemp('grpo')
    flags = grpo_flags(tiny, write_rl_rows(folder), folder / 'out')
    env = run_environment(script_file, judge_address, folder / 'batches')
    run(HostCommand('rlhf', flags), log=folder / 'log', env=env)
    return GrpoRun(folder / 'out', read_trajectories(folder / 'out' / FOLDER), list(read_batches(folder / 'batches')))
