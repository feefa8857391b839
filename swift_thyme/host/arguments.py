"""What the trainer's arguments say about a run, for the parts of the plugin that the host does not hand them to.

The host gives its arguments to rewards only, and a scheduler neither the temperature nor the engine's length limit.
Owns reading them; `state` keeps what they say. In a `swift rollout` process the scheduler tells what its engine says.
"""

from __future__ import annotations

from typing import Any

from ..config import SamplingSettings
from ..errors import ConfigError
from ..types import TrainCode
from .state import HostRun, RunState, run_state

_LOG_PROB_FLAGS = ('rollout_importance_sampling_mode', 'log_rollout_offpolicy_metrics')


def host_run() -> HostRun:
    """What is known so far of the run of this process."""
    return run_state().facts


def remember_arguments(args: Any, state: RunState) -> None:
    """Takes the facts from the trainer's arguments, and checks them against the sampling settings.

    Raises:
        ConfigError: log-probs are asked for that the engine cannot give at this temperature.
    """
    temperature = getattr(args, 'temperature', None)
    in_trainer = getattr(args, 'vllm_mode', None) != 'server'
    limit = getattr(args, 'vllm_max_model_len', None) if in_trainer and getattr(args, 'use_vllm', False) else None
    state.learn(text_temperature=temperature, max_context_tokens=limit)
    settings = SamplingSettings.from_env()
    wanted = [flag for flag in _LOG_PROB_FLAGS if getattr(args, flag, None)]
    paper = settings.adaptive and settings.train_code is TrainCode.PAPER
    if paper and wanted and temperature not in (None, 1.0):
        raise ConfigError(
            f'--{wanted[0]} compares log-probs, which vLLM gives for code at temperature 1 only, got --temperature '
            f'{temperature} with THYME_TRAIN_CODE=paper; use --temperature 1, or THYME_TRAIN_CODE=mask'
        )
