"""`thyme demo --model M` or `thyme demo --base-url URL`."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...env import port
from ...errors import ConfigError, DataError, pip_line
from ...infer.options import add_model_arguments, add_sampling_arguments, thinker_from

if TYPE_CHECKING:
    from .app import Example
    from .sources import Source


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        '--base-url', metavar='URL', help='address of a `thyme serve`, with /v1, in place of a model here'
    )
    parser.add_argument('--api-key', default='', help='of that server')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (default %(default)s)')
    parser.add_argument('--port', type=port, help='port (default: the first free one from 7860)')
    parser.add_argument(
        '--examples', type=Path, metavar='JSONL', help='rows with question and images to offer (default: drawn)'
    )
    add_model_arguments(parser)
    add_sampling_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Serves the page until it is interrupted."""
    try:
        from .app import build_app, launch
    except ImportError as error:
        raise ConfigError(f'the demo needs Gradio: {error}; {pip_line("demo")}') from error
    from .open_questions import OpenQuestions

    with tempfile.TemporaryDirectory(prefix='thyme-examples-') as folder:
        examples = list(_read_examples(args.examples) if args.examples else _draw_examples(Path(folder)))
        source = _source(args)
        questions = OpenQuestions(source)
        try:
            app = build_app(questions, name=source.name, examples=examples)
            address = launch(app, questions, host=args.host, port=args.port, examples=examples)
            print(f'{address}  (Ctrl-C ends it)', flush=True)
            app.block_thread()
        finally:
            questions.close()
    return 0


def _source(args: argparse.Namespace) -> Source:
    from .sources import Local, Remote

    if args.base_url and (args.model or args.url):
        raise ConfigError('--base-url names a server that has a model already; leave out --model and --url')
    return (
        Remote.connect(args.base_url, args.api_key) if args.base_url else Local(thinker_from(args), not args.no_tools)
    )


def _draw_examples(folder: Path) -> Iterator[Example]:
    from ...infer.example import draw_example
    from .app import Example

    question, image, _ = draw_example(folder)
    yield Example(Path(image), question)


def _read_examples(path: Path) -> Iterator[Example]:
    from .app import Example

    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines()[:8], 1):
        try:
            row = json.loads(line)
            image = row['images'][0]
            name = image['path'] if isinstance(image, dict) else image
            yield Example(path.parent / name, str(row['question']))
        except (ValueError, LookupError, TypeError) as error:
            raise DataError(f'{path}:{number} is no example: {error!r}; expected question and images') from error
