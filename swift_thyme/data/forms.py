"""One source row of any known form to one shape, and what becomes of each of its columns.

A column is used, carried along, counted as ignored, or a reason to refuse the row. Refused is what would change the
meaning of what is trained if it were left out: earlier turns, boxes, clips, tools, a turn that is not to be learned,
options that the question does not tell. An empty value has no fate. Not here: what the texts may hold (`checks`).
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from ..protocol import IMAGE_TAG, SANDBOX_CLOSE, SANDBOX_OPEN
from .pictures import begins_as_picture, looks_encoded
from .rows import Kind, Reason, RowRejected, SourceRow, escape_surrogates

MESSAGES = ('messages', 'conversations', 'conversation')
PICTURES = ('images', 'image')
_QUESTIONS = ('question', 'problem', 'query', 'prompt')
_SOLUTIONS = ('solution', 'answer')
_SYSTEMS = ('system', 'system_prompt')
_OPTIONS = ('options', 'choices', 'candidates', 'answer_choices')
_OPTION_COLUMN = re.compile(r'[A-H]|(?:option|choice)_?(?i:[a-h]|\d)')
"""A column that holds one option."""
_SHOWN_CHARS = 300
_SAID = (str, int, float)
"""Kinds of a cell that may be an option."""
_ROLES = {'human': 'user', 'gpt': 'assistant', 'bot': 'assistant'}
"""As the host spells roles of ShareGPT rows."""
_TOOL_ROLES = ('tool', 'tool_call', 'tool_response', 'function', 'function_call', 'observation')
REFUSED_COLUMNS = {
    'history': 'earlier turns, and a prepared row has one',
    'objects': 'boxes, which the host writes into the text at its own scale; write the numbers into the text',
    'videos': 'clips',
    'video': 'a clip',
    'audios': 'sounds',
    'audio': 'a sound',
    'tools': 'tools, and the model’s only tool is code',
}
"""Column → what it holds that a question with pictures has no place for."""
_REFUSED_IN_MESSAGES = {
    'loss_scale': 'a weight of the loss, which the template sets by itself',
    'reasoning_content': 'thoughts beside the text; put them into <think> tags of the content',
    'images': 'pictures; put them into the row’s images, and a tag for each into the text',
    'tool_calls': 'calls of a tool, and the model’s only tool is code',
    'function_call': 'a call of a tool, and the model’s only tool is code',
}
_MESSAGE_KEYS = frozenset({'role', 'content', 'from', 'value'})
_IMG_TAG = re.compile(r'<img>(.+?)</img>')
_MEDIA_COLUMN = re.compile(r'image|img|pic|photo|screenshot|video|audio|clip|sound|speech|media|file', re.IGNORECASE)
_PICTURE_FILE = re.compile(r'\.(?:jpe?g|png|webp|gif|bmp|tiff?|avif|heic)(?:\?\S*)?\Z', re.IGNORECASE)
_CLIP_FILE = re.compile(r'\.(?:mp4|avi|mov|mkv|webm|mp3|wav|flac|ogg|m4a)(?:\?\S*)?\Z', re.IGNORECASE)
"""What columns are called that name a picture, a clip or a sound, and how what they name ends."""
_BASE64 = re.compile(r'data:image/|[A-Za-z0-9+/_-]{60}')


def rename(row: dict[str, Any], columns: Mapping[str, str]) -> tuple[dict[str, Any], frozenset[str], frozenset[str]]:
    """A row under other column names, as the host's `--columns` renames them.

    Args:
        row: the source's columns.
        columns: old name, in any case → new name. Of two columns for one new name none is renamed.

    Returns:
        The row; the names in `columns` that it has; and its columns that said something and gave way to a renamed one.
    """
    named = {name.lower(): name for name in row}
    found = frozenset(old for old in columns if old.lower() in named)
    there = {named[old.lower()]: columns[old] for old in columns if old in found}
    counts = Counter(there.values())
    there = {old: new for old, new in there.items() if counts[new] == 1}
    kept = {name: value for name, value in row.items() if name not in there}
    lost = frozenset(new for new in there.values() if filled(kept.get(new)))
    return {**kept, **{new: row[old] for old, new in there.items()}}, found, lost


def filled(value: Any) -> bool:
    """Whether a cell says anything: not null, blank, empty, or the NaN that stands for null in tables of numbers."""
    if isinstance(value, str):
        return value.strip() not in ('', '[]', '{}', 'null')
    return not (value is None or value == [] or value == {} or (isinstance(value, float) and math.isnan(value)))


def parse_form(row: Mapping[str, Any], kind: Kind) -> SourceRow:
    """Brings a row of any known form to one shape.

    The forms are those of the Thyme README (`image`/`question`/`response`, and `messages`/`images`/`solution`/
    `question`), ShareGPT's and LLaVA's `conversations`, OpenAI's lists of content, and verl's `prompt` with
    `reward_model.ground_truth`. `<img>path</img>` in a question stands for a picture, as in the host.

    Raises:
        RowRejected: MALFORMED_ROW or UNSUPPORTED_COLUMN.
    """
    row = _from_verl(row)
    picture_key = next((name for name in PICTURES if _names_picture(row.get(name))), _first(row, PICTURES))
    solution_key = _first(row, _SOLUTIONS)
    question_key, system_key = _first(row, _QUESTIONS), _first(row, _SYSTEMS)
    messages_key = _first(row, MESSAGES)
    used = {picture_key, solution_key, question_key} if kind is Kind.RL else {picture_key}
    question, system = row.get(question_key), row.get(system_key)
    messages = None if row.get(messages_key) in (None, '') else _read_messages(row[messages_key])
    own: str | None = None
    user, response, inline = question, row.get('response'), list[Any]()
    if messages is not None:
        own, user, response, inline = _read_turns(messages, kind)
    elif kind is Kind.SFT:
        used |= {question_key, 'response'}
    used |= {messages_key} if own is not None else {messages_key, system_key}
    system = own if own is not None else system
    if not isinstance(user, str) or not user.strip():
        got = 'a message that says nothing' if messages else ', '.join(map(repr, row))[:_SHOWN_CHARS]
        raise RowRejected(
            Reason.MALFORMED_ROW,
            f'no question: expected the column question or messages, got {escape_surrogates(got)}',
        )
    if kind is Kind.SFT and not isinstance(response, str):
        raise RowRejected(Reason.MALFORMED_ROW, 'no response: expected the column response or an assistant message')
    if system is not None and not isinstance(system, str):
        raise RowRejected(Reason.MALFORMED_ROW, f'{system_key} is {type(system).__name__}; expected a text')
    pictures = [*inline, *_pictures(row.get(picture_key))]
    if not pictures:
        user, pictures = _IMG_TAG.sub(IMAGE_TAG, user), _IMG_TAG.findall(user)
    _check_options(row, user)
    carried, ignored = _fates(row, used, kind, messages or ())
    _check_media({name: row[name] for name in row.keys() - used}, has_pictures=bool(pictures))
    return SourceRow(
        user=user,
        pictures=pictures,
        system=system or None,
        response=response if kind is Kind.SFT else None,
        solution=solution_text(row.get(solution_key)) if kind is Kind.RL else None,
        question=question if messages and isinstance(question, str) and filled(question) else user,
        extra=carried,
        ignored=ignored,
    )


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of some columns that says anything; the first of all where none does."""
    return next((name for name in names if filled(row.get(name))), names[0])


