"""Reading a verdict from what a judge wrote. Owns the tolerance: what is accepted, and what raises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ...errors import JudgeUnparsable
from ..prompts import Scale

_SHOWN_CHARS = 200
_WORDS = {'yes': 1, 'true': 1, 'no': 0, 'false': 0}


def read_verdict(reply: str, scale: Scale) -> tuple[int, ...]:
    """The scores of a reply, in the order of the scale's keys.

    Accepts a JSON object anywhere in the text (fenced or not, after a reasoning part, keys in any case), and the form
    `Key: number`. Several verdicts in one reply must agree.

    Raises:
        JudgeUnparsable: there is no verdict, it is out of bounds, or verdicts contradict each other.
    """
    text = reply.rsplit('</think>', 1)[-1]
    found = {v for v in (_from_object(o, scale) for o in _objects(text)) if v is not None}
    if not found:
        found = _from_lines(text, scale)
    if len(found) == 1:
        return found.pop()
    what = 'contradicts itself' if found else 'holds no verdict'
    shown = reply if len(reply) <= _SHOWN_CHARS else reply[:_SHOWN_CHARS] + '…'
    raise JudgeUnparsable(
        f'the judge’s reply {what}: got {shown!r}; expected a JSON object with {", ".join(scale.keys)} from '
        f'{scale.low} to {scale.high}; try a larger model, or THYME_JUDGE_TEMPERATURE=0'
    )


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder, start = json.JSONDecoder(), text.find('{')
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find('{', start + 1)
            continue
        if isinstance(value, dict):
            yield value
        start = text.find('{', end)


def _from_object(value: dict[str, Any], scale: Scale) -> tuple[int, ...] | None:
    lower = {str(k).strip().lower(): v for k, v in value.items()}
    scores = [_score(lower.get(key.lower()), scale) for key in scale.keys]
    return tuple(s for s in scores if s is not None) if all(s is not None for s in scores) else None


def _score(value: object, scale: Scale) -> int | None:
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _WORDS and (scale.low, scale.high) == (0, 1):
            return _WORDS[text]
        value = float(text) if re.fullmatch(r'\d+(?:\.0+)?', text) else None
    if not isinstance(value, int | float) or value != int(value) or not scale.low <= value <= scale.high:
        return None
    return int(value)


def _from_lines(text: str, scale: Scale) -> set[tuple[int, ...]]:
    columns = [re.findall(rf'\b{key}\b["*\s]*[:=]\s*["*]*(\d+)(?![\d.]*\d)', text, re.IGNORECASE) for key in scale.keys]
    if any(len(c) != len(columns[0]) for c in columns):
        return set()
    rows = [tuple(_score(v, scale) for v in row) for row in zip(*columns, strict=True)]
    return {tuple(s for s in row if s is not None) for row in rows if None not in row}
