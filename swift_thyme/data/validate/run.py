"""Checks a set of rows as it lies on disk: a prepared set, one of its folders, or any parquet or jsonl file of rows.

Nothing is changed. The checks are those of `thyme prepare`; on top of them, every stored picture is read again and its
name compared with its content.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import DataError
from ..convert import check_texts, content_id, parse_form
from ..lengths import LengthChecker
from ..manifest import prepared_root, read_manifest
from ..paths import resolve
from ..pictures import FOLDER, NAME_HEX, check_picture, read_source
from ..rows import Encoded, Kind, PictureSource, Reason, RowRejected, SourceRow, refusing_odd_values
from ..seen import SeenIds
from ..sources import Shard, plan, read

_STORED = re.compile(rf'(?:.*/)?{FOLDER}/[0-9a-f]{{2}}/[0-9a-f]{{{NAME_HEX}}}\.\w+\Z')


@dataclass(frozen=True)
class Problem:
    """One row that must not be trained on."""

    source: str
    reason: Reason
    detail: str


@dataclass
class Validation:
    """What was found."""

    rows: int = 0
    problems: Counter[Reason] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    """Rows per file."""


@dataclass(frozen=True)
class Validator:
    """The settings of one validation."""

    root: Path | None
    """The prepared set's folder; None for rows of another origin."""
    decode: bool = False
    lengths: LengthChecker | None = None

    def check(self, row: dict[str, Any], base: Path | None) -> str:
        """Checks one row.

        Returns:
            The id that equal rows share.

        Raises:
            RowRejected: with the first reason found.
        """
        with refusing_odd_values():
            return self._check(row, base)

    def _check(self, row: dict[str, Any], base: Path | None) -> str:
        kind = kind_of(row)
        parsed = parse_form(row, kind)
        check_texts(parsed, kind)
        sizes, names = [], []
        for source in parsed.pictures:
            data = read_source(source, self.root or base)
            _check_name(source, data)
            picture = check_picture(data, decode=self.decode)
            sizes.append((picture.width_px, picture.height_px))
            names.append(picture.name)
        messages = _messages(parsed)
        if self.root is not None:
            try:
                messages = resolve({'messages': messages, 'images': names}, self.root)['messages']
            except DataError as error:
                raise RowRejected(Reason.PATH_WITHOUT_PICTURE, str(error)) from error
        if self.lengths is not None:
            self.lengths.check(messages, sizes)
        return content_id(messages, names, parsed.solution)


def kind_of(row: dict[str, Any]) -> Kind:
    """SFT for a row that holds a response, RL otherwise."""
    messages = row.get('messages')
    if isinstance(messages, list):
        answered = any(isinstance(message, dict) and message.get('role') == 'assistant' for message in messages)
        return Kind.SFT if answered else Kind.RL
    return Kind.SFT if 'response' in row else Kind.RL


def _messages(row: SourceRow) -> list[dict[str, str]]:
    turns = [('system', row.system), ('user', row.user), ('assistant', row.response)]
    return [{'role': role, 'content': content} for role, content in turns if content is not None]


def _check_name(source: PictureSource, data: Encoded) -> None:
    if source.path is None or not _STORED.match(source.path):
        return
    if hashlib.sha256(data).hexdigest()[:NAME_HEX] != PurePosixPath(source.path).stem:
        raise RowRejected(Reason.CHANGED_IMAGE, f'{source.path} does not hold the picture it was made for')


def shards_of(path: Path) -> tuple[Path | None, list[Shard]]:
    """The files of rows at `path`, and the prepared set they belong to, if any.

    Raises:
        DataError: there are none, or the set is not finished.
    """
    root = prepared_root(path)
    if root is not None and path.expanduser().absolute() == root:
        folders = [root / entry['folder'] for entry in read_manifest(root)['splits'].values()]
        if not folders:
            raise DataError(f'{root} holds no rows: every row was rejected; see {root / "rejected"}')
        return root, plan([str(folder) for folder in folders])
    return root, plan([str(path)])


def validate(
    path: Path,
    *,
    decode: bool = False,
    lengths: LengthChecker | None = None,
    on_problem: Callable[[Problem], None] | None = None,
    consumed: Callable[[int], None] | None = None,
) -> Validation:
    """Runs every check on every row at `path`.

    Args:
        path: a prepared set, a folder, or a file.
        decode: decode every picture in full.
        lengths: finds over-long rows where given.
        on_problem: told of every row that fails.
        consumed: told how many bytes of the row files each step has used up.

    Raises:
        DataError: no rows there, or a file is broken.
    """
    root, shards = shards_of(path)
    validator = Validator(root, decode, lengths)
    found = Validation()
    with tempfile.TemporaryDirectory() as scratch:
        seen = SeenIds(Path(scratch) / 'seen.sqlite', durable=False)
        for label, row, shard in _rows(shards, consumed or (lambda _: None)):
            found.rows += 1
            found.files[shard.url] += 1
            try:
                if isinstance(row, RowRejected):
                    raise row
                key = validator.check(row, shard.base)
                if seen.claim(found.rows, [key]):
                    raise RowRejected(Reason.DUPLICATE, 'the same row comes earlier')
            except RowRejected as refusal:
                found.problems[refusal.reason] += 1
                if on_problem is not None:
                    on_problem(Problem(f'{shard.url}: {label}', refusal.reason, refusal.detail))
        seen.close()
    return found


def _rows(
    shards: list[Shard], consumed: Callable[[int], None]
) -> Iterator[tuple[str, dict[str, Any] | RowRejected, Shard]]:
    for shard in shards:
        for label, row in read(shard, consumed):
            yield label, row, shard
