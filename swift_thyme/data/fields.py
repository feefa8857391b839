"""What becomes of every column of a source row: used, carried along, counted as ignored, or a reason to refuse the row.

Refused is what would change the meaning of what is trained if it were left out: earlier turns, boxes, clips, tools,
a turn that is not to be learned, options that the question does not tell. An empty value has no fate.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .pictures import looks_encoded
from .rows import Kind, PictureSource, Reason, RowRejected, escape_surrogates

OPTIONS = ('options', 'choices')
"""Columns that list what an answer may be."""
_REFUSED = {
    'history': 'earlier turns, and a prepared row has one',
    'objects': 'boxes, which the host writes into the text at its own scale; write the numbers into the text',
    'videos': 'clips',
    'video': 'a clip',
    'audios': 'sounds',
    'audio': 'a sound',
    'tools': 'tools, and the model’s only tool is code',
}
_REFUSED_IN_MESSAGES = {
    'loss_scale': 'a weight of the loss, which the template sets by itself',
    'reasoning_content': 'thoughts beside the text; put them into <think> tags of the content',
    'tool_calls': 'calls of a tool, and the model’s only tool is code',
    'function_call': 'a call of a tool, and the model’s only tool is code',
}
_BASE64 = re.compile(r'data:image/|[A-Za-z0-9+/_-]{60}')
_MESSAGE_KEYS = frozenset({'role', 'content', 'loss'})


@dataclass(frozen=True)
class Fates:
    """Columns of one row that are not used."""

    carried: dict[str, Any] = field(default_factory=dict)
    """Kept beside the row, for reward functions: RL only."""
    ignored: tuple[str, ...] = ()
    """Left out."""


def filled(value: Any) -> bool:
    """Whether a cell says anything: not null, blank, empty, or the NaN that stands for null in tables of numbers."""
    if isinstance(value, str):
        return bool(value.strip())
    return not (value is None or value == [] or value == {} or (isinstance(value, float) and math.isnan(value)))


def fates(
    row: Mapping[str, Any], used: Collection[str], kind: Kind, user: str, messages: Sequence[Mapping[str, Any]] = ()
) -> Fates:
    """Tells the columns of a row apart.

    Args:
        row: the source's columns.
        used: those that are in the prepared row.
        kind: an RL row carries along what it can.
        user: what the model is asked.
        messages: of a row that is made of messages.

    Raises:
        RowRejected: UNSUPPORTED_COLUMN.
    """
    for name, what in _REFUSED.items():
        if filled(row.get(name)):
            raise RowRejected(Reason.UNSUPPORTED_COLUMN, f'{name} holds {what}')
    for name in OPTIONS:
        _check_options(name, row.get(name), user)
    further = {name: value for name, value in row.items() if name not in used and filled(value)}
    carried = {name: value for name, value in further.items() if kind is Kind.RL and not _holds_picture(value)}
    keys = {f'messages.{key}' for one in messages for key in one.keys() - _MESSAGE_KEYS if filled(one[key])}
    return Fates(carried, tuple(sorted(map(escape_surrogates, {*(further.keys() - carried.keys()), *keys}))))


def check_messages(messages: Sequence[Mapping[str, Any]]) -> None:
    """No message says that it is to be learned in another way than by its words.

    Raises:
        RowRejected: UNSUPPORTED_COLUMN.
    """
    for message in messages:
        for name, what in _REFUSED_IN_MESSAGES.items():
            if filled(message.get(name)):
                raise RowRejected(Reason.UNSUPPORTED_COLUMN, f'{name} of a message holds {what}')
        if message.get('role') == 'assistant' and message.get('loss') in (False, 0):
            raise RowRejected(Reason.UNSUPPORTED_COLUMN, 'loss of the assistant’s message is false: nothing to learn')


def _check_options(name: str, value: Any, question: str) -> None:
    if isinstance(value, str) and value.lstrip()[:1] in ('[', '{'):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return
    texts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    told = ' '.join(question.split()).casefold()
    missing = [text for text in texts if filled(text) and ' '.join(str(text).split()).casefold() not in told]
    if missing:
        raise RowRejected(
            Reason.UNSUPPORTED_COLUMN,
            f'{name} holds {str(missing[0])[:60]!r}, which the question does not tell; write the options into it',
        )


def _holds_picture(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_picture, value.values()))
    if isinstance(value, list):
        return any(map(_holds_picture, value))
    return isinstance(value, bytes | memoryview | PictureSource) or (isinstance(value, str) and _holds_base64(value))


def _holds_base64(text: str) -> bool:
    return looks_encoded(text) and _BASE64.match(text) is not None
