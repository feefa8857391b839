"""What `--O3 true` fills in: plugin, template, scheduler, rewards and mask. A flag that was given is never changed.

Differs from the release: there `--O3` switches code paths inside a fork; here it only completes the host's own flags.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from ..agent import AgentSettings
from ..config import PAPER_REWARDS, SIGNALS
from ..engines.family import template_for
from ..env import parse_bool
from ..errors import ConfigError
from .host import Method
from .legacy import PLUGIN, packaged_plugin
from .words import Flags

DEFAULT_TEMPLATE = 'thyme_qwen2_5_vl'
"""Of the paper's backbone, Qwen2.5-VL; used when there is no model to look at."""


class Stage(str, Enum):
    """Stages of the method's SFT, which differ in what they train."""

    ONE = '1'
    TWO = '2'


MASKS = {Stage.ONE: 'thyme_last_round', Stage.TWO: 'thyme'}
"""Paper §3.3: stage 1 trains the last round, stage 2 every round. Sandbox output is never trained."""


def fill_in(method: Method, flags: Flags, stage: Stage | None = None) -> tuple[Flags, list[str]]:
    """Completes the flags of a Thyme run.

    Args:
        method: the host's command.
        flags: what was given, in today's words.
        stage: of SFT; 1 when not given.

    Returns:
        All flags, and one line for each that needs a word.

    Raises:
        ConfigError: the model belongs to no O3 template.
    """
    out, notes = dict(flags), []
    plugins = out.get('external_plugins', ())
    if not any(Path(plugin).name == PLUGIN for plugin in plugins):
        out['external_plugins'] = (*plugins, str(packaged_plugin()))
    if 'template' not in out and (model := ''.join(out.get('model', ()))):
        unset = model.startswith('$')
        template = DEFAULT_TEMPLATE if unset else template_for(model, ask_hub=False)
        if template is None:
            notes.append(f'no config.json to read in {model}: --template {DEFAULT_TEMPLATE} is assumed')
        out['template'] = (template or DEFAULT_TEMPLATE,)
    if method is Method.SFT:
        out.setdefault('loss_scale', (MASKS[stage or Stage.ONE],))
    if method is Method.RLHF:
        out.setdefault('rlhf_type', ('grpo',))
    if method is Method.ROLLOUT or (method is Method.RLHF and out['rlhf_type'] == ('grpo',)):
        notes += _scheduler(method, out)
    if method is Method.RLHF and out['rlhf_type'] == ('grpo',):
        notes += _rewards(out)
    return out, notes


def _rewards(out: Flags) -> list[str]:
    """Puts in the paper's rewards where nothing else says what to learn."""
    if any(name in out for name in SIGNALS):
        return []
    out['reward_funcs'] = PAPER_REWARDS
    return [f'no --reward_funcs: the paper’s are taken, {" ".join(PAPER_REWARDS)}']


def _scheduler(method: Method, out: Flags) -> list[str]:
    """Puts in the scheduler, or leaves it to the rollout server where the trainer generates ahead."""
    if method is Method.RLHF and parse_bool(''.join(out.get('async_generate', ('false',)))):
        mode = ''.join(out.get('vllm_mode', ()))
        if mode != 'server':
            raise ConfigError(
                f'--async_generate true needs rollout servers: got --vllm_mode {mode or "(not given)"}; the host '
                f'generates ahead only where the server has the scheduler; use --vllm_mode server, or leave '
                f'--async_generate out'
            )
        out.setdefault('vllm_server_pass_dataset', ('true',))
        return ['--async_generate true: --multi_turn_scheduler is left to `thyme rollout`, since the host refuses both']
    out.setdefault('multi_turn_scheduler', ('thyme',))
    out.setdefault('max_turns', (str(AgentSettings.max_rounds),))
    return []
