"""Flags of older hosts (ms-swift 2 and 3) and of the release's scripts, in today's words, each with a warning.

A rule applies only where today's host does not know the flag, so that none outlives its reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from .. import protocol
from .host import Method, known_flags
from .words import Flags

RENAMED = {
    'train_type': 'tuner_type',
    'sft_type': 'tuner_type',
    'multi_turn_func': 'multi_turn_scheduler',
    'evaluation_strategy': 'eval_strategy',
    'tensor_parallel_size': 'vllm_tensor_parallel_size',
    'tp': 'vllm_tensor_parallel_size',
    'pipeline_parallel_size': 'vllm_pipeline_parallel_size',
    'data_parallel_size': 'vllm_data_parallel_size',
    'gpu_memory_utilization': 'vllm_gpu_memory_utilization',
    'limit_mm_per_prompt': 'vllm_limit_mm_per_prompt',
    'enforce_eager': 'vllm_enforce_eager',
    'max_num_seqs': 'vllm_max_num_seqs',
    'enable_prefix_caching': 'vllm_enable_prefix_caching',
    'use_async_engine': 'vllm_use_async_engine',
    'quantization_bit': 'quant_bits',
    'dataset_test_ratio': 'split_dataset_ratio',
    'val_dataset_ratio': 'split_dataset_ratio',
    'custom_train_dataset_path': 'dataset',
    'custom_val_dataset_path': 'val_dataset',
    'model_id_or_path': 'model',
    'template_type': 'template',
    'dtype': 'torch_dtype',
    'batch_size': 'per_device_train_batch_size',
    'eval_batch_size': 'per_device_eval_batch_size',
}
"""Old name → today's; the values mean the same."""
REMOVED = {
    'vllm_device': 'the host places its engine itself: in the trainer (`colocate`) or where `thyme rollout` runs',
    'gc_collect_after_offload': 'the host always collects after it offloads',
    'num_infer_workers': 'start `thyme rollout` once for each engine, or use --vllm_data_parallel_size',
    'eval_human': 'the host asks interactively when there is no --val_dataset',
    'local_rank': 'the launcher sets LOCAL_RANK',
    'use_lmdeploy': 'use --infer_backend',
}
"""Old name → why nothing takes its place."""
PLUGIN = 'thyme_plugin.py'
"""The file that registers everything of this package with the host."""
RELEASE_PLUGIN = 'agent_rm.py'
"""The release's reward file, whatever folder it is named in."""


def translate(method: Method, flags: Flags, *, o3: bool) -> tuple[Flags, list[str]]:
    """Puts old flags into today's words.

    Args:
        method: the host's command.
        flags: as given.
        o3: whether the O3 template is used, which brings the protocol's stop words and system prompt.

    Returns:
        The flags, and one line for each that was changed.
    """
    known = known_flags(method)
    out: Flags = {}
    warnings: list[str] = []
    for name, values in flags.items():
        if name not in known and name in RENAMED and RENAMED[name] in known:
            warnings.append(f'--{name} is --{RENAMED[name]} today')
            out[RENAMED[name]] = values
        elif name not in known and name in REMOVED:
            warnings.append(f'--{name} is left out: {REMOVED[name]}')
        else:
            out[name] = values
    rules: list[Callable[[Flags], str | None]] = [_reward_scale, _release_plugin, _system_file]
    rules.append(_stop_words if o3 else _plain_stop_words)
    warnings += [text for rule in rules if (text := rule(out)) is not None]
    return out, warnings


def _unescaped(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(re.sub(r'\\(.)', r'\1', word) for word in words)


def _plain_stop_words(flags: Flags) -> str | None:
    given = flags.get('stop_words', ())
    if _unescaped(given) == given:
        return None
    flags['stop_words'] = _unescaped(given)
    return f'--stop_words: without backslashes, as {" ".join(flags["stop_words"])}'


def _stop_words(flags: Flags) -> str | None:
    if 'stop_words' not in flags:
        return None
    given = _unescaped(flags.pop('stop_words'))
    brought = (*protocol.STOP_STRINGS, protocol.CODE_OPEN, '<|im_end|>', '<|endoftext|>')
    others = tuple(word for word in given if word not in brought)
    if others:
        flags['stop_words'] = others
    text = '--stop_words: the O3 template brings those of the protocol'
    if protocol.CODE_OPEN in given:
        text += (
            f'; {protocol.CODE_OPEN} switches to temperature 0 without a second request '
            '(THYME_SWITCH=processor, the default); THYME_SWITCH=stop_words chooses the stop word of the release'
        )
    return text + (f'; kept: {" ".join(others)}' if others else '')


def _system_file(flags: Flags) -> str | None:
    system = flags.get('system', ())
    if len(system) != 1 or not system[0].endswith('.txt') or Path(system[0]).is_file():
        return None
    del flags['system']
    return f'--system {system[0]} does not exist and is left out; with --O3 true the prompt of the paper is used'


def _release_plugin(flags: Flags) -> str | None:
    plugins = flags.get('external_plugins', ())
    missing = [p for p in plugins if Path(p).name == RELEASE_PLUGIN and not Path(p).is_file()]
    if not missing:
        return None
    kept = tuple(p for p in plugins if p not in missing)
    flags['external_plugins'] = (*kept, str(packaged_plugin()))
    return f'--external_plugins {" ".join(missing)} does not exist: the rewards of this package stand in for it'


def _reward_scale(flags: Flags) -> str | None:
    old = flags.get('scale_rewards', ())
    today = {'true': 'group', 'false': 'none'}.get(old[0].lower()) if len(old) == 1 else None
    if today is None:
        return None
    flags['scale_rewards'] = (today,)
    return f'--scale_rewards {old[0]} is --scale_rewards {today} today'


def packaged_plugin() -> Path:
    """The file for `--external_plugins`: in the package, where `setup.py` puts it, or beside it in a clone."""
    package = Path(__file__).parents[1]
    return next(folder for folder in (package / 'plugins', package.parent / 'plugins') if folder.is_dir()) / PLUGIN
