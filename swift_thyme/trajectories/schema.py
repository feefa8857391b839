"""This package's own record, from JSON values to types. Owns schema 1; `model` owns what the fields mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from .. import protocol
from ..errors import DataError
from ..types import Outcome, SegmentKind, StopReason
from .model import NEWEST_SCHEMA, Record, RecordedTurn, Stretch, TokenColumns

ACCURACY_REWARDS = ('vqa_orm', 'accuracy', 'vqa', 'correct')
"""Rewards that are above 0 exactly for a right answer, the first one present counts; in any case of letters."""


@dataclass(frozen=True)
class _Stretch:
    kind: SegmentKind
    tokens: int = 0
    temperature: float | None = None


@dataclass(frozen=True)
class _Turn:
    """A turn as it stands in the file; what only some writers know may be missing or null."""

    text: str
    code: str | None = None
    outcome: str | None = None
    raw_outcome: str | msgspec.UnsetType | None = msgspec.UNSET
    sandbox_text: str | None = None
    images: tuple[str, ...] | None = None
    repairs: tuple[str, ...] | None = None
    repairs_seen: tuple[str, ...] | None = None
    elapsed_s: float | None = None
    segments: tuple[_Stretch, ...] | None = None
    tokens: TokenColumns | None = None


@dataclass(frozen=True)
class _Line:
    """A record as it stands in the file."""

    schema: int
    turns: tuple[_Turn, ...]
    question: str | None = None
    solution: Any = None
    answer: str | None = None
    messages: tuple[dict[str, Any], ...] | None = None
    images: tuple[str, ...] | None = None
    stop_reason: str | None = None
    error: str | None = None
    quarantined: bool | None = None
    quarantine_reason: str | None = None
    rewards: dict[str, float | None] | None = None
    advantage: float | None = None
    correct: bool | None = None
    verdict: str | None = None
    task: str | None = None
    condition: str | None = None
    item_id: str | int | None = None
    box: tuple[float, float, float, float] | None = None
    step: int | None = None
    request_id: str | int | None = None
    prompt_id: str | int | None = None
    sampled_ids: tuple[int, ...] | None = None
    sampled_mask: tuple[int, ...] | None = None
    sampled_logprobs: tuple[float, ...] | None = None
    tokens: dict[str, int] | None = None
    text: str | None = None
    code_blocks: int | None = None
    code_ok: int | None = None
    sandbox_s: float | None = field(default=None)


_KNOWN = {f.name for f in fields(_Line)}


def is_ours(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object claims to be a record of this package."""
    return 'schema' in value and 'turns' in value


def ours(value: Mapping[str, Any], where: str, folder: Path) -> Record:
    """Reads one record.

    Args:
        value: the JSON object.
        where: file and line, for the error.
        folder: what its relative picture paths are relative to.

    Raises:
        DataError: it is of a newer schema, or a field has the wrong type.
    """
    schema = value.get('schema')
    if isinstance(schema, int) and schema > NEWEST_SCHEMA:
        raise DataError(f'{where}: has schema {schema}, expected at most {NEWEST_SCHEMA}; upgrade swift-thyme')
    try:
        line = msgspec.convert(value, _Line, strict=True)
        turns = tuple(_turn(turn) for turn in line.turns)
    except (msgspec.ValidationError, ValueError) as error:
        raise DataError(f'{where}: is no trajectory of schema {NEWEST_SCHEMA}: {error}; write it again') from error
    rewards = line.rewards or {}
    return Record(
        turns=turns,
        origin=where,
        folder=folder,
        question=line.question or question_of(line.messages or ()),
        solution=None if line.solution is None else str(line.solution),
        answer=line.answer,
        messages=line.messages or (),
        images=line.images or (),
        stop_reason=stop_reason(line.stop_reason),
        error=line.error or '',
        quarantined=bool(line.quarantined),
        quarantine_reason=line.quarantine_reason or '',
        rewards=rewards,
        advantage=line.advantage,
        correct=_correct(line, rewards),
        task=line.task or '',
        condition=line.condition or '',
        item_id='' if line.item_id is None else str(line.item_id),
        box=line.box,
        step=line.step,
        request_id=str(line.request_id or ''),
        prompt_id=str(line.prompt_id or ''),
        sampled_ids=line.sampled_ids or (),
        sampled_mask=line.sampled_mask or (),
        sampled_logprobs=line.sampled_logprobs or (),
        tokens=line.tokens or {},
        extra={name: item for name, item in value.items() if name not in _KNOWN},
    )


def _turn(turn: _Turn) -> RecordedTurn:
    return RecordedTurn(
        text=turn.text,
        code=turn.code,
        outcome=Outcome(turn.outcome) if turn.outcome else None,
        raw_outcome=Outcome(turn.raw_outcome) if isinstance(turn.raw_outcome, str) else None,
        told_raw=turn.raw_outcome is not msgspec.UNSET,
        sandbox_text=turn.sandbox_text or '',
        images=turn.images or (),
        repairs=turn.repairs or (),
        repairs_seen=turn.repairs_seen or (),
        elapsed_s=turn.elapsed_s,
        segments=tuple(Stretch(s.kind, s.tokens, s.temperature) for s in turn.segments or ()),
        tokens=turn.tokens or TokenColumns(),
    )


def _correct(line: _Line, rewards: Mapping[str, float | None]) -> bool | None:
    if line.correct is not None:
        return line.correct
    if line.verdict is not None:
        return {'right': True, 'wrong': False}.get(line.verdict)
    return correct_by(rewards)


def stop_reason(text: str | None) -> StopReason | str | None:
    """The enum's member where this version knows it, the text otherwise, None for nothing."""
    try:
        return StopReason(text) if text else None
    except ValueError:
        return text


def correct_by(rewards: Mapping[str, float | None]) -> bool | None:
    """Whether the answer is right, by the reward that says so; None where none does."""
    by_name = {name.lower(): value for name, value in rewards.items()}
    for name in ACCURACY_REWARDS:
        value = by_name.get(name)
        if value is not None:
            return value > 0
    return None


def question_of(messages: Iterable[Mapping[str, Any]]) -> str:
    """The text of the last user message, placeholders of pictures left out; empty where there is none."""
    found = ''
    for message in messages:
        if message.get('role') == 'user':
            content = message.get('content')
            if isinstance(content, list):
                content = ''.join(str(part.get('text') or '') for part in content if isinstance(part, dict))
            found = content if isinstance(content, str) else found
    return found.replace(protocol.IMAGE_TAG, '').strip()
