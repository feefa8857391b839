"""Where items come from: sets of `thyme synth`, TSV files in VLMEvalKit's columns, JSON lines.

Owns reading. Pictures that a file carries as base64 are written below the run's folder, named by content; pictures
that it names by path stay where they are.
"""

from __future__ import annotations

import ast
import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from .. import picture, protocol
from ..data.checks import check_unicode
from ..data.forms import REFUSED_COLUMNS, filled, solution_text
from ..data.rows import RowRejected, escape_surrogates, parse_line, refusing_odd_values
from ..data.synth.writers import CANONICAL
from ..errors import DataError
from ..trajectories import question_of
from .items import Box, Item, ItemImage

_REFERENCE_CHARS = 64
"""A TSV picture cell up to this length is the index of the row that carries the picture. VLMEvalKit's convention."""
_MOST_PATH_CHARS = 4096
_READ_OF_TSV = frozenset(('index', 'question', 'hint', 'image', 'image_path', 'answer', 'category', 'task', 'box'))
_READ = (_READ_OF_TSV - {'hint', 'image_path'}) | {'id', 'stem', 'messages', 'options', 'choices', 'images', 'solution'}
_END = '\x03thyme: the end of the file'
_SAME_MEANING = (('id', 'index'), ('options', 'choices'), ('images', 'image'), ('task', 'category'))
_Rows = Iterator[tuple[str, Callable[[], tuple[dict[str, Any], set[str]]]]]
"""Where each row stands, and what reads it: the row, and names of its columns that are left out."""
_MISSING = 'nan'
"""How pandas, with which VLMEvalKit reads a TSV file, names a cell that holds nothing."""
_LETTERED = re.compile(r'^\s*\(?([A-Z])[.):]\s*')
"""How a line that tells an option begins: `A. `, `(B) `, `C: `."""


@dataclass
class LeftOut:
    """What a set says and no item does."""

    rows: list[str] = field(default_factory=list)
    """A sentence for each row that cannot be used; it names the row."""
    columns: Counter[str] = field(default_factory=Counter)
    """Columns that say something and are not read → rows that have them; of sets of `thyme synth` none is counted."""


def load(path: Path, pictures: Path, left_out: LeftOut | None = None) -> list[Item]:
    """The items of a set.

    Args:
        path: a folder made by `thyme synth`, a `.tsv` file or a `.jsonl` file.
        pictures: folder for pictures that the file itself carries; made when needed.
        left_out: takes what is left out. Without it the first row that cannot be used refuses the set.

    Raises:
        DataError: the file is missing or of another kind, no row is left, or one cannot be used; the message names it.
    """
    if path.is_dir():
        rows = _lines(_canonical(path))
    elif path.suffix == '.tsv' and path.is_file():
        rows = _tsv(path, pictures)
    elif path.suffix in ('.jsonl', '.json') and path.is_file():
        rows = _lines(path)
    else:
        raise DataError(
            f'no evaluation set: got {str(path)!r}; expected a folder of `thyme synth`, a .tsv or a .jsonl file; '
            f'check the path'
        )
    left, items = left_out or LeftOut(), list[Item]()
    for where, read in rows:
        try:
            with refusing_odd_values():
                row, unread = read()
                items.append(_item(row, where, *((path, None) if path.is_dir() else (path.parent, pictures))))
        except DataError as error:
            told = f'{where} cannot be used: {error.detail}' if isinstance(error, RowRejected) else str(error)
            if left_out is None:
                raise DataError(told) from error
            left.rows.append(told)
        else:
            left.columns.update(() if path.is_dir() else map(escape_surrogates, unread))
    if left.rows and not items:
        raise DataError(f'{path} holds no item that can be asked; the first of {len(left.rows)} rows: {left.rows[0]}')
    require_unique(items, path)
    return items


def require_unique(items: Sequence[Item], where: str | Path) -> None:
    """Checks that there are items, and that each has an id of its own.

    Args:
        items: of one evaluation.
        where: they come from, for the message.

    Raises:
        DataError: there is none, or two share an id.
    """
    if not items:
        raise DataError(f'{where} holds no item: expected at least one; check the file')
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise DataError(f'{where}: two items have the id {item.id!r}; expected each once; rename or remove one')
        seen.add(item.id)


