"""Runs the recipes on the GPUs of one host, in miniature, and writes a table of what happened.

    python tests/gpu/recipes.py --out $OUT                 # every case that this machine can run
    python tests/gpu/recipes.py --out $OUT --cases sft_zero2 grpo_zero3
    python tests/gpu/recipes.py --out $OUT --cpu           # one process, transformers engine: what a laptop can check

Each case is a script of `scripts/` or `examples/` with flags added that make it small. Writes results.md, results.json
and logs.tar.gz. Exit code 1 when a case failed. Needs DeepSpeed, and vLLM for the cases that generate with it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from swift_thyme.demo.quickstart import judge  # noqa: E402
from swift_thyme.engines.checkpoint import latest_checkpoint  # noqa: E402
from swift_thyme.trajectories import read_records  # noqa: E402
from swift_thyme.trajectories.record import FOLDER  # noqa: E402
from tests.gpu.rows import SCRIPT, write_rows  # noqa: E402

SMALL = [
    '--model_type',
    'qwen2_5_vl',
    '--add_version',
    'false',
    '--check_model',
    'false',
    '--report_to',
    'none',
    '--attn_impl',
    'sdpa',
    '--logging_steps',
    '1',
    '--dataset_num_proc',
    '1',
    '--dataloader_num_workers',
    '0',
    '--max_length',
    '4096',
    '--num_train_epochs',
    '1',
    '--save_strategy',
    'steps',
]
CPU = ['--without', 'deepspeed', 'attn_impl', 'offload_model', 'offload_optimizer', '--torch_dtype', 'float32']
ENGINE = [
    *['--vllm_gpu_memory_utilization', '0.12', '--vllm_max_model_len', '4096', '--vllm_enforce_eager', 'true'],
    *('--vllm_engine_kwargs', '{"attention_backend": "TRITON_ATTN"}'),
]
NO_ENGINE = [
    '--use_vllm',
    'false',
    '--without',
    'deepspeed',
    'attn_impl',
    'offload_model',
    'offload_optimizer',
    'vllm_mode',
    'sleep_level',
    'vllm_gpu_memory_utilization',
    'vllm_max_model_len',
    'vllm_limit_mm_per_prompt',
    'vllm_tensor_parallel_size',
    'vllm_enforce_eager',
    '--torch_dtype',
    'float32',
]
GRPO_BATCH = [
    *('--global_batch_size', '8', '--num_generations', '4'),
    *('--max_completion_length', '192', '--max_turns', '3'),
]
SCRIPTED = [
    '--external_plugins',
    str(ROOT / 'tests' / 'plugins' / 'scripted_plugin.py'),
    '--template',
    'thyme_scripted',
]
"""A random model writes no code; the script forces what the engine samples, everything else is real."""
CRASH_STEPS, SAVE_EVERY = 12, 2
SERVER_PORT = 18200


@dataclass
class Result:
    """What one case showed."""

    case: str
    ok: bool
    seconds: float
    steps: int
    seconds_per_step: float | None
    memory_gib: float | None
    """The host's own figure: most memory reserved on one GPU."""
    text: str
    command: str


