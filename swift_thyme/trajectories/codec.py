"""A record to JSON and back. Owns what of a record is in a file; `model` owns the fields and their names."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..errors import DataError
from .model import SCHEMA, Record
from .question import reference_of

_OF_THE_READER = {'source', 'origin', 'folder', 'failed_attempts', 'extra'}
"""Fields that say where a record was read; no file has them."""
_COUNTED = ('code_blocks', 'code_ok', 'sandbox_s')
"""Written for programs that read the file, and counted again from the turns by this one."""
_NAMES = {field.encode_name for field in msgspec.structs.fields(Record)} - _OF_THE_READER
_MEANS_SOMETHING = 'raw_outcome'
"""The one field whose null is not the same as its absence."""


def as_json(record: Record) -> dict[str, Any]:
    """A record as plain JSON values; fields without content are left out, but for those of every trajectory."""
    values = _listed(msgspec.to_builtins(record, enc_hook=_plain))
    always: dict[str, Any] = {'question': '', 'images': [], 'text': '', 'turns': [], 'answer': None}
    always |= {'stop_reason': None, 'error': '', 'quarantined': False}
    counted = {name: getattr(record, name) for name in _COUNTED}
    known = {name: value for name, value in values.items() if name in _NAMES}
    return {'schema': SCHEMA, **always, **counted, **record.extra, **known}


def as_line(record: Record) -> bytes:
    """A record as a line of a file; numbers that are none (NaN) become null."""
    return _encoded(record) + b'\n'


def as_document(record: Record) -> bytes:
    """A record as a file of its own, for people."""
    text = json.dumps(json.loads(_encoded(record)), indent=1, ensure_ascii=False)
    return text.encode('utf-8', 'backslashreplace')


def _encoded(record: Record) -> bytes:
    values = as_json(record)
    try:
        return msgspec.json.encode(values)
    except UnicodeEncodeError:  # half a character, which can stand in JSON only as an escape
        return json.dumps(values).encode()


def _plain(value: Any) -> Any:
    """A foreign number (of numpy or torch) as a number; a path as text."""
    return value.item() if hasattr(value, 'item') else str(value)


def _listed(value: Any) -> Any:
    """Plain values with lists in place of tuples."""
    if isinstance(value, dict):
        return {name: _listed(item) for name, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def is_ours(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object claims to be a record of this package."""
    return 'schema' in value and 'turns' in value


def from_json(value: Mapping[str, Any], where: str = 'record', folder: Path = Path()) -> Record:
    """Reads one record.

    Args:
        value: the JSON object.
        where: file and line, for the error.
        folder: what its relative picture paths are relative to.

    Raises:
        DataError: it is of a newer schema, or a field has the wrong type.
    """
    schema = value.get('schema')
    if isinstance(schema, int) and schema > SCHEMA:
        raise DataError(f'{where}: has schema {schema}, expected at most {SCHEMA}; upgrade swift-thyme')
    known = {name: item for name, item in value.items() if name in _NAMES and item is not None}
    if 'turns' in known:
        known['turns'] = _without_nulls(known['turns'])
    if isinstance(known.get('sampled_logprobs'), list):
        known['sampled_logprobs'] = _with_nan(known['sampled_logprobs'])
    for name in ('request_id', 'prompt_id', 'item_id'):
        if isinstance(known.get(name), int):
            known[name] = str(known[name])
    if 'solution' in known:
        known['solution'] = reference_of(known['solution'])
    others = _NAMES.union(_COUNTED, {'schema'})
    try:
        record = msgspec.convert(known, Record, strict=True)
    except msgspec.ValidationError as error:
        raise DataError(f'{where}: is no trajectory of schema {SCHEMA}: {error}; write it again') from error
    extra = {name: item for name, item in value.items() if name not in others}
    return msgspec.structs.replace(record, origin=where, folder=folder, extra=extra)


def _without_nulls(turns: Any) -> Any:
    """Turns of a file without their nulls, which are as good as missing; what is no list is left for the check."""
    if not isinstance(turns, list):
        return turns
    plain = [
        {name: item for name, item in turn.items() if item is not None or name == _MEANS_SOMETHING}
        if isinstance(turn, dict)
        else turn
        for turn in turns
    ]
    for turn in plain:
        columns = turn.get('tokens') if isinstance(turn, dict) else None
        if isinstance(columns, dict) and isinstance(columns.get('logprob'), list):
            turn['tokens'] = {**columns, 'logprob': _with_nan(columns['logprob'])}
    return plain


def _with_nan(numbers: list[Any]) -> list[Any]:
    """Numbers that are none were written as null."""
    return [math.nan if number is None else number for number in numbers]
