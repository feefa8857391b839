"""Reading a verdict from what a judge wrote. Owns the tolerance: what is accepted, and what raises.

A score is believed only where the judge commits to it: as an object or a line that stands by itself. One that is
quoted, discussed, cut off or thought about is none; a mention that cannot be read makes the whole reply unreadable.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import JudgeUnparsable
from ..prompts import Scale

_SHOWN_CHARS = 200
_WORDS = {'yes': 1, 'true': 1, 'no': 0, 'false': 0}
_THINKING = (
    re.compile(r'\A.*</think(?:ing)?>', re.DOTALL | re.IGNORECASE),  # the opening tag was in the prompt
    re.compile(r'\A.*<\|channel\|>final<\|message\|>', re.DOTALL),
)
_OPEN_THINKING = re.compile(r'<(?P<tag>think|thinking|reasoning)>|◁think▷|<\|channel\|>', re.IGNORECASE)
_FLAT = re.compile(r'\{[^{}]*\}')
_MOST_BRACES = 1_000
"""In what a judge says; each may begin an object that has to be tried."""
_CHANNEL = '<|channel|>'
_FULL_WIDTH = str.maketrans('：“”„‘’｛｝，\xa0', ':"""\'\'{}, ')
_DECORATION = r'[\s"\'`*_]*'


def read_verdict(reply: str, scale: Scale) -> tuple[int, ...]:
    """The scores of a reply, in the order of the scale's keys.

    Accepts a JSON object (fenced or not, nested, keys in any case, single quotes, bare keys), or lines `Key: number`
    in the usual dress, after closed reasoning. Several verdicts must agree; of an object that is mentioned and one that
    ends the reply after a colon or on a line of its own, the latter counts.

    Raises:
        JudgeUnparsable: there is no verdict, it is out of bounds or not committed to, or verdicts contradict.
    """
    text = _without_closed_thinking(reply)
    for pattern in _THINKING:
        text = pattern.sub('', text)
    text = text.translate(_FULL_WIDTH)
    unreadable = _OPEN_THINKING.search(text) is not None or text.count('{') > _MOST_BRACES
    found = set() if unreadable else _from_objects(text, scale)
    if found == set() and '{' not in text and not unreadable:
        found = _from_lines(text, scale)
    if found is not None and len(found) == 1:
        return found.pop()
    what = 'contradicts itself' if found else 'holds no verdict'
    shown = reply if len(reply) <= _SHOWN_CHARS else reply[:_SHOWN_CHARS] + '…'
    raise JudgeUnparsable(
        f'the judge’s reply {what}: got {shown!r}; expected a JSON object with {", ".join(scale.keys)} from '
        f'{scale.low} to {scale.high}; try a larger model, or THYME_JUDGE_TEMPERATURE=0'
    )


def _without_closed_thinking(text: str) -> str:
    kept, at, unclosed = list[str](), 0, set[str]()
    for opening in _OPEN_THINKING.finditer(text):
        name = (opening['tag'] or opening.group()).lower()
        if opening.start() < at or name in unclosed or name == _CHANNEL:
            continue
        closing = re.compile(f'</{name}>' if opening['tag'] else '◁/think▷', re.IGNORECASE).search(text, opening.end())
        if closing is None:
            unclosed.add(name)
        else:
            kept.append(text[at : opening.start()])
            at = closing.end()
    return ''.join([*kept, text[at:]])


def _from_objects(text: str, scale: Scale) -> set[tuple[int, ...]]:
    """The verdicts of the objects that stand by themselves; contradicting ones where the end does not settle it."""
    alone, mentioned, settled = set[tuple[int, ...]](), set[tuple[int, ...]](), None
    for start, end, value in _objects(text):
        verdict = _from_object(value, scale)
        if verdict is None:
            continue
        before, after = text[:start].rsplit('\n', 1)[-1].rstrip(' [`*'), text[end:].split('\n', 1)[0].strip(' ]`*.;')
        if after:
            mentioned.add(verdict)
            continue
        alone.add(verdict)
        last = not text[end:].strip(' ]`*.;\n')
        settled = verdict if last and (not before or before.endswith(':')) else settled
    if mentioned <= alone and len(alone) == 1:
        return alone
    return {settled} if settled is not None and len(alone) == 1 else alone | (mentioned if alone else set())


