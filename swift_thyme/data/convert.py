"""One source row to one prepared row: forms, checks, pictures, paths, split.

Owns the order of the steps. A row that cannot be used raises `RowRejected` with its reason; nothing is written for it
except pictures that other rows may share. Duplicates are not seen here: they need the whole set.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..protocol import (
    ANSWER_OPEN,
    IMAGE_TAG,
    SYSTEM_PROMPT,
    PromptImage,
    render_user_prompt,
)
from ..types import SegmentKind
from .checks import check_host_tokens, check_picture_count, check_response, check_unicode, check_user, parts, paths_in
from .fields import check_messages, fates, filled
from .lengths import LengthChecker
from .paths import handle, resolve, to_handles
from .pictures import PictureStore, check_picture, looks_encoded, read_source
from .rows import (
    Fix,
    Kind,
    PictureSource,
    PreparedRow,
    Reason,
    RowRejected,
    SourceRow,
    Split,
    SystemPolicy,
    escape_surrogates,
    refusing_odd_values,
)

_TEXT_KEYS = ('question', 'problem', 'query')
_PICTURE_KEYS = ('images', 'image')
_SOLUTION_KEYS = ('solution', 'answer')
_SYSTEM_KEYS = ('system', 'system_prompt')
_IMG_TAG = re.compile(r'<img>(.+?)</img>')


@dataclass(frozen=True)
class Converter:
    """The settings of one run and what they need; one per process."""

    kind: Kind
    store: PictureStore
    root: Path
    """The set's folder, absolute."""
    system: SystemPolicy = SystemPolicy.KEEP
    keep_paths: bool = False
    decode: bool = False
    lengths: LengthChecker | None = None

    def convert(
        self, row: Mapping[str, Any], source: str, *, base: Path | None = None, split: Split | None = None
    ) -> PreparedRow:
        """Converts one row.

        Args:
            row: the source's columns; pictures already brought to `PictureSource`.
            source: how the row is called in files, `file#row`.
            base: where relative picture paths start.
            split: where the source says that its rows belong; told from the row where it does not say.

        Raises:
            RowRejected: with the first reason found.
        """
        with refusing_odd_values():
            return self._convert(row, source, base, split)

    def _convert(self, row: Mapping[str, Any], source: str, base: Path | None, split: Split | None) -> PreparedRow:
        parsed = parse_form(row, self.kind)
        rendered = ANSWER_OPEN not in parsed.user and not paths_in(parsed.user)
        bare = rendered and IMAGE_TAG not in f'{parsed.user}{parsed.response}'
        fixes = list(check_texts(parsed, self.kind, count_tags=not bare))
        pictures = [check_picture(read_source(p, base), decode=self.decode) for p in parsed.pictures]
        sizes = [(picture.width_px, picture.height_px) for picture in pictures]
        fixes += [fix for picture in pictures for fix in picture.fixes]
        in_prompt = len(pictures) if bare else parsed.user.count(IMAGE_TAG)
        texts_done = to_handles(parsed.user, parsed.response, sizes, in_prompt)
        user = texts_done.user
        if rendered:
            user = render_user_prompt(user, [PromptImage(handle(i), *sizes[i]) for i in range(in_prompt)])
            fixes.append(Fix.PROMPT_RENDERED)
        messages, added = self._messages(parsed, user, texts_done.response)
        fixes += [*texts_done.fixes, *added]
        names = [picture.name for picture in pictures]
        spoken, shown = messages, names
        if self.lengths is not None or self.keep_paths:
            resolved = resolve({'messages': messages, 'images': names}, self.root)
            spoken, shown = resolved['messages'], resolved['images']
        length = self.lengths.check(spoken, sizes) if self.lengths else None
        for picture in pictures:
            self.store.put(picture)
        rounds = sum(part.kind is SegmentKind.CODE for part in parts(parsed.response or ''))
        return PreparedRow(
            id=content_id(messages, names, parsed.solution),
            split=self._split(split, parsed, rounds),
            messages=tuple(spoken if self.keep_paths else messages),
            images=tuple(shown if self.keep_paths else names),
            sizes=tuple(sizes),
            source=source,
            rounds=rounds,
            solution=parsed.solution,
            question=parsed.question,
            carried=tuple(map(escape_surrogates, sorted(parsed.extra))),
            ignored=parsed.ignored,
            extra=_as_text(parsed.extra) if parsed.extra else None,
            fixes=tuple(dict.fromkeys(fixes)),
            length_tokens=length,
            picture_bytes=sum(len(picture.data) for picture in pictures),
        )

    def _messages(self, row: SourceRow, user: str, response: str | None) -> tuple[list[dict[str, str]], list[Fix]]:
        system = row.system if self.system is SystemPolicy.KEEP else None
        fixes = []
        if not system and self.system is not SystemPolicy.NONE:
            system = SYSTEM_PROMPT
            fixes.append(Fix.SYSTEM_ADDED)
        messages = [{'role': 'system', 'content': system}] if system else []
        messages.append({'role': 'user', 'content': user})
        if self.kind is Kind.SFT:
            messages.append({'role': 'assistant', 'content': response or ''})
        return messages, fixes

    def _split(self, told: Split | None, row: SourceRow, rounds: int) -> Split:
        if self.kind is Kind.RL:
            return Split.RL
        computation = Split.COMPUTATION_IMAGES if row.pictures else Split.COMPUTATION_TEXT
        if told is not None:
            return computation if told in (Split.COMPUTATION_IMAGES, Split.COMPUTATION_TEXT) else told
        stretches = parts(row.response or '')
        if any(part.kind is SegmentKind.SANDBOX and IMAGE_TAG in part.text for part in stretches):
            return Split.TWO_ROUNDS if rounds > 1 else Split.SINGLE_ROUND
        return computation if rounds or not row.pictures else Split.SINGLE_ROUND


