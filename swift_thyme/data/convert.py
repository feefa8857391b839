"""One source row to one prepared row: checks, pictures, paths, split.

Owns the order of the steps. A row that cannot be used raises `RowRejected` with its reason; nothing is written for it
except pictures that other rows may share. Duplicates are not seen here: they need the whole set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..protocol import ANSWER_OPEN, IMAGE_TAG, SYSTEM_PROMPT, PromptImage, render_user_prompt
from ..types import SegmentKind
from .checks import check_host_tokens, check_picture_count, check_response, check_unicode, check_user, parts, paths_in
from .forms import parse_form, rename
from .lengths import LengthChecker
from .paths import handle, resolve, to_handles
from .pictures import PictureStore, check_picture, read_picture
from .rows import (
    Fix,
    Kind,
    PreparedRow,
    Reason,
    RowRejected,
    SourceRow,
    Split,
    SystemPolicy,
    escape_surrogates,
    refusing_odd_values,
)


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
    columns: Mapping[str, str] = field(default_factory=dict)
    """Names of the source's columns → names that are read."""
    columns_found: set[str] = field(default_factory=set)
    """Of these, the ones that some row had."""

    def convert(
        self, row: Mapping[str, Any], source: str, *, base: Path | None = None, split: Split | None = None
    ) -> PreparedRow:
        """Converts one row.

        Args:
            row: the source's columns.
            source: how the row is called in files, `file#row`.
            base: where relative picture paths start.
            split: where the source says that its rows belong; told from the row where it does not say.

        Raises:
            RowRejected: with the first reason found.
        """
        with refusing_odd_values():
            return self._convert(row, source, base, split)

    def _convert(self, row: Mapping[str, Any], source: str, base: Path | None, split: Split | None) -> PreparedRow:
        renamed, found, lost = rename(dict(row), self.columns)
        self.columns_found.update(found)
        parsed = parse_form(renamed, self.kind)
        rendered = ANSWER_OPEN not in parsed.user and not paths_in(parsed.user)
        bare = rendered and IMAGE_TAG not in f'{parsed.user}{parsed.response}'
        fixes = list(check_texts(parsed, self.kind, count_tags=not bare))
        pictures = [check_picture(read_picture(p, base), decode=self.decode) for p in parsed.pictures]
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
        system_kept = parsed.system is None or self.system is SystemPolicy.KEEP
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
            messages=spoken if self.keep_paths else messages,
            images=shown if self.keep_paths else names,
            sizes=tuple(sizes),
            source=source,
            rounds=rounds,
            solution=parsed.solution,
            question=parsed.question,
            carried=tuple(map(escape_surrogates, sorted(parsed.extra))),
            ignored=tuple(sorted({*parsed.ignored, *lost, *(() if system_kept else ('system',))})),
            extra=_as_text(parsed.extra) if parsed.extra else None,
            fixes=tuple(dict.fromkeys(fixes)),
            length_tokens=length,
            picture_bytes=sum(len(picture.data) for picture in pictures),
            chars=sum(len(message['content']) for message in spoken),
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


def content_id(messages: Sequence[dict[str, str]], names: Sequence[str], solution: str | None) -> str:
    """What a row is, in 24 hexadecimal digits: its words, the system message's too, its pictures, its solution."""
    spoken = [(message['role'], message['content']) for message in messages]
    content = json.dumps([spoken, list(names), solution], ensure_ascii=False).encode('utf-8', 'surrogatepass')
    return hashlib.sha256(content).hexdigest()[:24]
