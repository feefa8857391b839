"""Seconds of one optimizer step, phase by phase. Formulas: docs/recipes.md, "Time".

GPUs are datasheet figures and the share of them that is reckoned with.
"""

from __future__ import annotations

from dataclasses import dataclass

from .architecture import Architecture
from .memory import RolloutEngine, Sizes

TFLOP = 1e12
LOAD_S_PER_MPIXEL = 0.13
"""Processor time of reading and scaling 10^6 pixels of a row: 0.43 s for a PNG of 2048x1536, in one thread."""


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU."""

    tflops: float
    """Dense bf16, datasheet, 10^12 operations a second."""
    memory_tb_per_s: float
    """Memory bandwidth, datasheet, 10^12 bytes a second."""
    link_gb_per_s: float
    """To other GPUs of its node, one direction, 10^9 bytes a second."""


GPUS = {
    'a100': Gpu(312, 2.0, 300),
    'h800': Gpu(989, 3.35, 200),
    'h100': Gpu(989, 3.35, 450),
    'h200': Gpu(989, 4.8, 450),
}
NODE_GB_PER_S = 50.0
"""From a GPU to other nodes: one 400 Gbit/s adapter for each, 10^9 bytes a second."""
NODE_GPUS = 8

TRAIN_SHARE = 0.35
"""Share of the datasheet's operations that training reaches. An assumption."""
PREFILL_SHARE = 0.4
"""Share that prefill reaches. An assumption."""
MEMORY_SHARE = 0.5
"""Share of the memory bandwidth that decoding reaches. An assumption."""
LINK_SHARE = 0.6
"""Share of a link that collectives reach. An assumption."""


@dataclass(frozen=True)
class Rollouts:
    """What one trajectory is like on average."""

    rounds: float = 2.0
    """Generations."""
    sampled_tokens: int = 700
    """Over all rounds."""
    images: float = 1.5
    """Pictures, those of the question and those that code returned."""
    code_blocks: float = 1.5
    """Measured: 1.53 a trajectory in eight steps of the pilot, 1.2 to 1.9 a step (docs/evidence/pilot/rl.jsonl)."""


@dataclass(frozen=True)
class StepTime:
    """Seconds of one optimizer step."""

    train: float
    communicate: float
    load: float = 0.0
    """Reading pictures, as far as workers do not do it while the GPU computes."""
    generate: float = 0.0
    sandbox: float = 0.0
    judge: float = 0.0

    @property
    def total(self) -> float:
        """All phases, one after the other."""
        return self.train + self.communicate + self.load + self.generate + self.sandbox + self.judge


def forward_tflop(model: Architecture, tokens: float, pixels: int, images: float) -> tuple[float, float]:
    """Operations of one forward pass over a row, 10^12: language model, vision tower."""
    attention = 2 * model.layers * model.heads * model.head_dim * tokens**2  # causal: half of 4 n^2 d
    dense = model.layers * model.layer_params + model.vocab * model.hidden
    patches = images * model.visual_tokens(pixels) * model.merge**2
    return (2 * dense * tokens + attention) / TFLOP, 2 * model.vision_params * patches / TFLOP


def train_s(
    model: Architecture, sizes_tokens: float, pixels: int, images: float, rows: float, gpu: Gpu, passes: int
) -> float:
    """Computing of `rows` rows on one GPU: `passes` forward equivalents of the language model, one of the vision tower.

    A step with gradient checkpointing counts 4: forward, again in the backward pass, and a backward pass of two.
    """
    language, vision = forward_tflop(model, sizes_tokens, pixels, images)
    return rows * (passes * language + vision * (passes // 4)) / (gpu.tflops * TRAIN_SHARE)


def load_s(pixels: int, images: float, rows: float, *, workers: int, train: float) -> float:
    """Seconds for which one GPU's trainer waits for the pictures of `rows` rows.

    Args:
        pixels: of one picture.
        images: of a row.
        rows: of one GPU.
        workers: `--dataloader_num_workers`; 0 reads in the trainer's process, while the GPU stands still.
        train: seconds for which the GPU computes meanwhile.
    """
    reading = rows * images * pixels / 1e6 * LOAD_S_PER_MPIXEL
    return reading if workers == 0 else max(0.0, reading / workers - train)


def communicate_s(
    model: Architecture, *, zero: int, gpus: int, accumulation: float, gpu: Gpu, trained: float = 1.0
) -> float:
    """Collectives of one step: ZeRO 2 reduces gradients each pass; ZeRO 3 also gathers the weights twice."""
    if gpus == 1:
        return 0.0
    link = (gpu.link_gb_per_s if gpus <= NODE_GPUS else NODE_GB_PER_S) * LINK_SHARE * 1e9
    share = (gpus - 1) / gpus
    gradients = 2 * model.language_params * trained * share / link
    weights = 2 * model.params * share / link
    if zero == 3:
        return accumulation * (gradients + 2 * weights)
    return accumulation * gradients + weights * trained


def generate_s(
    model: Architecture, sizes: Sizes, rollouts: Rollouts, *, sequences: float, engine: RolloutEngine, gpu: Gpu
) -> float:
    """Generation of `sequences` trajectories for each GPU of an engine.

    Prefill is bound by operations, once for each round with what is new in it; decoding by reading weights and cache.
    """
    prompt = sizes.text_tokens + rollouts.images * model.visual_tokens(sizes.pixels)
    language, vision = forward_tflop(model, prompt, sizes.pixels, rollouts.images)
    prefill = sequences * (language + vision) / (gpu.tflops * PREFILL_SHARE)
    together = min(sequences * engine.gpus, engine.sequences)
    cache = together * (prompt + rollouts.sampled_tokens / 2) * model.kv_bytes_per_token
    read = (2 * model.language_params + cache) / engine.gpus
    steps = rollouts.sampled_tokens * sequences * engine.gpus / together
    return prefill + steps * read / (gpu.memory_tb_per_s * 1e12 * MEMORY_SHARE)