@dataclass
class Bench:
    """The machine, the checkpoint and the rows that all cases share."""

    out: Path
    work: Path
    model: Path
    gpus: int
    cpu: bool
    case_limit_s: float
    address: str = ''
    rows: dict[str, Path] = field(default_factory=dict)

    def environment(self, devices: Sequence[int] | None = None) -> dict[str, str]:
        """Variables of a run on some of the GPUs."""
        host, _, port = self.address.partition(':')
        used = list(range(self.gpus)) if devices is None else list(devices)
        own = {
            'PYTHONPATH': f'{ROOT}:{ROOT}/benchmarks:{os.environ.get("PYTHONPATH", "")}',
            'PATH': f'{self.work / "bin"}:{os.environ["PATH"]}',
            'THYME_VENV': str(self.work),
            'NPROC_PER_NODE': str(max(1, len(used))),
            'MASTER_PORT': '29611',
            'MAX_PIXELS': '200704',
            'REWARD_API_ADDRESS': host,
            'QWEN_API_PORT': port,
            'THYME_JUDGE_CACHE': 'off',
            'VLLM_USE_FLASHINFER_SAMPLER': '0',
            'THYME_SCRIPT': str(self.work / 'script.json'),
            'HF_HUB_OFFLINE': '1',
        }
        if not self.cpu:
            own['CUDA_VISIBLE_DEVICES'] = ','.join(map(str, used))
        return {**os.environ, **own}

    def start(self, name: str, script: str, flags: Sequence[str], env: Mapping[str, str], **variables: str) -> Run:
        """Starts a script in a process group of its own; its output goes to `NAME.log`."""
        log = self.work / 'logs' / f'{name}.log'
        log.parent.mkdir(exist_ok=True)
        command = ['sh', str(ROOT / script), *flags]
        with log.open('a', encoding='utf-8') as file:
            file.write(' '.join(f'{k}={v}' for k, v in variables.items()) + f' {shlex.join(command)}\n')
            file.flush()
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**env, **variables},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Run(process, log, time.monotonic(), self.case_limit_s)

    def train(self, name: str, script: str, dataset: str, flags: Sequence[str], env: Mapping[str, str]) -> Run:
        """Starts a training of the small checkpoint into `WORK/NAME`."""
        variables = {'MODEL': str(self.model), 'DATASET': str(self.rows[dataset]), 'SAVE_PATH': str(self.work / name)}
        return self.start(name, script, [*SMALL, *flags], env, **variables)