def _canonical(folder: Path) -> Path:
    if not (folder / CANONICAL).is_file():
        raise DataError(
            f'{folder} is no set of `thyme synth`: {CANONICAL} is missing; name its folder, or a .tsv or .jsonl file'
        )
    return folder / CANONICAL


def _lines(path: Path) -> _Rows:
    def read(number: int, line: bytes) -> tuple[dict[str, Any], set[str]]:
        row = parse_line(line)
        if isinstance(row, RowRejected):
            raise row
        return {'id': number, **row}, _unread(row)

    with path.open('rb') as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield f'{path}:{number}', partial(read, number, line)


def _unread(row: Mapping[str, Any]) -> set[str]:
    """Columns that say something and are not read; of two of one meaning that differ, the second."""
    second = {b for a, b in _SAME_MEANING if filled(row.get(a)) and row.get(b) != row[a]}
    return {name for name, value in row.items() if (name not in _READ or name in second) and filled(value)}


def _tsv(path: Path, pictures: Path) -> _Rows:
    csv.field_size_limit(sys.maxsize)
    carried: dict[str, list[Any]] = {}

    def read(cells: dict[str, Any], where: str) -> tuple[dict[str, Any], set[str]]:
        if None in cells:
            raise DataError(f'{where} has more cells than the file has columns; quote cells that hold tabs')
        row: dict[str, Any] = {key: value for key, value in cells.items() if value and value != _MISSING}
        if 'index' not in row:
            raise DataError(f'{where} has no index: expected one in each row; add it')
        images = carried[row['index']] = _tsv_images(row, where, carried, pictures, path.parent)
        question = row.get('question', '')
        if 'hint' in row:
            question = f'Hint: {row["hint"]}\n{question}'
        task = row.get('category') or row.get('task') or ''
        given = {'id': row['index'], 'question': question, 'task': task, 'images': images}
        given |= {'options': [row.get(letter) for letter in letters], **{k: row.get(k) for k in ('answer', 'box')}}
        return given, row.keys() - {*_READ_OF_TSV, *letters}

    with path.open(encoding='utf-8-sig', errors='surrogateescape', newline='') as file:
        reader = csv.DictReader(_ended(file), delimiter='\t')
        letters = _letters(reader.fieldnames or (), path)
        for number, cells in enumerate(reader, 2):
            where = f'{path}:{number}'
            if any(cell and _END in cell for cell in cells.values() if isinstance(cell, str)):
                if next(iter(cells.values())) == _END:
                    return
                raise DataError(f'{where} begins a quote that is never closed; close it, or double it inside of a cell')
            yield where, partial(read, cells, where)


def _ended(lines: Iterable[str]) -> Iterator[str]:
    """Lines of a file, and one that tells whether a quote was open at its end: `csv` says nothing of that."""
    for line in lines:
        yield line if line.endswith(('\n', '\r')) else f'{line}\n'
    yield _END


def named_pictures(path: Path) -> list[Path]:
    """The picture files that a TSV file names, in order."""
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding='utf-8-sig', errors='surrogateescape', newline='') as file:
        rows = csv.DictReader(file, delimiter='\t')
        cells = (row.get(column) or '' for row in rows for column in ('image', 'image_path'))
        listed = (one for cell in cells for one in _listed(cell) if len(one) <= _MOST_PATH_CHARS)
        named = dict.fromkeys(path.parent / one for one in listed)
    return [place for place in named if picture.is_file(place)]


def _letters(columns: Sequence[str], path: Path) -> list[str]:
    names = set(columns)
    if len(names) < len(columns):
        raise DataError(f'{path} has two columns of one name: got {", ".join(columns)}; remove or rename one')
    missing = {'index', 'question', 'answer'} - names
    if missing:
        raise DataError(
            f'{path} lacks columns {", ".join(sorted(missing))}: got {", ".join(sorted(names))}; expected index, '
            f'question, answer and A, B, … for options; rename them'
        )
    return [letter for letter in ascii_uppercase if letter in names]


