"""What a name of a model stands for: whole weights, a LoRA adapter on others, or a run's folder with checkpoints in it.

Host-free; reads small files and starts nothing. Which template fits is `qwen`'s to say, loading is the engines'.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError

_WHOLE, _ADAPTER = 'config.json', 'adapter_config.json'
_FILES = ('.jsonl', '.json', '.csv', '.parquet', '.py', '.yaml')


@dataclass(frozen=True)
class Checkpoint:
    """Weights that a command was given."""

    model: str
    """Whole weights: a folder or a hub id."""
    adapter: str = ''
    """A folder of LoRA matrices that go on top; empty where there are none."""
    note: str = ''
    """What was found behind the name, where it was not simply that folder: a line for the user."""

    @property
    def arguments(self) -> list[dict[str, Any]]:
        """What the host wrote into `args.json` when it trained the adapter, and the weights."""
        return [_read(Path(folder) / 'args.json') for folder in (self.adapter, self.model) if folder]

    @property
    def model_arguments(self) -> dict[str, Any]:
        """What the host must be told of the weights below an adapter, as it was told in training."""
        found = self.arguments[0].get('model_type')
        return {'model_type': found} if found else {}

    @property
    def name(self) -> str:
        """A short one, for reports and clients."""
        return Path(self.adapter or self.model).name


def locate(named: str | Path, adapter: str | Path = '') -> Checkpoint:
    """Finds the weights that a name means.

    Args:
        named: a folder of whole weights, of a LoRA adapter, or of a training run (its newest checkpoint is taken), or a
            hub id. May be empty where `adapter` says which model it is for.
        adapter: a LoRA on top of `named`: its folder, a run's folder, or a hub id.

    Raises:
        ConfigError: nothing is there, or it is no model.
    """
    above, note = _folder(str(adapter)) if adapter else ('', '')
    if above and Path(above).is_dir() and not (Path(above) / _ADAPTER).is_file():
        raise ConfigError(f'no LoRA adapter: got {above} without an {_ADAPTER}; if it is a whole model, use --model')
    if above and not named:
        named = _base_of(above)
    model, more = _folder(str(named))
    note = '; '.join(filter(None, (more, note)))
    if (Path(model) / _ADAPTER).is_file():
        if above:
            raise ConfigError(f'two adapters: got {model} and {above}; name whole weights in --model')
        base = _base_of(model)
        note = '; '.join(filter(None, (note, f'{model} is a LoRA adapter of {base}')))
        return Checkpoint(base, model, note)
    return Checkpoint(model, above, note)


def _folder(named: str) -> tuple[str, str]:
    """The folder with weights that a name means, or the name where it may be a hub id; and what to say of it."""
    path = Path(named).expanduser()
    if not path.exists():
        refuse_path(named)
        return named, ''
    if any((path / name).is_file() for name in (_WHOLE, _ADAPTER)):
        return str(path), ''
    found = newest_checkpoint(path) if path.is_dir() else None
    if found is None:
        raise ConfigError(
            f'no model in {named}: expected a folder with {_WHOLE} or {_ADAPTER}, or one with complete checkpoint-N '
            'folders below it; correct the path'
        )
    return str(found), f'{named}: its newest checkpoint is {found.relative_to(path)}'


def _base_of(adapter: str) -> str:
    """The whole weights that an adapter was trained on."""
    given = [_read(Path(adapter) / 'args.json').get('model')]
    given.append(_read(Path(adapter) / _ADAPTER).get('base_model_name_or_path'))
    names = [str(name) for name in given if name]
    for name in names:
        if Path(name).is_dir() or not looks_local(name):
            return name
    raise ConfigError(
        f'the model under the adapter {adapter} is not here: got {" and ".join(names) or "no name in its files"}; '
        'name it: --model BASE --adapters ADAPTER'
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def model_type(model: str) -> str | None:
    """The `model_type` of the `config.json` in a folder; None where there is none to read."""
    found = _read(Path(model).expanduser() / _WHOLE).get('model_type')
    return str(found) if found else None


def lora_rank(adapter: str) -> int:
    """The largest rank of an adapter's matrices."""
    config = _read(Path(adapter) / _ADAPTER)
    return max([int(config.get('r') or 1), *map(int, (config.get('rank_pattern') or {}).values())])


def merge_line(adapter: str) -> str:
    """The command that makes whole weights of an adapter."""
    return f'merge it: swift export --adapters {adapter} --merge_lora true --output_dir MERGED'


def looks_local(name: str) -> bool:
    """Whether a name that does not exist here must have meant a path: hub ids are `owner/name`, and nothing else is."""
    parts = name.partition('#')[0].split('/')
    local = name.startswith(('.', '~')) or len(parts) != 2 or '' in parts or parts[-1].endswith(_FILES)
    return local or parts[-1].startswith('checkpoint-') or Path(parts[0]).is_dir()


def refuse_path(name: str) -> None:
    """Ends where a path was meant that is not there, before a hub is asked for it.

    Raises:
        ConfigError: with the nearest folder that exists.
    """
    if not looks_local(name):
        return
    path = Path(name).expanduser()
    above = next((folder for folder in path.parents if folder.is_dir()), Path())
    there = sorted(entry.name for entry in above.iterdir() if not entry.name.startswith('.'))[:8]
    raise ConfigError(
        f'no such file or folder: got {name!r}; expected a path that exists, or a hub id such as '
        f'Qwen/Qwen2.5-VL-7B-Instruct; in {above} there is {", ".join(there) or "nothing"}'
    )


def latest_checkpoint(output_dir: Path) -> Path | None:
    """The checkpoint with the most steps below an output folder that was written to its end.

    The host writes `checkpoint-N` into the folder, or into a folder of its own for every run (`v0-…`). One that a crash
    cut short is passed over: `trainer_state.json` is written after weights and optimizer, and DeepSpeed names the last
    complete set of its own files in `latest`.

    Returns:
        The folder, or None when there is none to go on from.
    """
    return max(_complete(output_dir), key=lambda found: (found[0], found[1].stat().st_mtime), default=(0, None))[1]


def newest_checkpoint(output_dir: Path) -> Path | None:
    """The last complete checkpoint of the run below a folder that wrote one last."""
    found = list(_complete(output_dir))
    if not found:
        return None
    run = max(found, key=lambda item: item[1].stat().st_mtime)[1].parent
    return max(item for item in found if item[1].parent == run)[1]


def _complete(output_dir: Path) -> Iterator[tuple[int, Path]]:
    for pattern in ('checkpoint-*', '*/checkpoint-*'):
        for path in output_dir.glob(pattern):
            if (steps := _steps(path)) is not None:
                yield steps, path


def _steps(path: Path) -> int | None:
    """Steps of a complete checkpoint."""
    number = path.name.removeprefix('checkpoint-')
    state, latest = path / 'trainer_state.json', path / 'latest'
    if not number.isdigit() or not state.is_file() or not any(path.glob('*.safetensors')):
        return None
    try:
        json.loads(state.read_text(encoding='utf-8'))
    except ValueError:
        return None
    shards = list(path.glob('global_step*'))
    if shards and not (latest.is_file() and (path / latest.read_text(encoding='utf-8').strip()).is_dir()):
        return None
    return int(number)
