"""Memory of one GPU, term by term. Formulas: docs/recipes.md, "Memory"."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .architecture import Architecture

GIB = 1 << 30
CONTEXT_GIB = 2.0
"""CUDA contexts, libraries and communication buffers."""
FRAGMENTATION = 1.1
"""Factor on activations: what the allocator holds and cannot use."""
ENGINE_WORK_GIB = 3.0
"""What an engine needs beside weights and cache: its own activations while it profiles its largest batch."""
ENGINE_SHARE_LIMIT = 0.9
BUCKETS_GIB = 2 * 2 * 2e8 / GIB
"""Two of the host's reduction buckets of 2e8 16-bit numbers."""
LOGIT_BYTES = 10
"""For each token and vocabulary entry: 16-bit logits, their 32-bit copy and its gradient."""


@dataclass(frozen=True)
class Sizes:
    """One forward pass of one GPU."""

    text_tokens: int
    """Tokens of a row that are not of pictures."""
    pixels: int
    """Of one picture, after scaling."""
    images: int
    """Pictures of a row."""
    images_with_logits: int = 0
    """Pictures whose positions get logits. SFT computes them where a token is trained; GRPO for the whole response, the
    pictures that code returned included."""

    def logit_tokens(self, model: Architecture) -> int:
        """Positions that get logits, at most."""
        return self.text_tokens + self.images_with_logits * model.visual_tokens(self.pixels)

    def tokens(self, model: Architecture) -> int:
        """Tokens of a row."""
        return self.text_tokens + self.images * model.visual_tokens(self.pixels)


@dataclass(frozen=True)
class TrainingMemory:
    """Memory of one GPU in training, GiB."""

    weights: float
    gradients: float
    optimizer: float
    reference: float
    activations: float
    """While a row passes."""
    step: float
    """32-bit gradients while the optimizer steps; activations are gone by then."""
    context: float = CONTEXT_GIB

    @property
    def held(self) -> float:
        """What stays between passes."""
        return self.weights + self.gradients + self.optimizer + self.reference

    @property
    def total(self) -> float:
        """The most at a time."""
        return self.held + max(self.activations, self.step) + self.context


def training(
    model: Architecture, sizes: Sizes, *, zero: int, gpus: int, lora_share: float = 1.0, reference: bool = False
) -> TrainingMemory:
    """Memory of one GPU while it trains with gradient checkpointing and a frozen vision tower, one row a pass.

    Args:
        model: what is trained.
        sizes: its longest row.
        zero: DeepSpeed's stage: 2 spreads gradients and optimizer, 3 the weights too; 0 none.
        gpus: over which they are spread.
        lora_share: trained parameters as a share of the language model's; 1 for full training.
        reference: whether a copy of the model is held for the KL divergence.
    """
    trained = model.language_params * lora_share
    spread = gpus if zero >= 2 else 1
    held = 2 * model.params / (gpus if zero == 3 else 1)
    if zero == 3:
        held += 2 * 2 * model.layer_params  # the layer at work and the next one, gathered
    return TrainingMemory(
        weights=held / GIB,
        gradients=2 * trained / spread / GIB + (BUCKETS_GIB if zero >= 2 else 0),
        optimizer=12 * trained / spread / GIB,
        reference=(2 * model.params / (gpus if zero == 3 else 1) if reference else 0) / GIB,
        activations=activations_bytes(model, sizes) * FRAGMENTATION / GIB,
        step=4 * trained / spread / GIB,
    )


def activations_bytes(model: Architecture, sizes: Sizes) -> float:
    """One kept tensor for each layer, what one layer needs while it is recomputed, and the logits."""
    tokens = sizes.tokens(model)
    kept = 2 * tokens * model.hidden * model.layers
    layer = 2 * tokens * (8 * model.hidden + 2 * model.head_dim * model.kv_heads + 4 * model.intermediate)
    patches = sizes.images * model.visual_tokens(sizes.pixels) * model.merge**2
    vision = 2 * patches * (6 * model.vision_hidden + 3 * model.vision_intermediate)
    return kept + max(layer, vision, LOGIT_BYTES * sizes.logit_tokens(model) * model.vocab)


@dataclass(frozen=True)
class RolloutEngine:
    """An engine that shares its GPU with a trainer."""

    share: float
    """For `--vllm_gpu_memory_utilization`."""
    sequences: int
    """Trajectories of full length that its cache holds at a time."""
    gpus: int
    """For `--vllm_tensor_parallel_size`."""


def colocated(
    model: Architecture, *, memory_gib: float, trainer_gib: float, tokens: int, wanted: int, gpus: int
) -> RolloutEngine | None:
    """The engine that fits beside a trainer.

    Args:
        model: what is generated with.
        memory_gib: of one GPU.
        trainer_gib: what the trainer holds of one GPU meanwhile.
        tokens: of the longest trajectory.
        wanted: trajectories that one GPU has to generate in one step.
        gpus: that share the engine.

    Returns:
        None where not one trajectory fits.
    """
    left = min(memory_gib - CONTEXT_GIB - trainer_gib, ENGINE_SHARE_LIMIT * memory_gib)
    one = model.kv_bytes_per_token * tokens / gpus / GIB
    base = 2 * model.params / gpus / GIB + ENGINE_WORK_GIB
    sequences = min(wanted * gpus, math.floor((left - base) / one))
    if sequences < 1:
        return None
    return RolloutEngine(math.ceil((base + sequences * one) / memory_gib * 20) / 20, sequences, gpus)