def _as_text(extra: dict[str, Any]) -> str:
    return escape_surrogates(json.dumps(extra, ensure_ascii=False, default=str))


def check_texts(row: SourceRow, kind: Kind, *, count_tags: bool = True) -> tuple[Fix, ...]:
    """Runs every check that needs a row's texts alone.

    Args:
        row: in its one shape.
        kind: SFT rows need a response that follows the protocol, RL rows a solution.
        count_tags: compare the number of pictures with the `<image>` tags.

    Returns:
        Notes on a row that passes.

    Raises:
        RowRejected: with the first reason found.
    """
    check_unicode(
        {
            'system': row.system,
            'user': row.user,
            'response': row.response,
            'solution': row.solution,
            'question': row.question,
        }
    )
    texts = [row.user, row.response or '']
    if count_tags:
        check_picture_count(texts, len(row.pictures))
    check_host_tokens([*texts, row.system or ''])
    check_user(row.user)
    if kind is Kind.SFT:
        return check_response(row.response or '')
    if not (row.solution or '').strip():
        raise RowRejected(Reason.EMPTY_SOLUTION, f'solution is {row.solution!r}')
    return ()


def parse_form(row: Mapping[str, Any], kind: Kind) -> SourceRow:
    """Brings a row of any known form to one shape.

    The forms are those of the Thyme README: `image`/`question`/`response`, and `messages`/`images`/`solution`/
    `question`; for RL also `image`/`question`/`solution` without messages. `answer` stands for `solution`, `system` or
    `system_prompt` for a system message, and `<img>path</img>` in a question for a picture, as in the host.

    Raises:
        RowRejected: MALFORMED_ROW or UNSUPPORTED_COLUMN.
    """
    picture_key, solution_key = _first(row, _PICTURE_KEYS), _first(row, _SOLUTION_KEYS)
    question_key, system_key = _first(row, _TEXT_KEYS), _first(row, _SYSTEM_KEYS)
    used = {picture_key, solution_key, question_key} if kind is Kind.RL else {picture_key}
    question, system = row.get(question_key), row.get(system_key)
    turns = _read_messages(row['messages']) if row.get('messages') is not None else None
    own: str | None = None
    user, response = question, row.get('response')
    if turns is not None:
        own, user, response = _read_turns(turns, kind)
    elif kind is Kind.SFT:
        used |= {question_key, 'response'}
    used |= {'messages'} if own is not None else {'messages', system_key}
    system = own if own is not None else system
    if not isinstance(user, str) or not user.strip():
        raise RowRejected(Reason.MALFORMED_ROW, 'no question: expected the column question or messages')
    if kind is Kind.SFT and not isinstance(response, str):
        raise RowRejected(Reason.MALFORMED_ROW, 'no response: expected the column response or an assistant message')
    if system is not None and not isinstance(system, str):
        raise RowRejected(Reason.MALFORMED_ROW, f'{system_key} is {type(system).__name__}; expected a text')
    fate = fates(row, used, kind, user, turns or ())
    pictures = _pictures(row.get(picture_key) or [])
    if not pictures:
        user, pictures = _img_tags(user)
    return SourceRow(
        user=user,
        pictures=pictures,
        system=system,
        response=response if kind is Kind.SFT else None,
        solution=_solution(row.get(solution_key)) if kind is Kind.RL else None,
        question=question if turns and isinstance(question, str) else user,
        extra=fate.carried,
        ignored=fate.ignored,
    )


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of some columns that says anything; the first of all where none does."""
    return next((name for name in names if filled(row.get(name))), names[0])


def _img_tags(user: str) -> tuple[str, Sequence[PictureSource]]:
    """The host's older spelling of a picture, read as the host does: where a row has no other picture."""
    return _IMG_TAG.sub(IMAGE_TAG, user), [picture_of(path) for path in _IMG_TAG.findall(user)]


