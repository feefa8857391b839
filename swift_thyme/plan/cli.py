"""`thyme plan --model 7b --gpus 8 --mem 80`: a setting that fits, and what it costs, by arithmetic."""

from __future__ import annotations

import argparse

from ..errors import ConfigError
from .architecture import architecture
from .plan import SNIPPET_CPU_S, TEXT_TOKENS, PlannedJob, RunPlan, beside, place_sandbox, plan_rl, plan_sft
from .time import GPUS

SCALES = (8, 16, 32, 64, 128, 256)
BATCHES = {'sft': 128, 'rl': 256}
"""Paper: rows and trajectories of one step."""
PIXELS = {'sft': 3_211_264, 'rl': 2_408_448}
IMAGES = {'sft': 2, 'rl': 3}
"""Pictures of a long row: the question's and one or two that code returned."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument('--model', default='7b', help='3b, 7b, 32b, 72b (Qwen2.5-VL) or a checkpoint folder (7b)')
    parser.add_argument('--gpus', type=int, default=8, help='GPUs of the job (8)')
    parser.add_argument('--mem', type=float, default=80, help='memory of one GPU, GB (80)')
    parser.add_argument('--gpu', choices=sorted(GPUS), default='h100', help='kind of GPU, for the times (h100)')
    parser.add_argument('--max-pixels', type=int, help='largest picture (3211264 for SFT, 2408448 for RL)')
    parser.add_argument('--images', type=int, help='pictures of a long row or trajectory (2 for SFT, 3 for RL)')
    parser.add_argument('--batch', type=int, help='rows or trajectories of a step (128 for SFT, 256 for RL)')
    parser.add_argument('--cores', type=int, default=96, help='processor cores of one node (96)')
    parser.add_argument(
        '--snippet-cpu-s',
        type=float,
        default=SNIPPET_CPU_S,
        help=f'processor seconds of one snippet ({SNIPPET_CPU_S:g}: benchmarks/sandbox.py); yours: its column "CPU ms"',
    )
    parser.add_argument('--scale', action='store_true', help='table of what stands beside 8 to 256 GPUs in RL')


def run(args: argparse.Namespace) -> int:
    """Prints the plan; exit code 1 when nothing fits."""
    for name in ('gpus', 'mem', 'max_pixels', 'images', 'batch', 'cores', 'snippet_cpu_s'):
        value = getattr(args, name)
        if value is not None and value <= 0:
            raise ConfigError(f'--{name.replace("_", "-")} must be > 0, got {value}; correct it')
    if args.scale:
        _print_scales(args)
        return 0
    plans = {'sft': plan_sft(_job(args, 'sft', args.gpus)), 'rl': plan_rl(_job(args, 'rl', args.gpus))}
    model = architecture(args.model)
    print(f'{args.model}: {model.params / 1e9:.2f} G parameters, {args.gpus} x {args.gpu} with {args.mem:g} GB')
    print('Calculated (docs/recipes.md has the formulas); times assume shares of the datasheet figures.\n')
    for kind, plan in plans.items():
        print(_text(kind, plan, args.mem))
    if plans['rl'] is not None:
        print(_sandbox(args, plans['rl']))
    return int(None in plans.values())


def _job(args: argparse.Namespace, kind: str, gpus: int) -> PlannedJob:
    return PlannedJob(
        model=architecture(args.model),
        gpus=gpus,
        memory_gib=args.mem * 1e9 / 2**30,
        gpu=GPUS[args.gpu],
        pixels=args.max_pixels or PIXELS[kind],
        images=args.images or IMAGES[kind],
        batch=args.batch or BATCHES[kind],
    )


def _text(kind: str, plan: RunPlan | None, memory_gb: float) -> str:
    title = {'sft': 'SFT', 'rl': 'GRPO, engine in the trainer (colocate)'}[kind]
    if plan is None:
        return f'{title}: does not fit; use more GPUs, larger ones, or a smaller model\n'
    m, s = plan.memory, plan.step
    flags = [f'--tuner_type {plan.tuner}', f'--per_device_train_batch_size 1 ({plan.accumulation} accumulated)']
    flags += [f'--deepspeed zero{plan.zero}'] if plan.zero else []
    flags += [f'--max_pixels {plan.sizes.pixels}', f'--max_length {plan.tokens}']
    if plan.engine is not None:
        flags += [f'--vllm_gpu_memory_utilization {plan.engine.share:.2f}', f'--vllm_max_model_len {plan.tokens}']
        flags += [f'--vllm_tensor_parallel_size {plan.engine.gpus}']
        flags += ['--offload_model true --offload_optimizer true'] if plan.offload else []
    sizes = plan.sizes
    per_image = (plan.tokens - sizes.text_tokens) // sizes.images
    lines = [
        title,
        *(f'  {flag}' for flag in flags),
        f'  tokens of a long row: {plan.tokens} = {TEXT_TOKENS} of text + {sizes.images} pictures of {per_image}',
        f'  memory of a GPU in training: {m.total:.1f} of {memory_gb * 1e9 / 2**30:.1f} GiB (weights {m.weights:.1f}, '
        f'gradients {m.gradients:.1f}, optimizer {m.optimizer:.1f}, reference {m.reference:.1f}; then activations '
        f'{m.activations:.1f} or optimizer step {m.step:.1f}; context {m.context:.1f})',
    ]
    if plan.engine is not None:
        lines.append(f'  engine: {plan.engine.sequences} trajectories of full length in its cache at a time')
    lines.append(
        f'  seconds of a step: {s.total:.0f} (train {s.train:.0f}, communicate {s.communicate:.0f}, load {s.load:.0f}, '
        f'generate {s.generate:.0f}, sandbox {s.sandbox:.0f}, judge {s.judge:.0f})\n'
    )
    return '\n'.join(lines)


def _sandbox(args: argparse.Namespace, plan: RunPlan) -> str:
    """Where code should run, and the arithmetic behind it."""
    job = _job(args, 'rl', args.gpus)
    trajectories = plan.accumulation * args.gpus
    needs = beside(plan.step, job.rollouts, trajectories=trajectories, group=4, snippet_cpu_s=args.snippet_cpu_s)
    place = place_sandbox(needs, gpus=args.gpus, cores=args.cores)
    if place.fits:
        choice = 'THYME_SANDBOX=local: beside the trainers'
    else:
        choice = f'THYME_SANDBOX=ray: a pool of {place.pool_cores} cores (docs/sandbox.md, "Beyond one machine")'
    return (
        f'Sandbox\n  {choice}\n  calculated: {trajectories} trajectories of {job.rollouts.code_blocks:g} snippets of '
        f'{args.snippet_cpu_s:g} s of processor; at peaks {place.wanted_cores * place.nodes / args.gpus:.2f} cores for '
        f'each GPU, {place.wanted_cores:.1f} of each node, which has {place.free_cores} of {args.cores} left beside '
        f'its GPUs; {trajectories} sessions open at a time at most\n'
    )


def _print_scales(args: argparse.Namespace) -> None:
    print('| GPUs | trajectories a step | s a step | h an epoch | sandbox cores | judge requests | judges | GB |')
    print('|---' * 8 + '|')
    for gpus in SCALES:
        job = _job(args, 'rl', gpus)
        plan = plan_rl(job)
        if plan is None:
            print(f'| {gpus} | {job.batch} | does not fit |' + ' |' * 5)
            continue
        trajectories = plan.accumulation * gpus
        b = beside(plan.step, job.rollouts, trajectories=trajectories, group=4, snippet_cpu_s=args.snippet_cpu_s)
        print(
            f'| {gpus} | {trajectories} | {plan.step.total:.0f} | {b.epoch_hours:.1f} | {b.sandbox_cores:.1f} '
            f'| {b.judge_requests} | {b.judges:.1f} | {b.trajectories_gb:.0f} |'
        )
