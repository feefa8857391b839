"""Flags shared by `thyme eval` and `thyme audit`, and what they name: items, judge. The model's are `infer.options`.

Owns reading the flags. Engines and sets are imported when they are needed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import JudgeSettings, judge_addresses, shown_address
from ..errors import ConfigError
from ..infer.options import refuse_unwritable, resolve_model, settings_from, thinker_from

logger = logging.getLogger(__name__)
_JUDGE_S = 15.0
_TOLD = 5

if TYPE_CHECKING:
    from ..infer import InferSettings, Thinker
    from .items import Item
    from .runner import EvalSettings, OnProgress
    from .session import Plan
    from .sources import LeftOut


def add_asking_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags that say how items are put and graded."""
    group = parser.add_argument_group('asking')
    group.add_argument('--repeats', type=int, default=1, help='attempts an item, each with its own order of options')
    group.add_argument('--no-shuffle', action='store_true', help='options and wording as the source has them')
    group.add_argument('--limit', type=int, help='only the first items')
    group.add_argument('--strict', action='store_true', help='refuse a set with a row that cannot be used')
    group.add_argument('--concurrency', type=int, default=8, help='items under way at a time (default: %(default)s)')
    group.add_argument(
        '--judge',
        nargs='?',
        const='',
        metavar='ADDRESS',
        help='ask a judge what rules cannot decide; without ADDRESS the one of the environment, as in training',
    )


def add_set_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of a set that is made where none is named."""
    made = parser.add_argument_group('without --data a set is made')
    made.add_argument('--n', type=int, default=100, help='items (default: %(default)s)')
    made.add_argument('--canvas', default='4k', help='longer side of the pictures (default: %(default)s)')
    made.add_argument('--difficulty', default='0.75-0.95', help='D or LOW-HIGH (default: %(default)s)')


def prepare(args: argparse.Namespace, settings: EvalSettings) -> tuple[Thinker, Plan, Path]:
    """The model, the plan and the folder that the flags name.

    Raises:
        ConfigError: no folder or no model is named, or a flag cannot be read.
        DataError: a set cannot be used.
    """
    from ..data.synth.readable import share_of_set
    from .session import Plan

    if args.out is None:
        raise ConfigError('no folder for the run: got no --out; expected one; name it, new or begun before')
    settings_from(args)
    if not args.url:
        resolve_model(args)
    refuse_unwritable(args.out)
    judge = reachable_judge(args.judge)
    items, left_out = load_items(args, args.out)
    thinker = thinker_from(args)
    policy = described(args, thinker.settings, name=thinker.engine.name, folders=thinker.engine.weights)
    policy |= {'served': stated} if (stated := thinker.engine.stated()) else {}
    data = args.data or [f'synth n={args.n}']
    readable = share_of_set(Path(args.data[0]) if args.data else args.out / 'data') if len(args.data) < 2 else None
    plan = Plan(items, data, settings, policy, judge, args.concurrency, left_out, readable)
    return thinker, plan, args.out


def described(
    args: argparse.Namespace, settings: InferSettings, *, name: str = '', folders: Sequence[str] = ()
) -> dict[str, Any]:
    """What a report says of the policy that the flags name.

    Args:
        args: with the arguments of `infer.options`.
        settings: of its thinker.
        name: of the model where no flag has one.
        folders: of its weights, where they are known better than by the flags.
    """
    from ..infer.describe import describe_policy

    return describe_policy(
        args.model or name,
        settings,
        folders=folders,
        **({'adapters': args.adapters} if args.adapters else {}),
        backend=args.backend or ('url' if args.url else 'transformers'),
        url=args.url,
        template=args.template,
        engine_kwargs={key: '***' if 'key' in key else str(value) for key, value in args.engine_kwargs.items()},
    )


def load_items(args: argparse.Namespace, out: Path) -> tuple[list[Item], LeftOut]:
    """The items of all sets named, or of a set made for this run, and what the sets say beside them."""
    from .sources import LeftOut, load, require_unique

    left_out = LeftOut()
    paths = [Path(path) for path in args.data] or [_made_set(args, out / 'data')]
    sets = {path: load(path, out / 'inputs', None if args.strict else left_out) for path in paths}
    for told in left_out.rows[:_TOLD]:
        logger.warning('%s', told)
    if left_out.rows:
        logger.warning('%d rows cannot be used and are not asked; --strict refuses such a set', len(left_out.rows))
    if left_out.columns:
        named = ', '.join(f'{name} ({rows})' for name, rows in left_out.columns.most_common())
        logger.warning('columns that are not read, by rows: %s', named)
    if len(sets) == 1:
        return sets[paths[0]][: args.limit], left_out
    items = [replace(item, id=f'{path.stem}/{item.id}') for path, found in sets.items() for item in found]
    require_unique(items, ', '.join(args.data))
    return items[: args.limit], left_out


def _made_set(args: argparse.Namespace, folder: Path) -> Path:
    from ..data.synth import SetSpec, generate
    from ..data.synth.cli import difficulty

    generate(SetSpec(n=args.n, seed=args.seed, canvas=args.canvas, difficulty=difficulty(args.difficulty)), folder)
    return folder


def judge_settings(address: str | None) -> JudgeSettings | None:
    """The judge of `--judge`: None without the flag, the environment's without an address."""
    if address is None:
        return None
    settings = JudgeSettings.for_shell('or leave --judge out: rules alone grade then')
    try:
        return replace(settings, addresses=judge_addresses(address, '')) if address else settings
    except ValueError as error:
        raise ConfigError(
            f'--judge cannot be read: got {shown_address(address)!r}: {error}; give http://HOST:PORT/v1'
        ) from error


def reachable_judge(address: str | None) -> JudgeSettings | None:
    """As `judge_settings`, with the name of the judge's model, which is asked of the first address that answers.

    Raises:
        ConfigError: no address answers.
    """
    settings = judge_settings(address)
    if settings is None or settings.model:
        return settings
    from ..rewards.judge.check import first_models

    models, causes = asyncio.run(first_models(settings, _JUDGE_S))
    if not models:
        said = '; '.join(f'{address}: {cause}' for address, cause in causes.items())
        raise ConfigError(f'no judge answers: {said}; start it, or leave --judge out: rules alone grade then')
    return replace(settings, model=next(iter(models.values())))


def progress_bar(total: int) -> OnProgress:
    """A line on stderr with throughput and time left; on a terminal every second, in a log twice a minute."""
    from tqdm import tqdm

    bar: tqdm[None] | None = None

    def show(done: int, failed: int) -> None:
        nonlocal bar
        if bar is None:
            seconds = 1.0 if sys.stderr.isatty() else 30.0
            bar = tqdm(total=total, initial=max(0, done - 1), unit='answer', mininterval=seconds, file=sys.stderr)
        bar.set_postfix_str(f'failed {failed}' if failed else '', refresh=False)
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return show
