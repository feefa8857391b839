"""One real `swift rlhf` run with a scripted policy, shared by the tests that look at what it trained on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest
from PIL import Image, ImageDraw

from swift_thyme import protocol
from swift_thyme.demo.host_command import HostCommand, run
from swift_thyme.demo.quickstart import judge
from swift_thyme.host.trace import TracedRow, read_batches
from swift_thyme.trajectories import Record, read_records
from swift_thyme.trajectories.record import FOLDER

CROP = (
    '<think>The number is small, so I crop it. <code>\n```python\nimport cv2\nimage = cv2.imread(image_path)\n'
    "crop = image[100:240, 60:200]\nprocessed_path = 'crop.png'\ncv2.imwrite(processed_path, crop)\n"
    'print(processed_path)\n```\n</code>'
)
ENLARGE = (
    'Still small, so I enlarge it. <code>\nlarger = cv2.resize(crop, None, fx=2, fy=2)\n'
    "processed_path = 'larger.png'\ncv2.imwrite(processed_path, larger)\nprint(processed_path)\n</code>"
)
COMPUTE = 'Now compute. <code>\nprint(6 * 7)\n</code>'
SCRIPT = [
    [CROP, ENLARGE, 'It is 42.</think>\n<answer>42</answer>'],
    ['<think>Easy.</think>\n<answer>41</answer>'],
    ['<think>I try. <code>\nprint(undefined_name)\n</code>', COMPUTE, 'It failed.</think>\n<answer>42</answer>'],
    ['<think>Only words and no answer'],
]
"""Four policies of one group: two rounds with a picture each, no code, failing code and then a number, no answer."""


WITNESS = 'THYME_TEST_PROMPTS'
"""Where `plugins/prompt_witness.py` writes down the prompts that an engine gets."""


@dataclass(frozen=True)
class GrpoRun:
    """What a finished run left."""

    output_dir: Path
    trajectories: list[Record]
    batches: list[list[TracedRow]]
    engine: str = 'transformers'
    prompts: list[tuple[int, ...]] = field(default_factory=list)
    """Ids of every prompt that the engine got, where a witness was asked for."""
    steps: int = 2


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
    """The flags of a two-step run on a CPU with the scripted template; `flags` override, and None leaves one out."""
    defaults: dict[str, object] = {
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
    }
    return {name: value for name, value in {**defaults, **flags}.items() if value is not None}


@pytest.fixture(autouse=True)
def fresh_run_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees what another's run left in the process."""
    monkeypatch.setattr('swift_thyme.host.state._OF_THE_PROCESS', [])


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


def gpu(i: int) -> str:
    """The i-th of the GPUs that this process may use, for `CUDA_VISIBLE_DEVICES` of a child."""
    return os.environ.get('CUDA_VISIBLE_DEVICES', '0,1').split(',')[i]


class VllmBuild(Enum):
    """Where vLLM can run here."""

    NONE = 'none'
    GPU = 'gpu'
    CPU = 'cpu'
    """In the environment of `scripts/test_vllm_cpu.sh`, which loads the stand-ins of `tests/vllm_cpu`."""


def vllm_build() -> VllmBuild:
    """What the two vLLM ways of generating can be tested with."""
    import torch

    if find_spec('vllm') is None:
        return VllmBuild.NONE
    if torch.cuda.is_available():
        return VllmBuild.GPU
    return VllmBuild.CPU if 'vllm_on_cpu' in sys.modules else VllmBuild.NONE


VLLM = vllm_build()
NEEDS_VLLM = pytest.mark.skipif(
    VLLM is VllmBuild.NONE,
    reason='needs vLLM: pip install "swift-thyme[vllm]" on a GPU machine, or bash scripts/test_vllm_cpu.sh',
)
NEEDS_TWO_GPUS = pytest.mark.skipif(
    VLLM is VllmBuild.NONE or (VLLM is VllmBuild.GPU and __import__('torch').cuda.device_count() < 2),
    reason='server mode needs vLLM and two GPUs (NCCL does not sync weights between two processes on one), or none of '
    'them: bash scripts/test_vllm_cpu.sh',
)
ENGINE_KWARGS = '{"attention_backend": "TRITON_ATTN"}' if VLLM is not VllmBuild.CPU else '{}'
VLLM_DTYPE = 'bfloat16' if VLLM is not VllmBuild.CPU else 'float32'
VLLM_FLAGS = {
    'vllm_gpu_memory_utilization': 0.3,
    'vllm_max_model_len': 4096,
    'vllm_enforce_eager': 'true',
    'vllm_limit_mm_per_prompt': '{"image": 10}',
    'vllm_engine_kwargs': ENGINE_KWARGS,
}


GUARD = '("$@"; kill -9 0) & cat; kill -9 0'
"""For bash: runs a command; its whole process group ends with it, or with standard input, and so with a killed pytest.

Ending the server alone would leave its engine's processes, which hold the port for weights.
"""


