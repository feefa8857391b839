"""`thyme infer`: one question to the terminal, or a file of questions to a file of records."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, DataError
from ..types import WHY_NO_ANSWER
from .options import (
    add_model_arguments,
    add_sampling_arguments,
    refuse_unwritable,
    resolve_model,
    settings_from,
    thinker_from,
)

if TYPE_CHECKING:
    from .batch import BatchTally
    from .question import Question
    from .thinker import Reply, Thinker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument('--question', help='without it, an example is drawn and asked')
    parser.add_argument('--image', action='append', default=[], help='picture; repeat for several')
    parser.add_argument('--save', type=Path, metavar='DIR', help='write trajectory.json and the returned pictures here')
    parser.add_argument('--json', action='store_true', help='print one JSON object at the end instead of the text')
    batch = parser.add_argument_group('many questions')
    batch.add_argument('--input', type=Path, metavar='JSONL', help='rows with question, images and if you like id')
    batch.add_argument('--output', type=Path, metavar='JSONL', help='one record a row; a killed run goes on with it')
    batch.add_argument('--concurrency', type=int, default=8, help='questions under way at a time (default 8)')
    add_model_arguments(parser)
    add_sampling_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Asks, and shows what happens as it happens; exit code 0 only with an answer."""
    if (args.input is None) != (args.output is None):
        raise ConfigError('--input and --output belong together; give both, or neither')
    settings_from(args)
    if not args.url:
        resolve_model(args)
    if args.save is not None:
        refuse_unwritable(args.save)
    if args.input is not None:
        return _run_batch(args)
    if args.question is None and args.image:
        raise ConfigError('--image without --question; say what you want to know')
    if args.question is not None and not args.question.strip():
        raise ConfigError('--question is empty; say what you want to know')
    if args.question is not None:
        return _run_one(args, args.question, args.image)
    from .example import draw_example

    with tempfile.TemporaryDirectory(prefix='thyme-example-') as folder:
        question, image, solution = draw_example(Path(folder))
        print(f'{question}\n[{image}; the right answer is {solution}]\n', file=sys.stderr)
        return _run_one(args, question, [image])


def _run_one(args: argparse.Namespace, text: str, images: list[str]) -> int:
    from ..trajectories import as_document, as_json
    from .question import Question
    from .terminal import Painter, harmless

    question = Question(text, tuple(map(Path, images)))
    question.conversation()
    thinker = thinker_from(args)
    show = None if args.json else Painter(sys.stdout)
    folder = args.save / 'images' if args.save else None
    reply = asyncio.run(_ask_and_close(thinker, question, on_event=show, output_dir=folder, tools=not args.no_tools))
    record = reply.record(question, model=thinker.engine.name)
    if args.save:
        (args.save / 'trajectory.json').write_bytes(as_document(record))
    if args.json:
        print(json.dumps(as_json(record), ensure_ascii=False))
    elif reply.answer is None:
        why = WHY_NO_ANSWER.get(reply.stop_reason, 'it is empty')
        print(f'\n[{reply.stop_reason.value}] no answer: {why}')
    else:
        print(f'\n[{reply.stop_reason.value}] answer: {harmless(reply.answer)}')
    if reply.earlier:
        kind = 'without tools' if reply.fell_back else 'with sampling'
        print(f'attempt {len(reply.earlier) + 1} of the same question, {kind}', file=sys.stderr)
    if reply.error:
        print(f'thyme infer: {reply.error}', file=sys.stderr)
    return 0 if reply.answer is not None else 1


async def _ask_and_close(thinker: Thinker, question: Question, **options: Any) -> Reply:
    try:
        return await thinker.answer(question, **options)
    finally:
        await thinker.aclose()


def _run_batch(args: argparse.Namespace) -> int:
    from .batch import answered, read_rows, run_batch

    if args.question is not None or args.image:
        raise ConfigError('--input has the questions; leave --question and --image out')
    rows = list(read_rows(args.input))
    if not rows:
        raise DataError(f'no questions: got {args.input} without a row; expected one JSON object a line')
    for row in rows:
        for image in row.question.images:
            if isinstance(image, Path) and not image.is_file():
                raise DataError(f'{args.input}: row {row.index + 1} has no picture: got {image}; correct the path')
    if len(answered(args.output, rows)) == len(rows):
        print(f'{args.output}: all {len(rows)} rows are answered already', file=sys.stderr)
        return 0
    thinker = thinker_from(args)

    async def answer_all() -> BatchTally:
        try:
            return await run_batch(
                thinker,
                rows,
                args.output,
                concurrency=args.concurrency,
                save=args.save,
                tools=not args.no_tools,
                on_done=_progress,
            )
        finally:
            await thinker.aclose()

    tally = asyncio.run(answer_all())
    print(f'\n{args.output}: {_summary(tally)}', file=sys.stderr)
    if not tally.complete:
        for cause, number in list(tally.causes.items())[:3]:
            print(f'row {number}: {cause}', file=sys.stderr)
        print('run the same command again to ask the failed ones once more', file=sys.stderr)
    return 0 if tally.complete else 1


def _summary(tally: BatchTally) -> str:
    return (
        f'{tally.rows} rows: {tally.kept} kept, {tally.answered} answered, {tally.unanswered} without an answer, '
        f'{tally.failed} failed'
    )


def _progress(tally: BatchTally) -> None:
    if sys.stderr.isatty():
        print(f'\r{_summary(tally)}', end='', file=sys.stderr, flush=True)