def _solution(value: Any) -> str | None:
    """A solution as one text; several accepted answers as a JSON list, which the rewards read."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    items = value if isinstance(value, list) else [value]
    if filled(value) and not all(isinstance(one, str | int | float | Decimal | list) for one in items):
        raise RowRejected(
            Reason.MALFORMED_ROW,
            f'solution holds {type(items[0]).__name__}; expected a text, a number or a list of accepted answers',
        )
    if not filled(value):
        return None
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list) else str(value)


def _pictures(value: Any) -> Sequence[PictureSource]:
    values = value if isinstance(value, (list, tuple)) else [value]
    if all(isinstance(item, PictureSource) for item in values):
        return values
    return [picture_of(item) for item in values]


def picture_of(value: Any) -> PictureSource:
    """One picture as rows spell it: a path, base64 text, bytes, or `{'path' | 'bytes': …}`.

    Raises:
        RowRejected: MALFORMED_ROW.
    """
    if isinstance(value, dict):
        data, path = value.get('bytes'), value.get('path')
        if isinstance(data, str):
            return PictureSource(base64=data)
        if data is not None:
            return PictureSource(data=data)
        if isinstance(path, str):
            return picture_of(path)
    elif isinstance(value, (bytes, memoryview)):
        return PictureSource(data=value)
    elif isinstance(value, str):
        return PictureSource(base64=value) if looks_encoded(value) else PictureSource(path=value)
    raise RowRejected(Reason.MALFORMED_ROW, f'a picture is {type(value).__name__}; expected a path, base64 or bytes')


def _read_messages(messages: Any) -> list[dict[str, Any]]:
    if isinstance(messages, str):
        try:
            messages = json.loads(messages)
        except ValueError as error:
            raise RowRejected(Reason.MALFORMED_ROW, f'messages are not JSON: {error}') from error
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise RowRejected(Reason.MALFORMED_ROW, 'messages are no list of objects')
    check_messages(messages)
    return messages


def _read_turns(messages: Sequence[Mapping[str, Any]], kind: Kind) -> tuple[str | None, str, str | None]:
    roles = [message.get('role') for message in messages]
    contents = [message.get('content') for message in messages]
    if not all(isinstance(content, str) for content in contents):
        raise RowRejected(Reason.MALFORMED_ROW, 'the content of a message is no text')
    system = str(contents.pop(0)) if roles[:1] == ['system'] else None
    expected = ['user', 'assistant'] if kind is Kind.SFT else ['user']
    turns = [role for role in roles if role != 'system']
    if turns != expected or len(contents) != len(expected):
        raise RowRejected(Reason.MALFORMED_ROW, f'roles are {roles}; expected {expected}, system first or none')
    return system, str(contents[0]), str(contents[1]) if kind is Kind.SFT else None


def content_id(messages: Sequence[dict[str, str]], names: Sequence[str], solution: str | None) -> str:
    """What a row is, in 24 hexadecimal digits: its words, the system message's too, its pictures, its solution."""
    spoken = [(message['role'], message['content']) for message in messages]
    content = json.dumps([spoken, list(names), solution], ensure_ascii=False).encode('utf-8', 'surrogatepass')
    return hashlib.sha256(content).hexdigest()[:24]
