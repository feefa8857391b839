"""A record as the page shows it: plain JSON values, long texts cut, words, tags, code and outputs told apart.

Owns what the page is told of a trajectory. Pictures are `pictures`, where they were cut from is `crops`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import protocol
from ..trajectories import Record, RecordedTurn, Source, TokenColumns, as_json
from ..types import SegmentKind
from .highlight import highlight

MAX_BLOCK_CHARS = 40_000
"""Longer stretches of text are cut in the page; the file they came from has all of it."""
MAX_TOKENS = 20_000
"""Tokens of one turn that are coloured one by one."""
_TAGS = re.compile(
    '|'.join(map(re.escape, (protocol.THINK_OPEN, protocol.THINK_CLOSE, protocol.ANSWER_OPEN, protocol.ANSWER_CLOSE)))
)

_EXTRA = (
    *('model', 'usage', 'round_usage', 'sampling', 'tools', 'attempts', 'earlier', 'fell_back'),
    *('repeat', 'seed', 'order', 'graded_by', 'elapsed_s', 'prompt_id', 'life', 'phase', 'fate', 'rewards_given'),
)
"""Fields that the page shows as they stand in the file."""

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
        'step': record.logged_step,
        'labels': [label for label in (record.task, record.condition, record.item_id) if label],
        'target': record.box,
        'sandbox_s': record.sandbox_s,
        'attempts': [clip(text) for text in record.failed_attempts],
        'turns': [
            _turn(turn, segments, tokens)
            for turn, segments, tokens in zip(record.turns, _segments(record), _tokens(record, decode), strict=True)
        ],
        'extra': _extra(record),
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
    start = text.find(source, len(protocol.CODE_OPEN)) if source else len(protocol.CODE_OPEN)
    return ['c', text[:start].strip(), list(highlight(clip(source))), text[start + len(source) :].strip()]


def _split(text: str) -> Iterator[tuple[str, bool]]:
    at = 0
    for match in _TAGS.finditer(text):
        yield text[at : match.start()], False
        yield match.group(), True
        at = match.end()
    yield text[at:], False


def _turn(turn: RecordedTurn, segments: list[list[Any]], tokens: dict[str, Any] | None) -> dict[str, Any]:
    shown_turn: dict[str, Any] = {'blocks': blocks(turn.text), 'chars': len(turn.text)}
    if turn.code is not None:
        shown_turn |= {
            'code': True,
            'outcome': turn.outcome.value if turn.outcome else None,
            'raw': turn.raw_outcome.value if turn.raw_outcome else None,
            'out': clip(turn.sandbox_text),
            'repairs': list(turn.repairs),
            'repairs_seen': list(turn.repairs_seen),
            'elapsed_s': turn.elapsed_s,
        }
    if segments:
        shown_turn['segments'] = segments
    if tokens:
        shown_turn['tokens'] = tokens
    return shown_turn


def _segments(record: Record) -> Iterator[list[list[Any]]]:
    """For each turn, its stretches: kind, temperature, tokens, and whether they are trained (None: not known)."""
    at = 0
    for turn in record.turns:
        found = []
        for stretch in turn.segments:
            mask = record.sampled_mask[at : at + stretch.n_tokens]
            found.append([stretch.kind.value, stretch.temperature, stretch.n_tokens, all(mask) if mask else None])
            at += stretch.n_tokens
        yield found


def _tokens(record: Record, decode: Decode | None) -> list[dict[str, Any] | None]:
    """For each turn, what is known of its tokens; None where not even their texts are."""
    found = [_columns(turn.tokens, decode) for turn in record.turns]
    if decode is None or any(found) or not record.sampled_ids:
        return found
    whole = TokenColumns(
        ids=record.sampled_ids,
        text=tuple(decode(record.sampled_ids)),
        mask=record.sampled_mask,
        temperature=_temperatures(record),
        logprob=record.sampled_logprobs,
    )
    return [_columns(part, decode) for part in _cut(whole, record.turns)]


def _columns(columns: TokenColumns, decode: Decode | None) -> dict[str, Any] | None:
    text = columns.text or (decode(columns.ids[:MAX_TOKENS]) if decode and columns.ids else ())
    if not text:
        return None
    known = {'mask': columns.mask, 'temperature': columns.temperature, 'logprob': columns.logprob}
    return {
        'text': list(text[:MAX_TOKENS]),
        **{name: list(values[:MAX_TOKENS]) for name, values in known.items() if len(values) >= len(text)},
    }


def _temperatures(record: Record) -> tuple[float, ...]:
    """Of every sampled token, by the turns' segments; empty where they do not tell."""
    found = [s.temperature for turn in record.turns for s in turn.segments for _ in range(s.n_tokens)]
    return tuple(t for t in found if t is not None) if len(found) == len(record.sampled_ids) else ()


def _cut(whole: TokenColumns, turns: Sequence[RecordedTurn]) -> Iterator[TokenColumns]:
    """Shares the tokens of a trajectory out over its turns: by their segments, else by length of text."""
    at = 0
    for i, turn in enumerate(turns, 1):
        start, length = at, 0
        counted = sum(stretch.n_tokens for stretch in turn.segments)
        at += counted
        while not counted and at < len(whole.text) and (length < len(turn.text) or i == len(turns)):
            length += len(whole.text[at])
            at += 1
        yield TokenColumns(
            text=whole.text[start:at],
            mask=whole.mask[start:at],
            temperature=whole.temperature[start:at],
            logprob=whole.logprob[start:at],
        )


def _extra(record: Record) -> str:
    """What else the file says, as JSON; empty where it says nothing."""
    found = {name: value for name, value in as_json(record).items() if name in (*_EXTRA, *record.extra)}
    return clip(json.dumps(found, indent=1, ensure_ascii=False, default=str)) if found else ''


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