def _tsv_images(
    row: Mapping[str, Any], where: str, carried: Mapping[str, list[Any]], pictures: Path, folder: Path
) -> list[Any]:
    cell = row.get('image', '')
    if len(cell) <= _REFERENCE_CHARS and cell in carried:
        return carried[cell]
    return [_image(one, where, folder, pictures) for one in _listed(cell or row.get('image_path', ''))]


def _listed(cell: str) -> list[str]:
    if cell.startswith('[') and cell.endswith(']'):
        try:
            found = ast.literal_eval(cell)
        except (ValueError, SyntaxError):
            return [cell]
        if isinstance(found, list):
            return [str(entry) for entry in found]
    return [cell] if cell else []


def _item(row: Mapping[str, Any], where: str, folder: Path, pictures: Path | None) -> Item:
    for column, what in REFUSED_COLUMNS.items():
        if filled(row.get(column)):
            raise DataError(
                f'{where}: {column} holds {what}; expected a question with pictures; remove the row or column'
            )
    lettered = _options(row, where)
    options = _without_letters(lettered)
    messages = row.get('messages') or []
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
        raise DataError(f'{where} has unusable messages: got {messages!r:.80}; expected a list of objects')
    stem, worded = row.get('stem'), row.get('question') or question_of(messages)
    question = stem if isinstance(stem, str) and stem else _without_options(worded, options)
    if not isinstance(question, str) or not question.strip():
        raise DataError(f'{where} has no question: got {question!r}; expected text in `question`; add it')
    answer, right = _truth(row, lettered, options, where)
    ident, task = str(row.get('id', row.get('index'))), str(row.get('task') or row.get('category') or '')
    texts = {'id': ident, 'task': task, 'question': question, 'answer': answer, 'options': ' '.join(options)}
    check_unicode({**texts, 'worded': worded if isinstance(worded, str) else ''})
    pictured = row.get('images') or row.get('image') or []
    listed = pictured if isinstance(pictured, list) else [pictured]
    kept = listed[:1] if messages and messages[-1].get('role') == 'assistant' else listed
    of_a_set = pictures is None  # its prompts call the pictures by their files
    names = kept if of_a_set else _names(messages, len(kept))
    return Item(
        id=ident,
        question=question,
        answer=answer,
        options=options,
        right=right,
        images=tuple(_image(e, where, folder, pictures, name) for e, name in zip(kept, names, strict=True)),
        task=task,
        box=_box(row.get('box'), where),
        worded=worded if isinstance(worded, str) and worded != question else '',
    )


def _without_options(question: Any, options: tuple[str, ...]) -> Any:
    """The question without the options that its last lines tell, lettered as they are; else as it is."""
    if not isinstance(question, str) or not options:
        return question
    lines = question.rstrip().split('\n')
    stem, told = lines[: -len(options)], lines[-len(options) :]
    wanted = [f'{letter} {text.strip()}' for letter, text in zip(ascii_uppercase, options, strict=False)]
    return '\n'.join(stem) if stem and [_LETTERED.sub(r'\1 ', line).strip() for line in told] == wanted else question


def _names(messages: Any, n: int) -> tuple[str, ...]:
    """What a row's own prompt calls its pictures; a row with a response has further ones, returned by its code."""
    asked = ''.join(str(m.get('content')) for m in messages if isinstance(m, Mapping) and m.get('role') == 'user')
    names = protocol.prompt_image_paths(asked)
    return names if len(names) == n else ('',) * n


def _options(row: Mapping[str, Any], where: str) -> tuple[str, ...]:
    options = row.get('options') or row.get('choices') or ()
    if isinstance(options, Mapping):
        lettered = all(isinstance(key, str) and len(key) == 1 and key in ascii_uppercase for key in options)
        keys = ascii_uppercase[: ascii_uppercase.index(max(options)) + 1] if lettered else sorted(options)
        options = [options.get(key) for key in keys]
    if isinstance(options, (list, tuple)):
        options = _without_empty_end(options, where)
    if not isinstance(options, (list, tuple)) or len(options) == 1 or len(options) > len(ascii_uppercase):
        raise DataError(f'{where} has unusable options: got {options!r:.100}; expected a list of 2 to 26 texts')
    return tuple(str(option) for option in options)


