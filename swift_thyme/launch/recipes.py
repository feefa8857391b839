"""The packaged recipes: YAML files in `recipes/`, one `flag: value` a line, each explained in its comment.

Beside flags of the host and ours a recipe has `method` (the command it is for), `base` (a recipe that says the rest)
and `ENV` (variables, where they are not set). `${NAME}` and `${NAME:-default}` are variables; `null` leaves out what
the base has. Owns reading them; a flag that the user gives wins over all of this.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..env import read_env
from ..errors import ConfigError
from .host import Method
from .words import Flags, values_of

FOLDER = Path(__file__).parent / 'recipes'
_VARIABLE = re.compile(r'\$\{(\w+)(?::-([^}]*))?\}')
_LISTS = ('dataset', 'vllm_server_host', 'vllm_server_port')
"""Flags whose variable holds several values, separated by spaces."""


def recipe_names(method: Method | None = None) -> list[str]:
    """Names of the recipes, of one command or of all."""
    names = sorted(path.stem for path in FOLDER.glob('*.yaml'))
    return [name for name in names if method in (None, Method(_content(name)['method']))]


def about(name: str) -> str:
    """What a recipe is for: the first sentence of its file."""
    first = (FOLDER / f'{name}.yaml').read_text(encoding='utf-8').partition('\n')[0]
    return first.removeprefix('# ').partition('. ')[0].rstrip('.')


def read_recipe(name: str, method: Method, env: Mapping[str, str] | None = None) -> tuple[Flags, dict[str, str]]:
    """The flags of a recipe and the variables that it sets.

    Args:
        name: of the recipe.
        method: the command it is used with.
        env: the variables; the process's by default.

    Raises:
        ConfigError: there is no such recipe, or it is for another command.
    """
    names = recipe_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, cutoff=0.5)
        raise ConfigError(
            f'no such recipe: got {name or "no name"}; expected one of {", ".join(recipe_names(method))}'
            + (f'; the nearest is {near[0]}' if near else '')
        )
    content = _content(name)
    wanted = Method(content.pop('method'))
    if wanted is not method:
        raise ConfigError(f'recipe {name} is for another command; use: thyme {wanted.value} --recipe {name}')
    variables = {str(k): str(v) for k, v in content.pop('ENV', {}).items() if v is not None}
    flags = {str(flag): _filled(flag, value, env) for flag, value in content.items() if value is not None}
    return {flag: values for flag, values in flags.items() if values}, variables


def _content(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FOLDER / f'{name}.yaml').read_text(encoding='utf-8'))
    base = content.pop('base', None)
    if base is None:
        return content
    below = _content(base)
    return {**below, **content, 'ENV': {**below.get('ENV', {}), **content.get('ENV', {})}}


def _filled(flag: str, value: Any, env: Mapping[str, str] | None) -> tuple[str, ...]:
    """The values of a flag with variables in their places; none where its variable is empty."""
    words = tuple(_VARIABLE.sub(lambda m: read_env(m[1], str, m[2] or '', env), word) for word in values_of(value))
    if flag in _LISTS:
        return tuple(part for word in words for part in word.split())
    return () if words == ('',) else words
