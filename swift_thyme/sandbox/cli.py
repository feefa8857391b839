"""`thyme sandbox`: JSON lines of code in, JSON lines of results out, one session, in lock-step; or the suite."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from ..config import SandboxSettings
from ..errors import ConfigError, DataError
from ..types import SandboxResult
from .backends import make_sandbox
from .base import InputImage
from .blocking import BlockingSandbox
from .zygote_backend import look_at, make_output_dir


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('--image', action='append', default=[], metavar='IMG', help='input picture; may be repeated')
    parser.add_argument('--prompt-path', action='append', default=[], metavar='PATH', help='what the prompt calls it')
    parser.add_argument('--timeout', type=float, metavar='S', help='seconds per snippet (default: 10)')
    parser.add_argument('--output-dir', metavar='DIR', help='keep accepted pictures here after the end of input')
    parser.add_argument('--backend', metavar='NAME', help='local, ray, … (default: THYME_SANDBOX, or local)')
    parser.add_argument('--conformance', action='store_true', help='run the suite that every backend must pass')


def run(args: argparse.Namespace) -> int:
    """Runs every line of standard input in one session; returns 0 at its end, 2 when none could be read.

    With `--conformance` the suite is run instead, and 1 says that a case failed.

    Raises:
        ConfigError: the options do not fit together.
        DataError: an input picture cannot be read, or there is no line.
        SandboxError: the sandbox itself failed.
    """
    settings = SandboxSettings.from_env()
    if args.timeout is not None:
        if not args.timeout > 0:
            raise ConfigError(f'--timeout must be > 0 seconds, got {args.timeout:g}')
        settings = replace(settings, timeout_s=args.timeout)
    if args.backend:
        settings = replace(settings, backend=args.backend)
    if args.conformance:
        return _test(settings)
    if len(args.prompt_path) > len(args.image):
        raise ConfigError(f'{len(args.prompt_path)} --prompt-path but {len(args.image)} --image; give one per picture')
    twice = [path for path, count in Counter(args.prompt_path).items() if count > 1]
    if twice:
        raise ConfigError(f'--prompt-path {twice[0]} is given twice; each picture needs a name of its own')
    prompt_paths = args.prompt_path + [None] * (len(args.image) - len(args.prompt_path))
    images = [InputImage(path, prompt) for path, prompt in zip(args.image, prompt_paths, strict=True)]
    for image in images:
        look_at(image)
    if args.output_dir is not None:
        make_output_dir(args.output_dir)
    answers = 0
    with ExitStack() as stack:
        session = None
        for line in filter(str.strip, _lines(sys.stdin)):
            try:
                code = _code(line)
            except DataError as error:
                _say({'error': str(error)})
                answers += 1
                continue
            if session is None:
                sandbox = stack.enter_context(BlockingSandbox(make_sandbox(settings)))
                session = stack.enter_context(sandbox.open(images, output_dir=args.output_dir))
            _say(as_json(session.run(code)))
            answers += 1
    if not answers:
        raise DataError('nothing to run: got no line on stdin; expected {"code": "…"} lines')
    return 2 if session is None else 0


def _test(settings: SandboxSettings) -> int:
    """Runs the conformance suite and prints its table."""
    from .conformance import CASES, World, run_cases, table

    with (
        BlockingSandbox(make_sandbox(settings)) as sandbox,
        tempfile.TemporaryDirectory() as folder,
        World(Path(folder)) as world,
    ):
        verdicts = sandbox.wait(run_cases(CASES, sandbox.sandbox, world))
    print(table(verdicts))
    return int(any(verdict.problems for verdict in verdicts.values()))


def _lines(source: TextIO) -> Iterator[str]:
    """Lines of UTF-8, whatever the locale says; bytes that are none become replacement characters."""
    raw = getattr(source, 'buffer', None)
    return iter(source) if raw is None else (line.decode('utf-8', 'replace') for line in raw)


def _say(answer: dict[str, Any]) -> None:
    try:
        print(json.dumps(answer), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in its buffer has nowhere to go
        if isinstance(error, BrokenPipeError):
            raise SystemExit(1) from error
        raise DataError(f'the result cannot be written: {error}; give standard output room') from error


def _code(line: str) -> str:
    try:
        code = json.loads(line)['code']
        if not isinstance(code, str):
            raise TypeError(f'"code" must be a string, got {type(code).__name__}')
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f'each line must be {{"code": "…"}}: {error}') from error
    return code


def as_json(result: SandboxResult) -> dict[str, Any]:
    """A result as the command prints it."""
    return {
        'outcome': result.outcome.value,
        'text': result.text,
        'images': [image.path for image in result.images],
        'elapsed_s': round(result.elapsed_s, 6),
        'repairs': list(result.repairs),
        'raw_outcome': result.raw_outcome.value if result.raw_outcome else None,
    }
