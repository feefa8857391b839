"""Puts memory and time together: the first setting that fits, in the order in which one would try them.

And what stands beside the GPUs then: CPU cores for the sandbox, judges, disk. Calculated, not measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from . import memory, time
from .architecture import Architecture
from .memory import RolloutEngine, Sizes, TrainingMemory
from .time import Gpu, Rollouts, StepTime

RESERVE = 0.92
"""Share of a GPU's memory that a plan fills."""
TEXT_TOKENS = 2048
"""Of a row or trajectory, beside its pictures."""
PIXEL_STEPS = (3_211_264, 2_408_448, 1_605_632, 1_003_520, 602_112, 401_408, 200_704)
"""Picture sizes that are tried, the paper's first. Pixels."""
LORA_SHARE = 0.005
"""Parameters of LoRA of rank 16 beside all linear layers, as a share of the language model's."""
ENOUGH_SEQUENCES = 4
"""Trajectories for each GPU that an engine must hold at a time to be worth its weights."""

SNIPPET_CPU_S = 0.065
"""Processor time of one snippet that crops, enlarges and saves: 18 of `benchmarks/sandbox.py` on a loaded machine."""
CODE_SHARE = 0.5
"""Share of a step's generation in which snippets arrive; the rest is the tail of the longest trajectories."""
JUDGED_PER_TRAJECTORY = 1.4
"""Judge requests of one trajectory: correctness where rules do not decide, consistency of right answers."""
JUDGE_REQUESTS_PER_S = 8.0
"""Of one judge on two 80 GB GPUs, 1,000 tokens in and 30 out. An assumption: measure yours with `thyme judge check`."""
TEXT_BYTES = 24_000
"""Of one trajectory's JSON: text, sampled ids, outcomes."""
PICTURE_BYTES = 250_000
"""Of one returned picture."""
QUESTIONS = 55_173
"""Rows of the public RL set."""


CORES_PER_GPU = 6
"""Of a node, kept for each of its GPUs: the trainer, its workers that read pictures, the engine. An assumption."""
SANDBOX_PEAK = 2.0
"""Cores that snippets may want at a time, beside what they keep busy on average. An assumption."""


@dataclass(frozen=True)
class PlannedJob:
    """What is to be trained."""

    model: Architecture
    gpus: int
    memory_gib: float
    gpu: Gpu
    pixels: int
    images: int
    batch: int
    """Rows or trajectories of one step."""
    rollouts: Rollouts = field(default_factory=Rollouts)


@dataclass(frozen=True)
class RunPlan:
    """A setting that fits."""

    tuner: str
    zero: int
    sizes: Sizes
    tokens: int
    memory: TrainingMemory
    step: StepTime
    accumulation: int
    engine: RolloutEngine | None = None
    offload: bool = False


@dataclass(frozen=True)
class Beside:
    """What a job needs beside its GPUs."""

    sandbox_cores: float
    """Cores that snippets keep busy while trajectories are generated, all nodes together."""
    judge_requests: int
    """Of one step."""
    judges: float
    """Judge servers that answer them in a tenth of the step."""
    epoch_hours: float
    trajectories_gb: float
    """Of one epoch, were all kept; `THYME_TRAJECTORY_MB` bounds what is."""


def plan_sft(job: PlannedJob) -> RunPlan | None:
    """SFT: the lowest ZeRO stage at the wanted picture size, then LoRA, then smaller pictures."""
    for sizes in _sizes(job):
        for tuner, zero, share in _tuners(job, 2, 3):
            need = memory.training(job.model, sizes, zero=zero, gpus=job.gpus, lora_share=share)
            if need.total <= RESERVE * job.memory_gib:
                step = _train_step(job, sizes, zero, share)
                return RunPlan(tuner, zero, sizes, sizes.tokens(job.model), need, step, _accumulation(job))
    return None


def plan_rl(job: PlannedJob) -> RunPlan | None:
    """GRPO in colocate: trainer, reference model and engine on the same GPUs."""
    per_gpu = _accumulation(job)
    for sizes in _sizes(job, returned=job.images - 1):
        for tuner, zero, share in _tuners(job, 3):
            full = tuner == 'full'
            need = memory.training(job.model, sizes, zero=zero, gpus=job.gpus, lora_share=share, reference=full)
            if need.total > RESERVE * job.memory_gib:
                continue
            found = _engine(job, need, sizes.tokens(job.model), per_gpu)
            if found is not None:
                step = _rl_step(job, sizes, zero, share, found[0], reference=full)
                return RunPlan(tuner, zero, sizes, sizes.tokens(job.model), need, step, per_gpu, *found)
    return None


def _engine(job: PlannedJob, need: TrainingMemory, tokens: int, per_gpu: int) -> tuple[RolloutEngine, bool] | None:
    """The first engine with room for enough trajectories, on few GPUs rather than with the trainer moved away."""
    for gpus in (n for n in (1, 2, 4, 8) if job.gpus % n == 0):
        for offload in (False, True):
            engine = memory.colocated(
                job.model,
                memory_gib=job.memory_gib,
                trainer_gib=0 if offload else need.held,
                tokens=tokens,
                wanted=per_gpu,
                gpus=gpus,
            )
            if engine is not None and engine.sequences >= min(per_gpu, ENOUGH_SEQUENCES) * gpus:
                return engine, offload
    return None


