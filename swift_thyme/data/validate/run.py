"""Checks a set of rows as it lies on disk: a prepared set, one of its folders, or any parquet or jsonl file of rows.

Nothing is changed. The checks are those of `thyme prepare`; on top of them, every stored picture is read again and its
name compared with its content.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import DataError
from ..checks import paths_in
from ..convert import check_texts, content_id
from ..forms import MESSAGES, parse_form
from ..lengths import LengthChecker
from ..manifest import MANIFEST, prepared_root, read_manifest
from ..paths import resolve
from ..pictures import FOLDER, NAME_HEX, check_picture, read_picture
from ..readers import read
from ..rows import Kind, Reason, RowRejected, SourceRow, refusing_odd_values
from ..seen import SeenIds
from ..sources import Piece, plan

_STORED = re.compile(rf'(?:.*/)?{FOLDER}/[0-9a-f]{{2}}/[0-9a-f]{{{NAME_HEX}}}\.\w+\Z')

_LONGEST_PATH = 4096


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
    miscounted: list[str] = field(default_factory=list)
    """Of each folder of a prepared set that holds more or fewer rows than were written: a sentence."""


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
        if self.root is not None and not row.get('messages'):
            raise RowRejected(Reason.MALFORMED_ROW, 'no messages: expected a row as `thyme prepare` writes it')
        parsed = parse_form(row, kind)
        check_texts(parsed, kind)
        sizes, names = [], []
        for source in parsed.pictures:
            data = read_picture(source, self.root or base)
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
            _check_prompt_paths(messages, names)
        if self.lengths is not None:
            self.lengths.check(messages, sizes)
        return content_id(messages, names, parsed.solution)


def kind_of(row: dict[str, Any]) -> Kind:
    """SFT for a row that holds a response, RL otherwise."""
    messages = next((row[name] for name in MESSAGES if isinstance(row.get(name), list)), None)
    if messages is None:
        return Kind.SFT if 'response' in row else Kind.RL
    roles = {message.get('role', message.get('from')) for message in messages if isinstance(message, dict)}
    return Kind.SFT if roles & {'assistant', 'gpt', 'bot'} and not row.get('solution') else Kind.RL


def _messages(row: SourceRow) -> list[dict[str, str]]:
    turns = [('system', row.system), ('user', row.user), ('assistant', row.response)]
    return [{'role': role, 'content': content} for role, content in turns if content is not None]


def _check_prompt_paths(messages: list[dict[str, str]], names: list[str]) -> None:
    known = {PurePosixPath(name).name for name in names}
    for span in (span for one in messages if one['role'] == 'user' for span in paths_in(one['content'])):
        if PurePosixPath(span.path).name not in known:
            raise RowRejected(
                Reason.PATH_WITHOUT_PICTURE, f'the prompt names {span.path!r}, which is no picture of the row'
            )


def _check_name(source: Any, data: bytes) -> None:
    path = source.get('path') if isinstance(source, dict) else source
    if not isinstance(path, str) or not _STORED.match(path[-_LONGEST_PATH:]):
        return
    if hashlib.sha256(data).hexdigest()[:NAME_HEX] != PurePosixPath(path).stem:
        raise RowRejected(Reason.CHANGED_IMAGE, f'{path} does not hold the picture it was made for')


def pieces_of(path: Path) -> tuple[Path | None, list[Piece]]:
    """The files of rows at `path`, and the prepared set they belong to, if any.

    Raises:
        DataError: there are none, or the set is not finished.
    """
    root = prepared_root(path)
    if root is not None and path.expanduser().absolute() == root:
        folders = [root / entry['folder'] for entry in read_manifest(root)['splits'].values()]
        if not folders:
            raise DataError(f'{root} holds no rows: every row was rejected; see {root / "rejected"}')
        return root, _pieces([str(folder) for folder in folders])
    return root, _pieces([str(path)])


def _pieces(sources: list[str]) -> list[Piece]:
    return [piece for shard in plan(sources)[0] for piece in shard.pieces]


def _miscounted(root: Path, path: Path, files: Counter[str]) -> list[str]:
    here: Counter[Path] = Counter()
    for url, rows in files.items():
        here[Path(url).parent] += rows
    told = {(root / entry['folder']).resolve(): entry['rows'] for entry in read_manifest(root)['splits'].values()}
    return [
        f'{folder} holds {here[folder]:,} rows, {MANIFEST} says {rows:,}: copy the set again; or, if the rows were '
        'edited, write the new number there'
        for folder, rows in told.items()
        if folder.is_relative_to(path.expanduser().resolve()) and here[folder] != rows
    ]


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
        decode: read every picture's data to its end.
        lengths: finds over-long rows where given.
        on_problem: told of every row that fails.
        consumed: told how many bytes of the row files each step has used up.

    Raises:
        DataError: no rows there, or a file is broken.
    """
    root, pieces = pieces_of(path)
    validator = Validator(root, decode, lengths)
    found, told = Validation(), () if consumed is None else (consumed,)
    with tempfile.TemporaryDirectory() as scratch:
        seen = SeenIds(Path(scratch) / 'seen.sqlite', durable=False)
        for piece, label, row in ((one, *each) for one in pieces for each in read(one, *told)):
            found.rows += 1
            found.files[piece.url] += 1
            try:
                if isinstance(row, RowRejected):
                    raise row
                key = validator.check(row, piece.base)
                if seen.claim(found.rows, [key]):
                    raise RowRejected(Reason.DUPLICATE, 'the same row comes earlier')
            except RowRejected as refusal:
                found.problems[refusal.reason] += 1
                if on_problem is not None:
                    on_problem(Problem(f'{piece.url}: {label}', refusal.reason, refusal.detail))
        seen.close()
    found.miscounted = [] if root is None else _miscounted(root, path, found.files)
    return found