@contextmanager
def rollout_server(
    model: Path,
    script: Path,
    log: Path,
    port: int,
    variables: Mapping[str, str] = MappingProxyType({}),
    **flags: object,
) -> Iterator[None]:
    """`swift rollout` with the scripted template on the second GPU (or the CPU), stopped with everything it started."""
    flags = {
        **VLLM_FLAGS,
        'model': model,
        'model_type': 'qwen2_5_vl',
        'external_plugins': Path(__file__).parents[1] / 'plugins' / 'scripted_plugin.py',
        'template': 'thyme_scripted',
        'torch_dtype': VLLM_DTYPE,
        'vllm_use_async_engine': 'true',
        'multi_turn_scheduler': 'thyme',
        'max_turns': 4,
        'port': port,
        **flags,
    }
    words = HostCommand('rollout', flags).words
    env = {**os.environ, **variables, 'THYME_SCRIPT': str(script), 'CUDA_VISIBLE_DEVICES': gpu(1)}
    with log.open('w') as file:
        process = subprocess.Popen(
            ['bash', '-c', GUARD, 'guard', sys.executable, '-m', 'swift.cli.rollout', *words[2:]],
            env=env,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + 240
            while not _healthy(port):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(1)
            yield
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f'http://127.0.0.1:{port}/health/', timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


FAST = 1e-2
"""A learning rate at which an engine with the weights of the step before gives other log-probs than the trainer."""
AHEAD: dict[str, object] = {
    'async_generate': 'true',
    'multi_turn_scheduler': None,
    'max_turns': None,
    'vllm_server_pass_dataset': 'true',
}
"""What `thyme rlhf --O3 true --async_generate true` makes of it: the host refuses a scheduler beside this flag, and the
server has one."""
ONE_UPDATE: dict[str, object] = {
    'max_steps': 3,
    'lr_scheduler_type': 'polynomial',
    'lr_scheduler_kwargs': '{"power": 50, "lr_end": 0}',
}
"""Three steps of which only the first changes the weights: the second is trained on the weights of the step before, the
third on those it was sampled with."""


@pytest.fixture(scope='module')
def server(tiny: Path, script_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """A rollout server with a witness: its port, and where the prompts are written down."""
    folder, port = tmp_path_factory.mktemp('server'), 18123
    with rollout_server(tiny, script_file, folder / 'log', port, {WITNESS: str(folder / 'prompts')}):
        yield port, folder / 'prompts'


@pytest.fixture(
    scope='module',
    params=[
        'transformers',
        pytest.param('colocate', marks=[NEEDS_VLLM, pytest.mark.vllm]),
        pytest.param('server', marks=[NEEDS_TWO_GPUS, pytest.mark.vllm]),
        pytest.param('ahead', marks=[NEEDS_TWO_GPUS, pytest.mark.vllm]),
    ],
)
def grpo_run(
    request: pytest.FixtureRequest,
    tiny: Path,
    judge_address: str,
    script_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> GrpoRun:
    """A few steps of GRPO, on each engine that can run here; `ahead` is a server with `--async_generate true`."""
    folder, engine = tmp_path_factory.mktemp(f'grpo-{request.param}'), request.param
    flags: dict[str, object] = {'callbacks': 'thyme_rewards'}
    env = run_environment(script_file, judge_address, folder / 'batches')
    prompts, heard_before = folder / 'prompts', Counter[tuple[int, ...]]()
    if engine != 'transformers':
        flags |= {'use_vllm': 'true', 'vllm_mode': engine, 'torch_dtype': VLLM_DTYPE}
        flags |= {'log_rollout_offpolicy_metrics': 'true', 'learning_rate': FAST}
        env['CUDA_VISIBLE_DEVICES'] = gpu(0)
    if engine == 'colocate':
        flags |= {**VLLM_FLAGS, 'sleep_level': 0}
    elif engine != 'transformers':
        port, prompts = request.getfixturevalue('server')
        heard_before = Counter(read_prompts(prompts))
        flags |= {'vllm_mode': 'server', 'vllm_server_host': '127.0.0.1', 'vllm_server_port': port}
    if engine == 'ahead':
        flags |= {**AHEAD, **ONE_UPDATE, 'vllm_server_group_port': 51217}
    command = HostCommand('rlhf', grpo_flags(tiny, write_rl_rows(folder), folder / 'out', **flags))
    run(command, log=folder / 'log', env=env | {WITNESS: str(prompts)})
    return GrpoRun(
        folder / 'out',
        list(read_records(folder / 'out' / FOLDER)),
        list(read_batches(folder / 'batches')),
        engine,
        list((Counter(read_prompts(prompts)) - heard_before).elements()),
        steps=3 if engine == 'ahead' else 2,
    )


def read_prompts(folder: Path) -> list[tuple[int, ...]]:
    """The prompts that `plugins/prompt_witness.py` wrote down."""
    lines = (line for path in folder.glob('*.jsonl') for line in path.read_text(encoding='utf-8').splitlines())
    return [tuple(json.loads(line)) for line in lines]