def _tuners(job: PlannedJob, *stages: int) -> list[tuple[str, int, float]]:
    """What is tried in turn: all weights, then LoRA; one GPU has nothing to spread."""
    if job.gpus == 1:
        return [('full', 0, 1.0), ('lora', 0, LORA_SHARE)]
    return [*(('full', stage, 1.0) for stage in stages), ('lora', 0, LORA_SHARE), ('lora', 3, LORA_SHARE)]


def _sizes(job: PlannedJob, returned: int = 0) -> list[Sizes]:
    steps = [job.pixels, *(p for p in PIXEL_STEPS if p < job.pixels)]
    return [Sizes(TEXT_TOKENS, pixels, job.images, returned) for pixels in steps]


def _accumulation(job: PlannedJob) -> int:
    return max(1, -(-job.batch // job.gpus))


def _train_step(job: PlannedJob, sizes: Sizes, zero: int, share: float) -> StepTime:
    rows = job.batch / job.gpus
    train = time.train_s(job.model, sizes.tokens(job.model), sizes.pixels, sizes.images, rows, job.gpu, 4)
    return StepTime(
        train=train,
        communicate=time.communicate_s(
            job.model, zero=zero, gpus=job.gpus, accumulation=_accumulation(job), gpu=job.gpu, trained=share
        ),
        load=time.load_s(sizes.pixels, sizes.images, rows, workers=SFT_WORKERS, train=train),
    )


def _rl_step(
    job: PlannedJob, sizes: Sizes, zero: int, share: float, engine: RolloutEngine, *, reference: bool
) -> StepTime:
    """Training counts the policy's 4 and one pass each for old log-probabilities and the reference."""
    rows, r = job.batch / job.gpus, job.rollouts
    tokens = TEXT_TOKENS + r.sampled_tokens + r.images * job.model.visual_tokens(sizes.pixels)
    passes = 5 + int(reference)
    return StepTime(
        train=time.train_s(job.model, tokens, sizes.pixels, r.images, rows, job.gpu, passes),
        communicate=time.communicate_s(
            job.model, zero=zero, gpus=job.gpus, accumulation=_accumulation(job) * 1.5, gpu=job.gpu, trained=share
        ),
        generate=time.generate_s(job.model, sizes, r, sequences=rows, engine=engine, gpu=job.gpu),
        sandbox=SANDBOX_S * r.code_blocks,
        judge=JUDGE_S,
    )


SFT_WORKERS = 4
"""`--dataloader_num_workers` of the SFT scripts."""
SANDBOX_S = 1.0
"""A round's code is awaited together: the slowest snippet of a batch. An assumption; the limit is 10 s."""
JUDGE_S = 4.0
"""The judges' answers of a step are awaited together. An assumption."""


@dataclass(frozen=True)
class SandboxPlace:
    """Where code should run."""

    wanted_cores: float
    """Of each node, at peaks."""
    free_cores: int
    """What each node has left for that."""
    nodes: int

    @property
    def fits(self) -> bool:
        """Whether the trainers' own machines suffice; else a pool of `pool_cores` is proposed."""
        return self.wanted_cores <= self.free_cores

    @property
    def pool_cores(self) -> int:
        """Of all nodes of a pool together."""
        return math.ceil(self.wanted_cores * self.nodes)


def place_sandbox(needs: Beside, *, gpus: int, cores: int) -> SandboxPlace:
    """Whether code fits beside the trainers.

    Args:
        needs: of the job.
        gpus: of the job.
        cores: of one node.
    """
    nodes = math.ceil(gpus / time.NODE_GPUS)
    return SandboxPlace(
        needs.sandbox_cores * SANDBOX_PEAK / nodes,
        max(cores - CORES_PER_GPU * min(gpus, time.NODE_GPUS), 0),
        nodes,
    )


def beside(
    step: StepTime, rollouts: Rollouts, *, trajectories: int, group: int, snippet_cpu_s: float = SNIPPET_CPU_S
) -> Beside:
    """What one step of `trajectories`, in groups of `group`, needs beside the GPUs."""
    window_s = max(step.generate * CODE_SHARE, 1e-9)
    requests = round(trajectories * JUDGED_PER_TRAJECTORY)
    steps = QUESTIONS * group / trajectories
    returned = max(rollouts.images - 1, 0)
    return Beside(
        sandbox_cores=trajectories * rollouts.code_blocks * snippet_cpu_s / window_s,
        judge_requests=requests,
        judges=requests / JUDGE_REQUESTS_PER_S / (0.1 * step.total),
        epoch_hours=steps * step.total / 3600,
        trajectories_gb=steps * trajectories * (TEXT_BYTES + returned * PICTURE_BYTES) / 1e9,
    )
