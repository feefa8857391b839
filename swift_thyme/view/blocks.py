"""A record as the page shows it: plain JSON values, long texts cut, words, tags, code and outputs told apart.

Owns what the page is told of a trajectory. Pictures are `pictures`, where they were cut from is `locate`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import protocol
from ..trajectories import Record, RecordedTurn, Source
from ..types import SegmentKind
from .highlight import highlight

MAX_BLOCK_CHARS = 40_000
"""Longer stretches of text are cut in the page; the file they came from has all of it."""
MAX_TOKENS = 20_000
"""Tokens of one turn that are coloured one by one."""
_TAGS = re.compile(
    '|'.join(map(re.escape, (protocol.THINK_OPEN, protocol.THINK_CLOSE, protocol.ANSWER_OPEN, protocol.ANSWER_CLOSE)))
)

Decode = Callable[[Sequence[int]], list[str]]
"""Token ids → the visible text of each."""


def shown(record: Record, *, decode: Decode | None = None) -> dict[str, Any]:
    """The record's own content; pictures are added by the builder.

    Args:
        record: one trajectory.
        decode: for token views of records that hold ids only.
    """
    return {
        'id': record.digest(),
        'where': record.origin,
        'source': record.source.value,
        'question': clip(record.question),
        'solution': None if record.solution is None else clip(record.solution),
        'answer': None if record.answer is None else clip(record.answer),
        'prompt': [[str(m.get('role', '')), clip(_content(m.get('content')))] for m in record.messages],
        'stop': record.stop,
        'error': clip(record.error),
        'aside': _aside(record),
        'rewards': {name: _finite(value) for name, value in record.rewards.items()},
        'advantage': _finite(record.advantage),
        'correct': record.correct,
        'step': record.step,
        'sandbox_s': record.sandbox_s,
        'attempts': [clip(text) for text in record.failed_attempts],
        'turns': [_turn(turn, tokens) for turn, tokens in zip(record.turns, _tokens(record, decode), strict=True)],
        'extra': clip(json.dumps(record.extra, indent=1, ensure_ascii=False, default=str)) if record.extra else '',
        'partial': record.source is not Source.THYME,
    }


def clip(text: str) -> str:
    """The text, its middle left out where it is longer than `MAX_BLOCK_CHARS`."""
    if len(text) <= MAX_BLOCK_CHARS:
        return text
    half = MAX_BLOCK_CHARS // 2
    return f'{text[:half]}\n… {len(text) - 2 * half:,} characters left out of this page …\n{text[-half:]}'


def blocks(text: str) -> list[list[Any]]:
    """What was sampled in one turn, as `[kind, …]` lists for the page.

    Kinds: `w` words, `g` a tag, `a` the answer, `c` code (before, runs of colour, after), `m` sandbox output that the
    model wrote itself.
    """
    out: list[list[Any]] = []
    answering = False
    for segment in protocol.segments(text):
        if segment.kind is SegmentKind.CODE:
            out.append(_code(segment.text))
        elif segment.kind is SegmentKind.SANDBOX:
            out.append(['m', clip(segment.text)])
        else:
            for piece, is_tag in _split(segment.text):
                if is_tag:
                    answering = piece == protocol.ANSWER_OPEN
                    out.append(['g', piece])
                elif piece.strip():
                    out.append(['a' if answering else 'w', clip(piece.strip('\n'))])
    return out


def _code(text: str) -> list[Any]:
    closed = text.endswith(protocol.CODE_CLOSE)
    inner = text[len(protocol.CODE_OPEN) : -len(protocol.CODE_CLOSE)] if closed else text[len(protocol.CODE_OPEN) :]
    source = protocol.strip_fence(inner)
    start = text.find(source) if source else len(protocol.CODE_OPEN)
    return ['c', text[:start].strip(), list(highlight(clip(source))), text[start + len(source) :].strip()]


def _split(text: str) -> Iterator[tuple[str, bool]]:
    at = 0
    for match in _TAGS.finditer(text):
        yield text[at : match.start()], False
        yield match.group(), True
        at = match.end()
    yield text[at:], False


def _turn(turn: RecordedTurn, tokens: dict[str, Any] | None) -> dict[str, Any]:
    shown_turn: dict[str, Any] = {'blocks': blocks(turn.text), 'chars': len(turn.text)}
    if turn.code is not None:
        shown_turn |= {
            'code': True,
            'outcome': turn.outcome.value if turn.outcome else None,
            'raw': turn.raw_outcome.value if turn.raw_outcome else None,
            'out': clip(turn.sandbox_text),
            'repairs': turn.repairs,
            'repairs_seen': turn.repairs_seen,
            'elapsed_s': turn.elapsed_s,
        }
    if turn.segments:
        shown_turn['segments'] = [[s.kind.value, s.temperature, s.n_tokens] for s in turn.segments]
    if tokens:
        shown_turn['tokens'] = tokens
    return shown_turn


def _tokens(record: Record, decode: Decode | None) -> list[dict[str, Any] | None]:
    """For each turn, what is known of its tokens; None where not even their texts are."""
    found = [_columns(turn, decode) for turn in record.turns]
    if decode is None or any(found) or not record.sampled_ids:
        return found
    return _cut(decode(record.sampled_ids[: MAX_TOKENS * max(len(record.turns), 1)]), record.turns)


def _columns(turn: RecordedTurn, decode: Decode | None) -> dict[str, Any] | None:
    columns = turn.tokens
    text = columns.text or (decode(columns.ids[:MAX_TOKENS]) if decode and columns.ids else ())
    if not text:
        return None
    known = {'mask': columns.mask, 'temperature': columns.temperature, 'logprob': columns.logprob}
    return {
        'text': list(text[:MAX_TOKENS]),
        **{name: list(values[:MAX_TOKENS]) for name, values in known.items() if len(values) >= len(text)},
        **_temperatures(turn, len(text), known['temperature']),
    }


def _temperatures(turn: RecordedTurn, n: int, known: Sequence[float]) -> dict[str, Any]:
    """Temperatures of tokens by the turn's segments, where each token has none of its own."""
    if known or not turn.segments:
        return {}
    by_token = [s.temperature for s in turn.segments for _ in range(s.n_tokens)]
    return {'temperature': by_token[:n]} if len(by_token) >= n and None not in by_token else {}


def _cut(texts: Sequence[str], turns: Sequence[RecordedTurn]) -> list[dict[str, Any] | None]:
    """Shares the tokens of a whole trajectory out over its turns, by length of text."""
    out: list[dict[str, Any] | None] = []
    at = 0
    for i, turn in enumerate(turns, 1):
        start, length = at, 0
        while at < len(texts) and (length < len(turn.text) or i == len(turns)):
            length += len(texts[at])
            at += 1
        mine = list(texts[start:at])[:MAX_TOKENS]
        out.append({'text': mine, **_temperatures(turn, len(mine), ())} if mine else None)
    return out


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _aside(record: Record) -> str:
    if record.quarantined:
        return record.quarantine_reason or record.error or record.stop or 'set aside'
    return ''


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    return json.dumps(content, ensure_ascii=False, default=str)