def _without_empty_end(options: Sequence[Any], where: str) -> list[Any]:
    filled = [option is not None and str(option).strip() != '' for option in options]
    n = max((place for place, is_there in enumerate(filled, 1) if is_there), default=0)
    if not all(filled[:n]):
        empty = filled.index(False)
        raise DataError(
            f'{where}: option {ascii_uppercase[empty % len(ascii_uppercase)]} is empty and a later one is not: got '
            f'{list(options)!r:.100}; expected no gap, which would move the letters behind it; fill or remove it'
        )
    return list(options[:n])


def _without_letters(options: tuple[str, ...]) -> tuple[str, ...]:
    """Options without letters of their own (`A. red`, `(B) blue`), which would contradict those of another order."""
    begun = [_LETTERED.match(option) for option in options]
    if [found and found[1] for found in begun] != list(ascii_uppercase[: len(options)]):
        return options
    bare = tuple(_LETTERED.sub('', option) for option in options)
    return bare if all(bare) else options


def _truth(row: Mapping[str, Any], lettered: tuple[str, ...], options: tuple[str, ...], where: str) -> tuple[str, int]:
    """The answer's text, and the right option's index: a single letter names an option even where one says it too."""
    try:
        told = [solution_text(row.get(key)) for key in ('solution', 'answer')]
    except RowRejected as error:
        raise DataError(f'{where}: {error.detail}') from error
    given = [text.strip() for text in told if text is not None]
    if not given:
        raise DataError(
            f'{where} has no answer: expected `answer` (or `solution`); a set without truth cannot be scored'
        )
    if not options:
        return given[0], -1
    for truth in given:
        place = ascii_uppercase.find(truth) if len(truth) == 1 else -1
        if 0 <= place < len(options):
            return options[place], place
    for truth in given:
        places = [place for place, texts in enumerate(zip(lettered, options, strict=True)) if truth in texts]
        if len(places) > 1:
            raise DataError(f'{where}: the answer is the text of several options: got {truth!r:.80}; give its letter')
        if places:
            return options[places[0]], places[0]
    raise DataError(
        f'{where}: the answer is none of the options: got {given[0]!r:.80}; expected a letter from A to '
        f'{ascii_uppercase[len(options) - 1]} or the text of one; correct it'
    )


def _image(reference: Any, where: str, folder: Path, pictures: Path | None, name: str = '') -> ItemImage:
    if isinstance(reference, ItemImage):
        return reference
    if isinstance(reference, str) and picture.is_file(folder / reference):
        return ItemImage(folder / reference, name)
    try:
        found = picture.resolve(reference)
    except DataError as error:
        for moved in _beside(reference, name):  # a set that was moved: its paths are dead, its pictures lie beside it
            if picture.is_file(folder / moved):
                return ItemImage(folder / moved, name)
        raise DataError(f'{where}: {error}') from error
    if isinstance(found, Path):
        return ItemImage(found, name)
    if pictures is None:
        raise DataError(f'{where} names a picture that is missing: got {str(reference)!r:.200}; make the set again')
    return ItemImage(picture.save(found, pictures), name)


def _beside(reference: Any, name: str) -> list[str]:
    """Where in a set's own folder a picture may lie: where its prompt says, or in the subfolder it was in."""
    inner = '/'.join(reference.rsplit('/', 2)[-2:]) if isinstance(reference, str) else ''
    return [place for place in (name, inner) if place]


def _box(given: Any, where: str) -> Box | None:
    """`[left, top, right, bottom]`, also as JSON text; of several, the outline. Other forms of a box are not read."""
    if given in (None, '', 'null'):
        return None
    try:
        values = json.loads(given) if isinstance(given, str) else given
        boxes = values if isinstance(values[0], (list, tuple)) else [values]
        sides = [[float(side) for side in box] for box in boxes]
        left, top = (min(box[i] for box in sides) for i in (0, 1))
        right, bottom = (max(box[i] for box in sides) for i in (2, 3))
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise DataError(
            f'{where} has an unusable box: got {given!r:.80}; expected [left, top, right, bottom]'
        ) from error
    if not (left < right and top < bottom):
        raise DataError(f'{where} has an empty box: got {given!r:.80}; expected left < right and top < bottom')
    return round(left), round(top), round(right), round(bottom)