@dataclass
class Run:
    """A command under way."""

    process: subprocess.Popen[bytes]
    log: Path
    started: float
    limit_s: float

    def wait(self) -> int:
        """Waits for the end; past the limit everything is killed and the code is 124."""
        try:
            return self.process.wait(max(1.0, self.started + self.limit_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.kill()
            return 124

    def kill(self) -> None:
        """Kills the process group and whatever left it."""
        left = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for process in left:
            if process.is_running():
                process.kill()
        self.process.wait()

    def rank(self, number: int) -> psutil.Process | None:
        """The training process of one rank."""
        try:
            children = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return None
        for child in children:
            try:
                env, line = child.environ(), ' '.join(child.cmdline())
            except psutil.Error:
                continue
            if env.get('LOCAL_RANK') == str(number) and 'swift/cli/' in line:
                return child
        return None


def figures(folder: Path) -> tuple[int, float | None, float | None]:
    """Steps, seconds of a step after the first (its mean so far is what the host logs), and GiB, from its log."""
    path = folder / 'logging.jsonl'
    records = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    steps = [r for r in records if 'global_step/max_steps' in r]
    numbers = [int(r['global_step/max_steps'].split('/')[0]) for r in steps]
    memory = [float(r['memory(GiB)']) for r in steps if 'memory(GiB)' in r]
    ends = [(n, n * float(r['train_speed(s/it)'])) for n, r in zip(numbers, steps, strict=True) if 'loss' in r]
    speed = None
    if len(ends) > 1:
        (first, begin_s), (last, end_s) = ends[0], ends[-1]
        speed = (end_s - begin_s) / (last - first)
    return numbers[-1] if numbers else 0, speed, max(memory) if memory else None


def finish(bench: Bench, name: str, run: Run, *, steps: int, text: str = '') -> Result:
    """Waits for a training and reads what it left; it is right when it ended well after `steps` steps."""
    code = run.wait()
    done, speed, memory = figures(bench.work / name)
    problem = '' if code == 0 and done == steps else f'exit code {code} after {done} of {steps} steps; '
    command = run.log.read_text(errors='replace').splitlines()[0]
    seconds = time.monotonic() - run.started
    return Result(name, not problem, seconds, done, speed, memory, problem + text, command)


def small(bench: Bench, *, grpo: bool, steps: int = 2, save: int = 2) -> list[str]:
    """Flags that make a recipe two steps long on this machine."""
    flags = ['--max_steps', str(steps), '--save_steps', str(save)]
    if not grpo:
        return [*flags, '--global_batch_size', '4', *(CPU if bench.cpu else [])]
    return [*flags, *GRPO_BATCH, *SCRIPTED, *(NO_ENGINE if bench.cpu else ENGINE)]


def sft_stage1(bench: Bench) -> Result:
    """`scripts/sft_stage1.sh`: zero2 on all GPUs."""
    flags = small(bench, grpo=False)
    run = bench.train('sft_zero2', 'scripts/sft_stage1.sh', 'sft', flags, bench.environment())
    return finish(bench, 'sft_zero2', run, steps=2)


def sft_stage2(bench: Bench) -> Result:
    """`scripts/sft_stage2.sh` with a file that mixes rows with and without pictures."""
    run = bench.train('sft_stage2', 'scripts/sft_stage2.sh', 'mixed', small(bench, grpo=False), bench.environment())
    result = finish(bench, 'sft_stage2', run, steps=2)
    parts = sorted(path.name for path in (bench.work / 'sft_stage2' / 'separated').glob('*.jsonl'))
    result.ok = result.ok and len(parts) == 2
    result.text += f'fed from {", ".join(parts)}'
    return result


def grpo_colocate(bench: Bench) -> Result:
    """`scripts/rl.sh`: zero3, the engine in the trainer."""
    run = bench.train('grpo_zero3', 'scripts/rl.sh', 'rl', small(bench, grpo=True), bench.environment())
    result = finish(bench, 'grpo_zero3', run, steps=2)
    result.text += _trajectories(bench.work / 'grpo_zero3')
    return result


def grpo_servers(bench: Bench) -> Result:
    """`examples/rollout_server.sh` on the last GPU, `examples/grpo_servers.sh` on the others."""
    last = bench.gpus - 1
    server_flags = ['--model_type', 'qwen2_5_vl', '--max_length', '4096', *SCRIPTED, *ENGINE]
    variables = {'MODEL': str(bench.model), 'PORT': str(SERVER_PORT), 'GPUS': '1'}
    env = {k: v for k, v in bench.environment([last]).items() if k not in ('NPROC_PER_NODE', 'MASTER_PORT')}
    server = bench.start('rollout_server', 'examples/rollout_server.sh', server_flags, env, **variables)
    try:
        _wait_for_server(server)
        flags = [
            '--max_steps',
            '2',
            '--save_steps',
            '2',
            *GRPO_BATCH,
            *SCRIPTED,
            '--vllm_server_port',
            str(SERVER_PORT),
        ]
        run = bench.train('grpo_servers', 'examples/grpo_servers.sh', 'rl', flags, bench.environment(range(last)))
        result = finish(bench, 'grpo_servers', run, steps=2)
        result.text += _trajectories(bench.work / 'grpo_servers')
        return result
    finally:
        server.kill()


def _wait_for_server(server: Run) -> None:
    while True:
        assert server.process.poll() is None, f'the server ended: {server.log}'
        assert time.monotonic() < server.started + server.limit_s, f'the server was not up in time: {server.log}'
        try:
            if httpx.get(f'http://127.0.0.1:{SERVER_PORT}/health/', timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(1)


def _trajectories(folder: Path) -> str:
    found = list(read_records(folder / FOLDER))
    code = sum(turn.outcome is not None for t in found for turn in t.turns)
    return f'{len(found)} trajectories, {code} blocks of code run'


def crash(name: str, script: str, dataset: str, *, grpo: bool) -> Callable[[Bench], Result]:
    """Kills one rank with SIGKILL after the first checkpoint, and goes on with `--resume_from_checkpoint auto`."""

    def case(bench: Bench) -> Result:
        flags = small(bench, grpo=grpo, steps=CRASH_STEPS, save=SAVE_EVERY)
        env, folder = bench.environment(), bench.work / name
        first = bench.train(name, script, dataset, flags, env)
        try:
            while latest_checkpoint(folder) is None:
                if first.process.poll() is not None or time.monotonic() > first.started + first.limit_s:
                    return finish(bench, name, first, steps=CRASH_STEPS, text='no checkpoint to crash after; ')
                time.sleep(0.05)
            victim = first.rank(0 if bench.cpu else 1)
            assert victim is not None, 'no training process found'
            victim.kill()
            code = first.wait()
            died_at = figures(folder)[0]
            start = latest_checkpoint(folder)
            second = bench.train(name, script, dataset, [*flags, '--resume_from_checkpoint', 'auto'], env)
            text = f'killed at step {died_at} (exit code {code}), went on from {start.name if start else None}'
            result = finish(bench, name, second, steps=CRASH_STEPS, text=text)
            result.ok = result.ok and code != 0 and start is not None
            return result
        finally:
            first.kill()

    return case


def sft_lora(bench: Bench) -> Result:
    """`examples/sft_lora_1gpu.sh`."""
    env = bench.environment([0])
    flags = small(bench, grpo=False)
    return finish(bench, 'sft_lora', bench.train('sft_lora', 'examples/sft_lora_1gpu.sh', 'sft', flags, env), steps=2)


def grpo_lora(bench: Bench) -> Result:
    """`examples/grpo_lora_1gpu.sh`."""
    env = bench.environment([0])
    run = bench.train('grpo_lora', 'examples/grpo_lora_1gpu.sh', 'rl', small(bench, grpo=True), env)
    result = finish(bench, 'grpo_lora', run, steps=2)
    result.text += _trajectories(bench.work / 'grpo_lora')
    return result


def grpo_qwen3_vl(bench: Bench) -> Result:
    """`examples/grpo_qwen3_vl.sh` with a tiny checkpoint of that family."""
    model = bench.work / 'tiny-qwen3'
    words = [sys.executable, '-m', 'swift_thyme.cli', 'tiny', str(model), '--family', 'qwen3_vl']
    subprocess.run(words, cwd=ROOT, env=bench.environment(), check=True, timeout=bench.case_limit_s)
    other = Bench(**{**bench.__dict__, 'model': model})
    flags = [word for word in small(bench, grpo=True) if word not in SCRIPTED]  # the script is for Qwen2.5-VL
    flags += ['--model_type', 'qwen3_vl', '--max_completion_length', '32']
    run = other.train('grpo_qwen3_vl', 'examples/grpo_qwen3_vl.sh', 'rl', flags, bench.environment())
    result = finish(other, 'grpo_qwen3_vl', run, steps=2)
    result.text += _trajectories(bench.work / 'grpo_qwen3_vl')
    return result


def sft_hostfile(bench: Bench) -> Result:
    """`scripts/sft_stage1.sh` started by DeepSpeed from a hostfile that names this node.

    DeepSpeed asks the node for its name by ssh; a stand-in runs that here, since test machines run no ssh server.
    """
    ssh = bench.work / 'bin' / 'ssh'
    ssh.write_text('#!/bin/sh\nwhile [ "$1" != localhost ]; do shift; done\nshift\nexec "$@"\n', encoding='utf-8')
    ssh.chmod(0o755)
    hostfile = bench.work / 'hostfile'
    hostfile.write_text(f'localhost slots={max(1, bench.gpus)}\n', encoding='utf-8')
    env = {k: v for k, v in bench.environment().items() if k != 'CUDA_VISIBLE_DEVICES'}
    env |= {'HOSTFILE': str(hostfile)} | ({'DS_ACCELERATOR': 'cpu'} if bench.cpu else {})
    run = bench.train('sft_hostfile', 'scripts/sft_stage1.sh', 'sft', small(bench, grpo=False), env)
    return finish(bench, 'sft_hostfile', run, steps=2)


CASES: dict[str, Callable[[Bench], Result]] = {
    'sft_zero2': sft_stage1,
    'sft_stage2': sft_stage2,
    'grpo_zero3': grpo_colocate,
    'grpo_servers': grpo_servers,
    'sft_hostfile': sft_hostfile,
    'sft_lora': sft_lora,
    'grpo_lora': grpo_lora,
    'grpo_qwen3_vl': grpo_qwen3_vl,
    'crash_sft': crash('crash_sft', 'scripts/sft_stage1.sh', 'sft', grpo=False),
    'crash_grpo': crash('crash_grpo', 'scripts/rl.sh', 'rl', grpo=True),
}


def measure(bench: Bench) -> Result:
    """SFT zero2 at full picture size and a checkpoint of about a billion parameters: checks `thyme plan`."""
    model = bench.work / 'larger'
    words = [sys.executable, '-m', 'swift_thyme.cli', 'tiny', str(model), '--hidden', '2048', '--layers', '28']
    subprocess.run(words, cwd=ROOT, env=bench.environment(), check=True, timeout=bench.case_limit_s)
    rows = write_rows(bench.work / 'large-rows', n=64, width_px=2048, height_px=1536)
    measured = Bench(**{**bench.__dict__, 'model': model, 'rows': rows})
    env = {**bench.environment(), 'MAX_PIXELS': '3211264'}
    batch = str(4 * bench.gpus)
    flags = ['--max_steps', '4', '--save_steps', '100', '--global_batch_size', batch, '--max_length', '10240']
    run = measured.train('measure', 'scripts/sft_stage1.sh', 'sft', flags, env)
    return finish(measured, 'measure', run, steps=4, text=f'hidden 2048, 28 layers, {bench.gpus} GPUs, accumulation 4')


CASES['measure'] = measure


@contextmanager
def thyme_on_path(work: Path) -> Iterator[None]:
    """Puts a `thyme` into `WORK/bin` that runs this checkout under this interpreter."""
    script = work / 'bin' / 'thyme'
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m swift_thyme.cli "$@"\n', encoding='utf-8')
    script.chmod(0o755)
    yield


def table(results: Sequence[Result], machine: str) -> str:
    """The results as Markdown."""
    lines = [f'Machine: {machine}', '', '| case | result | total s | steps | s/step | GiB | what |', '|---' * 7 + '|']
    for r in results:
        speed = '' if r.seconds_per_step is None else f'{r.seconds_per_step:.2f}'
        memory = '' if r.memory_gib is None else f'{r.memory_gib:.2f}'
        state = 'ok' if r.ok else 'FAILED'
        lines.append(f'| {r.case} | {state} | {r.seconds:.0f} | {r.steps} | {speed} | {memory} | {r.text} |')
    return '\n'.join(lines) + '\n'


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the cases one after the other; a failed one does not stop the next."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, required=True, help='folder for results and logs')
    parser.add_argument('--work', type=Path, help='folder for checkpoints; a temporary one by default')
    parser.add_argument('--model', type=Path, help='small checkpoint; built by `thyme tiny` by default')
    parser.add_argument('--cases', nargs='+', choices=list(CASES), help='all that this machine can run by default')
    parser.add_argument('--gpus', type=int, help='use the first N GPUs')
    parser.add_argument('--cpu', action='store_true', help='one process without DeepSpeed and vLLM')
    parser.add_argument('--case-limit-s', type=float, default=280, help='seconds for one case (default 280)')
    args = parser.parse_args(argv)
    import torch

    gpus = 0 if args.cpu else args.gpus or torch.cuda.device_count()
    args.out.mkdir(parents=True, exist_ok=True)
    work = (args.work or Path(f'/tmp/thyme-recipes-{os.getpid()}')).resolve()
    work.mkdir(parents=True, exist_ok=True)
    skipped = {'grpo_servers', 'measure'} if args.cpu else {'grpo_servers'} if gpus < 2 else set()
    cases = args.cases or [name for name in CASES if name not in skipped]
    machine = 'CPU, one process' if args.cpu else f'{gpus} x {torch.cuda.get_device_name(0)}, torch {torch.__version__}'
    results: list[Result] = []
    with thyme_on_path(work), judge(work / 'logs' / 'judge.log') as address:
        model = (args.model or work / 'tiny').resolve()
        bench = Bench(args.out.resolve(), work, model, gpus, args.cpu, args.case_limit_s, address)
        if args.model is None:
            words = [sys.executable, '-m', 'swift_thyme.cli', 'tiny', str(model)]
            subprocess.run(words, cwd=ROOT, env=bench.environment(), check=True)
        bench.rows = write_rows(work / 'rows')
        (work / 'script.json').write_text(json.dumps(SCRIPT), encoding='utf-8')
        for name in cases:
            results.append(_guarded(name, bench))
            _write(args.out, work, results, machine)
            print(table(results[-1:], machine).splitlines()[-1], flush=True)
    print(table(results, machine))
    return int(not all(result.ok for result in results))


def _guarded(name: str, bench: Bench) -> Result:
    start = time.monotonic()
    try:
        return CASES[name](bench)
    except (AssertionError, OSError, subprocess.SubprocessError, psutil.Error) as error:
        return Result(name, False, time.monotonic() - start, 0, None, None, f'{type(error).__name__}: {error}', '')


def _write(out: Path, work: Path, results: Sequence[Result], machine: str) -> None:
    """One file for all logs: a machine that is lent may hand only a few files back."""
    with tarfile.open(out / 'logs.tar.gz', 'w:gz') as archive:
        archive.add(work / 'logs', 'logs')
    (out / 'results.md').write_text(table(results, machine), encoding='utf-8')
    content: dict[str, Any] = {'machine': machine, 'results': [asdict(r) for r in results]}
    (out / 'results.json').write_text(json.dumps(content, indent=1), encoding='utf-8')


if __name__ == '__main__':
    sys.exit(main())
