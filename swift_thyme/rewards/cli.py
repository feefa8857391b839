"""`thyme score`: verdicts and rewards for rows on stdin."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from ..config import Convention, JudgeSettings, RewardSettings
from ..errors import DataError
from .scoring import Row, read_rows, score


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = 'stdin: JSON lines {"question", "solution", "completion"}; stdout: one JSON line each'
    parser.add_argument('--rules-only', action='store_true', help='format and rule verdict only; no judge is asked')
    parser.add_argument('--convention', choices=[c.value for c in Convention], help='whose format check applies')


def run(args: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    settings = RewardSettings.from_env()
    if args.convention:
        settings = replace(settings, convention=Convention(args.convention))
    rows = read_rows(sys.stdin)
    first = next(rows, None)
    if first is None:
        raise DataError('nothing to score: got no row on stdin; expected one JSON object a line')
    judge = None if args.rules_only else JudgeSettings.for_shell('or use --rules-only')
    asyncio.run(_score(chain([first], rows), settings, judge))
    return 0


async def _score(rows: Iterator[Row], settings: RewardSettings, judge: JudgeSettings | None) -> None:
    async for line in score(rows, settings, judge):
        print(json.dumps(line, ensure_ascii=False), flush=True)
