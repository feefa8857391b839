"""Command-line words to flags and back, and the host's YAML form. Knows nothing of what a flag means."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError

Flags = dict[str, tuple[str, ...]]
"""Flag without dashes → its values, in the order given. A flag given twice has its last values, as with the host."""
_CONFIG_ENDINGS = ('.yaml', '.yml', '.json')


def read_words(words: Sequence[str]) -> tuple[Flags, dict[str, str]]:
    """Reads a command line, with or without a configuration file in front.

    Args:
        words: `[FILE.yaml] --flag value … --flag=value …`.

    Returns:
        The flags, and the variables that the file's `ENV` sets.

    Raises:
        ConfigError: a value stands before the first flag, or the file cannot be read.
    """
    flags: Flags = {}
    env: dict[str, str] = {}
    if words and words[0].endswith(_CONFIG_ENDINGS):
        flags, env = read_config(Path(words[0]))
        words = words[1:]
    for name, values in _groups(words):
        flags[name] = values
    return flags, env


def _groups(words: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    name = ''
    values: list[str] = []
    for word in words:
        if word.startswith('--') and len(word) > 2:
            if name:
                yield name, tuple(values)
            name, sign, value = word[2:].partition('=')
            name, values = name.replace('-', '_'), [value] if sign else []
        elif name:
            values.append(word)
        else:
            raise ConfigError(
                f'a value stands before the first flag: got {word!r}; expected --flag value or FILE.yaml; check quotes'
            )
    if name:
        yield name, tuple(values)


def read_config(path: Path) -> tuple[Flags, dict[str, str]]:
    """Reads the host's YAML or JSON form of a command line.

    Raises:
        ConfigError: the file cannot be read or is no mapping.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))  # JSON is YAML
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f'configuration file {path} cannot be read: {error}; expected YAML or JSON') from error
    if not isinstance(content, dict):
        raise ConfigError(f'{path} is no mapping: got {type(content).__name__}; expected `flag: value` lines')
    env = {str(name): str(value) for name, value in (content.pop('ENV', None) or {}).items()}
    return {str(name): values_of(value) for name, value in content.items()}, env


def values_of(value: Any) -> tuple[str, ...]:
    """What a configuration file says of a flag, as the words that say it on a command line."""
    if isinstance(value, list):
        return tuple(_word(item) for item in value)
    return (_word(value),)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def to_words(flags: Mapping[str, Sequence[str]]) -> list[str]:
    """Flags as command-line words."""
    return [word for name, values in flags.items() for word in (f'--{name}', *values)]


def to_yaml(flags: Mapping[str, Sequence[str]], env: Mapping[str, str]) -> str:
    """Flags in the form that `swift METHOD FILE.yaml` reads."""
    import yaml

    content: dict[str, Any] = {'ENV': dict(env)} if env else {}
    for name, values in flags.items():
        plain = [_plain(value) for value in values]
        content[name] = plain[0] if len(plain) == 1 else plain
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=10_000)
    return text


def _plain(word: str) -> Any:
    """A word as the number or truth value that it spells, where it comes back as the same word."""
    import yaml

    try:
        value = yaml.safe_load(word)
    except yaml.YAMLError:
        return word
    return value if isinstance(value, (bool, int, float)) and _word(value) == word else word
