"""Flags of Thyme's README and of the release's scripts in the words of today's host, each with a warning.

A rule applies only where today's host does not know the flag, so that none outlives its reason.
"""

from __future__ import annotations

import re
from pathlib import Path

from .. import protocol
from .host import Method, known_flags
from .words import Flags

RENAMED = {'train_type': 'tuner_type'}
"""Old name → today's; the values mean the same."""
REMOVED = {
    'vllm_device': 'the host places its engine itself: in the trainer (`colocate`) or where `thyme rollout` runs',
    'gc_collect_after_offload': 'the host always collects after it offloads',
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
        if name not in known and name in RENAMED:
            warnings.append(f'--{name} is --{RENAMED[name]} today')
            out[RENAMED[name]] = values
        elif name not in known and name in REMOVED:
            warnings.append(f'--{name} is left out: {REMOVED[name]}')
        else:
            out[name] = values
    rules = [_release_plugin, _system_file, *([_stop_words] if o3 else [])]
    warnings += [text for rule in rules if (text := rule(out)) is not None]
    return out, warnings


def _stop_words(flags: Flags) -> str | None:
    if 'stop_words' not in flags:
        return None
    given = [re.sub(r'\\(.)', r'\1', word) for word in flags.pop('stop_words')]  # the README escapes them
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


def packaged_plugin() -> Path:
    """The file for `--external_plugins`: in the package, where `setup.py` puts it, or beside it in a clone."""
    package = Path(__file__).parents[1]
    return next(folder for folder in (package / 'plugins', package.parent / 'plugins') if folder.is_dir()) / PLUGIN