def _objects(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """The outermost objects, with where they begin and end."""
    start = text.find('{')
    while start >= 0:
        found = _object_at(text, start)
        if found is not None:
            yield start, found[0], found[1]
        start = text.find('{', found[0] if found is not None else start + 1)


def _keyed(pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """An object by its keys in lower case; one that is given twice has no value."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        name = str(key).strip().lower()
        found[name] = None if name in found else value
    return found


_JSON = json.JSONDecoder(object_pairs_hook=_keyed)


def _object_at(text: str, start: int) -> tuple[int, dict[str, Any]] | None:
    try:
        value, end = _JSON.raw_decode(text, start)
        return (end, value) if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        found = _FLAT.match(text, start)
    if found is None:
        return None
    flat, end = found.group(), found.end()
    flat = re.sub(r'([{,]\s*)([A-Za-z]\w*)(\s*:)', r'\1"\2"\3', flat)
    flat = re.sub(r'(:\s*)(true|false)\b', lambda m: m[1] + m[2].capitalize(), flat)
    try:
        tree = ast.parse(flat, mode='eval').body
        if not isinstance(tree, ast.Dict):
            return None
        keys = [ast.literal_eval(key) for key in tree.keys if key is not None]
        return end, _keyed(zip(keys, map(ast.literal_eval, tree.values), strict=True))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _from_object(value: dict[str, Any], scale: Scale) -> tuple[int, ...] | None:
    scores = [_score(value.get(key.lower()), scale) for key in scale.keys]
    if all(s is not None for s in scores):
        return tuple(s for s in scores if s is not None)
    inner = [v for v in value.values() if isinstance(v, dict)]
    return _from_object(inner[0], scale) if len(inner) == 1 else None


def _score(value: object, scale: Scale) -> int | None:
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _WORDS and (scale.low, scale.high) == (0, 1):
            return _WORDS[text]
        value = float(text) if re.fullmatch(r'\d{1,9}(?:\.0+)?', text) else None
    if not isinstance(value, int | float) or value not in range(scale.low, scale.high + 1):
        return None
    return int(value)


def _from_lines(text: str, scale: Scale) -> set[tuple[int, ...]]:
    """Verdicts in the form `Key: number`; empty unless every mention of that form is one."""
    text = '\n'.join(filter(None, map(str.strip, text.splitlines())))
    keys = '|'.join(map(re.escape, scale.keys))
    mentions = re.findall(rf'\b(?:{keys})\b{_DECORATION}[:=]{_DECORATION}-?\d', text, re.IGNORECASE)
    suffix = rf'(?:\s*/\s*{scale.high}|\s*\(?out of {scale.high}\)?)?{_DECORATION}(?=$|[.,;](?:\s|$)|\n)'
    lead = r'(?:^|(?<=[,;])\s)[\s"\'`*_>#|-]*(?:(?:final|my|the)\s+)?(?:(?:rating|verdict|answer|score)\s*:\s*)?'
    clean = re.compile(
        rf'{lead}({keys}){_DECORATION}[:=]{_DECORATION}(\d{{1,9}}(?:\.0+)?){suffix}', re.IGNORECASE | re.MULTILINE
    )
    scores: dict[str, list[int | None]] = {key.lower(): [] for key in scale.keys}
    for key, number in clean.findall(text):
        scores[key.lower()].append(_score(number, scale))
    columns = list(scores.values())
    if sum(map(len, columns)) != len(mentions) or any(len(c) != len(columns[0]) or None in c for c in columns):
        return set()
    return {tuple(s for s in row if s is not None) for row in zip(*columns, strict=True)}
