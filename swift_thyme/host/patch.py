"""The one place where the host is changed: what it has no hook for. Version-gated; `tests/host` pins what is touched.

- `check_at_start`: no hook sees a run's arguments and its rows, or comes before the first rollout.
- `leave_out_untrained`: GRPO has no way to keep one row of a batch out of the loss (KL term included).
- `watch_scoring`: rewards see only their own values; nothing is called once all have spoken, or with the advantages.
- `encode_ahead`: the trainer encodes its rows one after another; there is no hook between its batch and a row of it.
- `greedy_continuations`: the host builds one set of sampling parameters for a whole batch; only used with
  `THYME_SWITCH=stop_words`, for engines that take no logits processors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import swift
from packaging.version import Version

from ..config import SamplingSettings
from ..errors import ConfigError
from ..rewards.trajectory import rollout_of
from ..spans import token_pieces
from ..types import SegmentKind
from .ahead import RowsAhead

TESTED = (Version('4.6.0'), Version('4.7.0'))
"""From the first, below the second."""


def _require_tested(what: str, instead: str) -> None:
    if not TESTED[0] <= Version(swift.__version__) < TESTED[1]:
        raise ConfigError(
            f'{what} changes the host in a place that is known for ms-swift {TESTED[0]} to below {TESTED[1]}, got '
            f'{swift.__version__}; {instead}'
        )


def check_at_start(checked: Callable[[Any, Callable[[Any], Any]], Any]) -> None:
    """Has the rows of every run loaded by `checked`, which gets the host's pipeline and what loads them. Idempotent.

    Raises:
        ConfigError: the host is of a version in which the place is not known.
    """
    _require_tested('checking a run at its start', 'install a version in that range')
    from swift.pipelines.train.sft import SwiftSft

    original = SwiftSft._get_dataset
    if getattr(original, 'by_thyme', False):
        return

    @wraps(original)
    def get_dataset(pipeline: Any) -> Any:
        return checked(pipeline, original)

    get_dataset.by_thyme = True  # type: ignore[attr-defined]
    SwiftSft._get_dataset = get_dataset


def leave_out_untrained() -> None:
    """Takes quarantined rollouts out of the loss mask of the GRPO trainer. Idempotent.

    The template makes such a row short, and calls this; one label is left in the row, because the host cannot collate
    a row without any. Here that one goes, too.

    Raises:
        ConfigError: the host is of a version in which the place is not known.
    """
    _require_tested('keeping rollouts out of the loss', 'install a version in that range')
    from swift.rlhf_trainers import grpo_trainer

    original = grpo_trainer.collate_to_grpo_micro_batch
    if getattr(original, 'by_thyme', False):
        return

    def collate(samples: list[Any], template: Any, **kwargs: Any) -> tuple[dict[str, Any], Any]:
        rows = [i for i, sample in enumerate(samples) if is_left_out(sample)]
        for i in rows:
            if samples[i].rollout_logprobs:
                samples[i].rollout_logprobs = [[0.0]]
        inputs, batch = original(samples, template, **kwargs)
        batch.completion_mask[rows] = False
        return inputs, batch

    collate.by_thyme = True  # type: ignore[attr-defined]
    grpo_trainer.collate_to_grpo_micro_batch = collate


def is_left_out(sample: Any) -> bool:
    """Whether nothing of a sample of the host can be trained: it is quarantined, or the policy sampled no token."""
    rollout = rollout_of(sample.rollout_infos)
    return rollout is not None and (rollout.quarantined or not rollout.sampled_ids)


def watch_scoring() -> None:
    """Has `scoring` look at every batch of the GRPO trainer: when it is scored, and when it has advantages. Idempotent.

    Raises:
        ConfigError: the host is of a version in which the places are not known.
    """
    _require_tested('keeping rollouts out of group statistics', 'install a version in that range')
    from swift.rlhf_trainers.grpo_trainer import GRPOTrainer

    from .state import run_state

    compute, postprocess = GRPOTrainer._compute_rewards_per_func, GRPOTrainer._postprocess_batch
    if getattr(compute, 'by_thyme', False):
        return

    @wraps(compute)
    def compute_rewards(trainer: Any, samples: list[Any]) -> Any:
        return run_state().scoring.settle(trainer, samples, compute(trainer, samples))

    @wraps(postprocess)
    def postprocess_batch(trainer: Any, samples: list[Any], batch_encoded_inputs: list[Any]) -> None:
        postprocess(trainer, samples, batch_encoded_inputs)
        run_state().scoring.record(trainer, samples)

    compute_rewards.by_thyme = True  # type: ignore[attr-defined]
    GRPOTrainer._compute_rewards_per_func = compute_rewards
    GRPOTrainer._postprocess_batch = postprocess_batch


def encode_ahead() -> None:
    """Has the rows of every batch of the GRPO trainer encoded several at a time, to the same rows. Idempotent.

    Raises:
        ConfigError: the host is of a version in which the places are not known.
    """
    _require_tested('encoding rows side by side', 'install a version in that range')
    from swift.rlhf_trainers import grpo_trainer

    trainer_class, encode = grpo_trainer.GRPOTrainer, grpo_trainer.encode_sample
    prepare = trainer_class._prepare_batch_inputs
    if getattr(prepare, 'by_thyme', False):
        return

    @wraps(prepare)
    def prepare_batch_inputs(trainer: Any, samples: list[Any]) -> Any:
        template = trainer.template
        if template.sequence_parallel_size > 1:  # the host encodes gathered copies of the samples there
            return prepare(trainer, samples)
        with trainer._template_context(template), RowsAhead(samples, lambda sample: encode(sample, template)) as rows:
            grpo_trainer.encode_sample = lambda sample, _: rows.take(sample)
            try:
                return prepare(trainer, samples)
            finally:
                grpo_trainer.encode_sample = encode

    prepare_batch_inputs.by_thyme = True  # type: ignore[attr-defined]
    trainer_class._prepare_batch_inputs = prepare_batch_inputs


def greedy_continuations() -> None:
    """Makes vLLM requests whose prompt ends inside code run at the code temperature. Idempotent.

    Raises:
        ConfigError: the host is of a version in which the place is not known.
    """
    _require_tested('THYME_SWITCH=stop_words', 'use THYME_SWITCH=processor, or a version in that range')
    from swift.infer_engine.vllm_engine import VllmEngine

    original = VllmEngine._add_request
    if getattr(original, 'by_thyme', False):
        return

    def add_request(engine: Any, inputs: dict[str, Any], generation_config: Any, *args: Any, **kwargs: Any) -> Any:
        tracker = token_pieces(engine.tokenizer).tracker(inputs['input_ids'])
        if tracker.kind is SegmentKind.CODE:
            generation_config = at_code_temperature(generation_config, SamplingSettings.from_env())
        return original(engine, inputs, generation_config, *args, **kwargs)

    add_request.by_thyme = True  # type: ignore[attr-defined]
    VllmEngine._add_request = add_request


def at_code_temperature(parameters: Any, settings: SamplingSettings) -> Any:
    """A copy of vLLM's sampling parameters at the code temperature; without top-k, top-p and min-p where that is 0."""
    changed = parameters.clone()
    changed.temperature = settings.code_temperature
    if settings.code_temperature == 0:
        changed.top_p, changed.top_k, changed.min_p = 1.0, 0, 0.0
    return changed