def _from_verl(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rows of verl and its kin: messages in `prompt`, the solution inside `reward_model`."""
    judged, prompt = _from_json(row.get('reward_model')), _from_json(row.get('prompt'))
    if isinstance(prompt, list) and not any(filled(row.get(name)) for name in MESSAGES):
        row = {**{k: v for k, v in row.items() if k != 'prompt'}, 'messages': prompt}
    if isinstance(judged, dict) and filled(judged.get('ground_truth')) and not filled(row.get(_first(row, _SOLUTIONS))):
        rest = {key: value for key, value in judged.items() if key != 'ground_truth'}
        row = {**row, 'reward_model': rest, 'solution': judged['ground_truth']}
    return row


# --- pictures and solutions


def _pictures(value: Any) -> list[Any]:
    value = _from_json(value)
    if not filled(value):
        return []
    is_bytes = isinstance(value, list) and all(isinstance(one, int) for one in value)
    return list(value) if isinstance(value, list | tuple) and not is_bytes else [value]


def _names_picture(value: Any) -> bool:
    """Whether there is a picture in a cell, not only nulls: `[null]`, `{"bytes": null, "path": null}`."""
    said = [list(one.values()) if isinstance(one, dict) else [one] for one in _pictures(value)]
    return any(filled(one) for each in said for one in each)


def _from_json(value: Any) -> Any:
    """A list or object that a table holds as text: JSON, or as Python prints it; anything else as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ('[', '{'):
        return value
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return read(value)
    return value


def solution_text(value: Any) -> str | None:
    """A solution as one text; several accepted answers as a JSON list, which the rewards read."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    items = value if isinstance(value, list) else [value]
    odd = [type(one).__name__ for one in items if not isinstance(one, str | int | float | Decimal | list)]
    if filled(value) and odd:
        raise RowRejected(
            Reason.MALFORMED_ROW, f'solution holds {odd[0]}; expected a text, a number or a list of accepted answers'
        )
    if not filled(value):
        return None
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list) else str(value)


# --- messages


def _read_messages(messages: Any) -> list[dict[str, Any]]:
    """The turns of a row with `role` and `content`, whichever way they are spelled."""
    messages = _from_json(messages)
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise RowRejected(Reason.MALFORMED_ROW, 'messages are no list of objects')
    turns = [turn for message in messages for turn in _turns_of(message)]
    for turn in turns:
        for name, what in _REFUSED_IN_MESSAGES.items():
            if filled(turn.get(name)):
                raise RowRejected(Reason.UNSUPPORTED_COLUMN, f'{name} of a message holds {what}')
        for name in ('loss', 'weight'):
            if turn['role'] == 'assistant' and turn.get(name) in (False, 0):
                what = f'{name} of the assistant’s message is {turn[name]}: nothing to learn'
                raise RowRejected(Reason.UNSUPPORTED_COLUMN, what)
    return turns


def _turns_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """One turn, or a question and its answer in one object: `{"human": …, "assistant": …}`."""
    role = message.get('role', message.get('from'))
    if role is None:
        pairs = [(_ROLES.get(key, key), value) for key, value in message.items()]
        if not pairs or not {role for role, _ in pairs} <= {'system', 'user', 'assistant'}:
            raise RowRejected(Reason.MALFORMED_ROW, f'a message has the keys {sorted(message)}; expected role, content')
        return [{'role': role, 'content': value} for role, value in pairs if value is not None]
    content = message['content'] if message.get('content') is not None else message.get('value')
    return [{**message, 'role': _ROLES.get(role, role), 'content': content}]


def _read_turns(messages: Sequence[Mapping[str, Any]], kind: Kind) -> tuple[str | None, str, str | None, list[Any]]:
    """System message, question, response, and the pictures that stand inside of lists of content."""
    pictures: list[Any] = []
    said = [(message['role'], _text_of(message['content'], pictures)) for message in messages]
    system = said.pop(0)[1] if said and said[0][0] == 'system' else None
    roles = [role for role, _ in said]
    if kind is Kind.RL and roles == ['user', 'assistant']:
        said.pop()
    said = _joined(said) if kind is Kind.SFT else said
    expected = ['user', 'assistant'] if kind is Kind.SFT else ['user']
    if [role for role, _ in said] == expected:
        return system, said[0][1], said[1][1] if kind is Kind.SFT else None, pictures
    tools = [role for role in roles if role in _TOOL_ROLES]
    if tools:
        raise RowRejected(
            Reason.UNSUPPORTED_COLUMN,
            f'a message has the role {tools[0]}, and the model’s only tool is code: its outputs are '
            f'{SANDBOX_OPEN}…{SANDBOX_CLOSE} in the response',
        )
    if roles.count('user') > 1:
        raise RowRejected(
            Reason.MALFORMED_ROW,
            f'{roles.count("user")} questions in one conversation; a prepared row has one, and outputs of the sandbox '
            'between turns; make a row of each question',
        )
    raise RowRejected(Reason.MALFORMED_ROW, f'roles are {roles}; expected {expected}, system first or none')


def _joined(said: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Turns that only hand a sandbox's output back, joined with the replies around them into one response."""
    joined: list[tuple[str, str]] = []
    for role, text in said:
        bare = text.strip()
        handed = bare.startswith(SANDBOX_OPEN) and bare.endswith(SANDBOX_CLOSE) and bare.count(SANDBOX_OPEN) == 1
        is_output = role in ('user', *_TOOL_ROLES) and handed
        if joined and joined[-1][0] == 'assistant' and (is_output or (role == 'assistant' and len(joined) > 1)):
            joined[-1] = ('assistant', joined[-1][1] + (bare if is_output else text))
        else:
            joined.append((role, text))
    return joined


def _text_of(content: Any, pictures: list[Any]) -> str:
    """The text of a message; of a list of content, with a tag for each picture, which is added to `pictures`."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise RowRejected(
            Reason.MALFORMED_ROW, f'the content of a message is {type(content).__name__}; expected a text'
        )
    text = ''
    for item in content:
        kind = str(item.get('type', 'text')).removesuffix('_url')
        if kind == 'text':
            text += str(item.get('text') or '')
        elif kind == 'image':
            value = item.get(_picture_key(item))
            value = value['url'] if isinstance(value, dict) and 'url' in value else value
            pictures += [value] if filled(value) else []
            text += IMAGE_TAG
        else:
            raise RowRejected(Reason.UNSUPPORTED_COLUMN, f'a message holds content of the type {kind!r}')
    return text


def _picture_key(item: Mapping[str, Any]) -> str:
    return _first(item, ('image', 'image_url', 'url', 'path'))


def _unread(message: Mapping[str, Any]) -> Iterator[str]:
    """What of a message says something and is not read: its keys, and those of the items of its content."""
    read = _MESSAGE_KEYS | {'loss'} if message['role'] == 'assistant' else _MESSAGE_KEYS
    yield from (key for key in message.keys() - read if filled(message[key]))
    content = message['content']
    for item in content if isinstance(content, list) else ():
        key = 'text' if item.get('type', 'text') == 'text' else _picture_key(item)
        inner = item[key] if isinstance(item.get(key), dict) else {}
        yield from (f'content.{name}' for name in item.keys() - {'type', key} if filled(item[name]))
        yield from (f'content.{name}' for name in inner.keys() - {'url', 'bytes', 'path'} if filled(inner[name]))


# --- what becomes of the other columns


def _fates(
    row: Mapping[str, Any], used: set[str], kind: Kind, messages: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Columns that are carried along, and names of those that are left out.

    Raises:
        RowRejected: UNSUPPORTED_COLUMN.
    """
    for name, what in REFUSED_COLUMNS.items():
        if filled(row.get(name)):
            raise RowRejected(Reason.UNSUPPORTED_COLUMN, f'{name} holds {what}')
    further = {name: value for name, value in row.items() if name not in used and filled(value)}
    carried = {name: value for name, value in further.items() if kind is Kind.RL and not _holds_picture(value)}
    left = {*(further.keys() - carried.keys())}
    left |= {f'messages.{key}' for one in messages for key in _unread(one)}
    if kind is Kind.RL and any(message['role'] == 'assistant' for message in messages):
        left.add('messages.assistant')
    return carried, tuple(sorted(map(escape_surrogates, left)))


def _check_options(row: Mapping[str, Any], question: str) -> None:
    columns = [name for name in row if _OPTION_COLUMN.fullmatch(name) and isinstance(row[name], _SAID)]
    for name in (*_OPTIONS, *(columns if len(columns) > 1 else ())):
        if filled(row.get(name)):
            _check_told(name, row[name], question)


def _check_told(name: str, value: Any, question: str) -> None:
    value = _from_json(value)
    texts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    texts = [value] if isinstance(value, _SAID) else texts
    told = ' '.join(question.split()).casefold()
    missing = [text for text in texts if filled(text) and ' '.join(str(text).split()).casefold() not in told]
    if missing:
        raise RowRejected(
            Reason.UNSUPPORTED_COLUMN,
            f'{name} holds {str(missing[0])[:60]!r}, which the question does not tell; write the options into it',
        )


def _check_media(columns: Mapping[str, Any], *, has_pictures: bool) -> None:
    """No column names a clip; none holds or names a picture beside a row that has none.

    Raises:
        RowRejected: UNSUPPORTED_COLUMN.
    """
    for name, value in columns.items():
        named = _texts_in(value) if _MEDIA_COLUMN.search(name) else []
        lost = not has_pictures and (_holds_picture(value) or any(map(_PICTURE_FILE.search, named)))
        if lost or any(map(_CLIP_FILE.search, named)):
            what = 'a picture, and the row has none; rename it to image (--columns)' if lost else 'a clip or a sound'
            raise RowRejected(Reason.UNSUPPORTED_COLUMN, f'{escape_surrogates(name)} holds {what}')


def _texts_in(value: Any) -> list[str]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] if isinstance(value, str) else [text for one in inner for text in _texts_in(one)]


def _holds_picture(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_picture, value.values()))
    if isinstance(value, list):
        return begins_as_picture(value) or any(map(_holds_picture, value))
    return isinstance(value, bytes) or (
        isinstance(value, str) and looks_encoded(value) and _BASE64.match(value) is not None
    )
