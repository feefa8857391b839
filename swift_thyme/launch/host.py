"""The host's own argument classes: which flags a command takes, and whether their values parse.

They are read from the installed host, so that this is right for its version. Importing it takes seconds.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
from collections.abc import Iterable
from enum import Enum
from functools import cache
from typing import Any, NoReturn

from ..engines.hush import hushed
from ..errors import ConfigError
from .words import Flags, to_words


class Method(str, Enum):
    """A command of the host that is launched from here."""

    SFT = 'sft'
    RLHF = 'rlhf'
    ROLLOUT = 'rollout'

    @property
    def trains(self) -> bool:
        """Whether it takes optimizer steps."""
        return self in (Method.SFT, Method.RLHF)


def argument_class(method: Method) -> Any:
    """The host's dataclass of arguments for a command."""
    with hushed():
        from swift import arguments
        from swift.arguments.deploy_args import RolloutArguments

    return {
        Method.SFT: arguments.SftArguments,
        Method.RLHF: arguments.RLHFArguments,
        Method.ROLLOUT: RolloutArguments,
    }[method]


@cache
def known_flags(method: Method) -> frozenset[str]:
    """Names of all flags that the host's command takes."""
    return frozenset(f.name for f in dataclasses.fields(argument_class(method)) if f.init)


@cache
def _parser(method: Method) -> argparse.ArgumentParser:
    from swift.utils.utils import _patch_get_type_hints
    from transformers import HfArgumentParser

    with _patch_get_type_hints():
        parser: argparse.ArgumentParser = HfArgumentParser([argument_class(method)], allow_abbrev=False)

    def fail(message: str) -> NoReturn:
        raise ConfigError(f'the host does not take this value: {message}')

    parser.error = fail  # type: ignore[method-assign]
    return parser


def nearest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The known names most like `name`, best first."""
    return difflib.get_close_matches(name, sorted(known), n=n, cutoff=0.6)


def check(method: Method, flags: Flags) -> None:
    """Checks names and values with the host's parser, and whether a training with them can teach; starts nothing.

    Raises:
        ConfigError: a flag does not exist or its value does not parse; the message names the nearest flags. Or it is
            one under which a run would be worth nothing.
    """
    known = known_flags(method)
    for name in flags:
        if name not in known:
            near = ', '.join(f'--{n}' for n in nearest(name, known))
            raise ConfigError(
                f'unknown flag: got --{name}; expected a flag of `swift {method.value}`'
                + (f', the nearest are {near}' if near else '')
                + '; correct or remove it'
            )
    arguments, rest = _parser(method).parse_known_args(to_words(flags))
    if rest:
        raise ConfigError(f'too many values: the host does not know what to do with {rest}; remove them')
    if method.trains:
        from ..host.preflight import check_arguments

        check_arguments(arguments)
