"""Picture paths inside texts: from foreign paths to handles when a set is prepared, and back when it is loaded.

In a prepared set every text calls picture i `$IMAGE_i`, and a file name made from its name `$IMAGE_i_STEM…`; `resolve`
puts the real path in when a row is loaded, so a set can be moved to another disk as it is. The prompt, the code, the
prose and the sandbox's text of a row then name the same file.

Thyme README §2.3 describes the conversion by hand: file name of the prompt's path → first picture of the row, the
same in the response. Differs from the release: paths are converted by code, in every spelling, at load time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from ..errors import DataError
from ..protocol import code_blocks, prompt_image_sizes
from ..types import SegmentKind
from .checks import parts, paths_in
from .rows import Fix, Reason, RowRejected
from .written import written_names

PROCESSED_DIR = '/mnt/data/temp_processed_images'
"""Where released code saves pictures; the sandbox maps it to the session's directory."""

_HANDLE = re.compile(r'\$IMAGE_(\d+)(_STEM)?')
_SUFFIX = r'\.(?:jpe?g|png|webp|bmp|gif|tiff?)'
_STOPS = frozenset(' \t\n\r\u00a0"\'`“”<>()[]{}|,;*')
"""Where a path that is not quoted ends on its left."""
_PROCESSED_NAME = 'temp_processed_images'
_LITERAL = re.compile(r'(?P<quote>["\'])(?P<path>[^"\'\n{}]*' + _SUFFIX + r')(?P=quote)', re.IGNORECASE)
_READ_CONTEXT = re.compile(
    r'(?:imread|open|load_img|load_image|read_image)\(\s*r?\Z|'
    r'\b(?:user_|input_|source_|original_)?(?:image|img|input|picture)(?:_?(?:path|file))?\s*=\s*r?\Z',
    re.IGNORECASE,
)
_UNSAFE_IN_CODE = frozenset('"\'\\{}\n\r$')


def handle(index: int) -> str:
    """The name of picture `index` of a row in the row's texts."""
    return f'$IMAGE_{index}'


def has_handle(text: str) -> bool:
    """Whether a text names a picture of a prepared set whose real path is not filled in."""
    return _HANDLE.search(text) is not None


@dataclass(frozen=True)
class Converted:
    """Texts of one row with handles in place of foreign paths."""

    user: str
    response: str | None
    fixes: tuple[Fix, ...]


def to_handles(user: str, response: str | None, sizes: Sequence[tuple[int, int]], user_pictures: int) -> Converted:
    """Replaces every foreign picture path of a row.

    Args:
        user: the prompt; the paths are those of its `User Image Path` lines.
        response: the assistant's turn, or None.
        sizes: width and height in px of all pictures of the row.
        user_pictures: how many of them belong to the prompt; path line i belongs to picture i, and to the first
            where the row has fewer.

    Raises:
        RowRejected: SPECIAL_TOKEN, when a text already holds a handle.
    """
    for text in (user, response or ''):
        if has_handle(text):
            raise RowRejected(
                Reason.SPECIAL_TOKEN, 'the text holds $IMAGE_…, which prepared sets use for picture paths'
            )
    spans = paths_in(user) if user_pictures else ()
    known = _number([span.path for span in spans], user_pictures)
    fixes: list[Fix] = [Fix.PROMPT_PATH] if spans else []
    for span, index in reversed(list(zip(spans, known, strict=True))):
        user = user[: span.start] + handle(index) + user[span.end :]
    user, fixed = _correct_sizes(user, sizes, user_pictures)
    fixes += [Fix.SIZE_LINE] if fixed else []
    foreign = {span.path: index for span, index in zip(spans, known, strict=True)}
    user, _ = _replace_known(user, foreign)
    if response is None:
        return Converted(user, None, tuple(fixes))
    response, more = _convert_response(response, foreign, user_pictures)
    return Converted(user, response, tuple(fixes + more))


def _number(paths: list[str], pictures: int) -> list[int]:
    if len(paths) == pictures:
        return list(range(pictures))
    order = {path: i for i, path in enumerate(dict.fromkeys(paths))}
    return [order[path] if order[path] < pictures else 0 for path in paths]


def _correct_sizes(user: str, sizes: Sequence[tuple[int, int]], pictures: int) -> tuple[str, bool]:
    stated = prompt_image_sizes(user)
    fixed = False
    if not pictures:
        return user, fixed
    for i, size in reversed(list(enumerate(stated))):
        width, height = sizes[i if len(stated) == pictures else 0]
        if (size.width_px, size.height_px) != (width, height):
            user = f'{user[: size.start]}{width}x{height}{user[size.end :]}'
            fixed = True
    return user, fixed


def _convert_response(text: str, foreign: Mapping[str, int], pictures: int) -> tuple[str, list[Fix]]:
    fixes: list[Fix] = []
    text, changed = _replace_known(text, foreign, code=True)
    fixes += [Fix.RESPONSE_PATH] if changed else []
    text, changed = _replace_processed_dir(text)
    fixes += [Fix.PROCESSED_DIR] if changed else []
    if pictures:
        text, other = _replace_other(text)
        fixes += other
        text, changed = _replace_stems(text, foreign)
        fixes += [Fix.STEM] if changed else []
    return text, fixes


def _spellings(path: str) -> list[str]:
    """The ways in which code and prose write a name, longest first."""
    forms = {path, unicodedata.normalize('NFC', path), unicodedata.normalize('NFD', path)}
    for form in tuple(forms):
        forms |= {
            quote(form),
            form.replace(' ', '\\ '),
            form.replace('\\', '\\\\'),
            form.replace("'", "\\'"),
            form.encode('ascii', 'backslashreplace').decode('ascii'),
        }
    return sorted(filter(None, forms), key=len, reverse=True)


def _name(path: str) -> str:
    return re.split(r'[/\\]', path.rstrip('/\\'))[-1]


def _written(text: str) -> dict[str, int]:
    """Names that the code of a response writes, and where the line begins that names each for that."""
    codes = code_blocks(text)
    starts: list[int] = []
    for code in codes:
        starts.append(max(text.find(code, starts[-1] if starts else 0), 0))
    return {
        name: starts[block] + sum(map(len, codes[block].splitlines(keepends=True)[:line]))
        for name, (block, line) in written_names(codes).items()
    }


def _replace_known(text: str, foreign: Mapping[str, int], *, code: bool = False) -> tuple[str, bool]:
    """Replaces the given paths, and their file names below any directory or none: not those of what code writes."""
    before = text
    for path, index in foreign.items():
        for spelling in _spellings(path) if path != _name(path) else ():
            text = _replace_path(text, spelling, handle(index))
        for spelling in _spellings(_name(path)):
            if spelling in text:
                text = _replace_path(text, spelling, handle(index), _written(text) if code else {})
    return text, text != before


def _replace_path(text: str, ending: str, new: str, written: Mapping[str, int] | None = None) -> str:
    """Replaces every path that ends with `ending`, from its first character.

    Args:
        text: any text.
        ending: a path or a file name.
        new: what to put in its place.
        written: given where `ending` is a file name alone: what is a file of the session, and from which character
            on. That, and what lies below the folder of processed pictures, stays.
    """
    at = text.find(ending)
    if at < 0:
        return text
    pieces, done = [], 0
    while at >= 0:
        end = at + len(ending)
        start = _path_start(text, at, end, done)
        if start is not None and not _goes_on(text, end) and not _is_output(text, start, end, written):
            pieces += [text[done:start], new]
            done = end
        at = text.find(ending, end)
    return ''.join(pieces) + text[done:]


def _is_output(text: str, start: int, end: int, written: Mapping[str, int] | None) -> bool:
    path = text[start:end]
    return written is not None and (_PROCESSED_NAME in path or start >= written.get(path, len(text)))


def _goes_on(text: str, end: int) -> bool:
    following = text[end : end + 2]
    return following[:1].isalnum() or following[:1] in ('_', '-') or (following[:1] == '.' and following[1:].isalnum())


def _path_start(text: str, at: int, end: int, done: int) -> int | None:
    """Where the path starts whose last part begins at `at`; None when a longer name surrounds it."""
    if text[end : end + 1] in ('"', "'", '`', '”'):
        line = max(text.rfind('\n', done, at) + 1, done)
        opening = max(text.rfind(mark, line, at) for mark in '"\'`“')
        folder = text[opening + 1 : at]
        rooted = folder[:1] in ('.', '/', '\\', '~') or folder[1:2] == ':'
        if opening >= 0 and (not folder or (rooted and folder[-1] in '/\\')):
            return opening + 1
    if at == done:
        return at
    if text[at] in '/\\' or text[at - 1] in '/\\':
        start = at
        while start > done and text[start - 1] not in _STOPS:
            start -= 1
        return start
    return None if text[at - 1].isalnum() or text[at - 1] in '_.$-' else at


def _replace_processed_dir(text: str) -> tuple[str, bool]:
    if _PROCESSED_NAME not in text:
        return text, False
    pieces, done = [], 0
    at = text.find(_PROCESSED_NAME)
    while at >= 0:
        end = at + len(_PROCESSED_NAME)
        start = _path_start(text, at, end, done)
        if start is not None and start < at and text[end : end + 1] not in ('_', '-'):
            pieces += [text[done:start], PROCESSED_DIR]
            done = end
        at = text.find(_PROCESSED_NAME, end)
    new = ''.join(pieces) + text[done:]
    return new, new != text


def _replace_other(text: str) -> tuple[str, list[Fix]]:
    """Maps picture literals in code that neither the prompt nor the sandbox knows, the same one alike everywhere."""
    reads: dict[str, bool] = {}
    for part in parts(text):
        for match in _LITERAL.finditer(part.text) if part.kind is SegmentKind.CODE else ():
            path = match['path']
            if not path.startswith((PROCESSED_DIR, '$')):
                is_read = _READ_CONTEXT.search(part.text, 0, match.start()) is not None
                reads[path] = reads.get(path, True) and is_read
    saved = _written(text) if any(reads.values()) else {}
    read = [path for path, only in reads.items() if only and path not in saved]
    written = [path for path in reads if path not in read and re.match(r'[/\\]|[A-Za-z]:', path)]
    for path in sorted(read + written, key=len, reverse=True):
        target = handle(0) if path in read else f'{PROCESSED_DIR}/{_name(path)}'
        text = _replace_path(text, path, target)
    fixes = [Fix.OTHER_PATH_READ] if read else []
    return text, fixes + ([Fix.OTHER_PATH_WRITTEN] if written else [])


def _replace_stems(text: str, foreign: Mapping[str, int]) -> tuple[str, bool]:
    """File names derived from a picture's name follow its new name: in code and sandbox text, for distinctive names."""
    changed = False
    for path, index in foreign.items():
        stem = PurePosixPath(_name(path)).stem
        if len(stem) < 4 or stem not in text or not re.search(r'\d|_', stem):
            continue
        pieces = [
            part.text if part.kind is SegmentKind.TEXT else _replace_stem(part.text, stem, f'{handle(index)}_STEM')
            for part in parts(text)
        ]
        changed = changed or ''.join(pieces) != text
        text = ''.join(pieces)
    return text, changed


def _replace_stem(text: str, stem: str, new: str) -> str:
    head, *tails = text.split(stem)
    for tail in tails:
        inside = head[-1:].isalnum() or head[-1:] in ('.', '$') or tail[:1] not in ('_', '.', '{', '-')
        head += (stem if inside else new) + tail
    return head


def resolve_text(text: str, images: Sequence[str]) -> str:
    """Puts real paths in place of the handles of one text.

    Args:
        text: any text of a prepared row.
        images: the row's picture paths as they shall be read by code.

    Raises:
        DataError: a handle names a picture that the row does not have.
    """

    def path_of(match: re.Match[str]) -> str:
        index = int(match[1])
        if index >= len(images):
            raise DataError(
                f'a text names {match.group()}, but its row has {len(images)} pictures; run `thyme validate` on the set'
            )
        return PurePosixPath(images[index]).stem if match[2] else images[index]

    return _HANDLE.sub(path_of, text)


def check_root(root: Path) -> None:
    """Refuses a folder whose name would break the string literals of code that names files below it.

    Raises:
        DataError: it holds a quote, a backslash, a brace, a dollar sign or a line break.
    """
    bad = sorted(_UNSAFE_IN_CODE & set(str(root)))
    if bad:
        raise DataError(
            f'the folder {str(root)!r} cannot hold a prepared set: its name holds {bad}, which would break the code '
            'of the rows; expected a path without quotes, backslashes, braces and $; rename the folder'
        )


def resolve(row: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """A prepared row with absolute picture paths, in its pictures and in its texts.

    Args:
        row: `messages` (role, content), `images` (paths, or `{'path': …}`), and anything else.
        root: the set's folder. Absolute paths and rows without handles pass unchanged.

    Raises:
        DataError: see `resolve_text`.
    """
    images = [_absolute(image, root) for image in row.get('images') or ()]
    paths = [image['path'] if isinstance(image, dict) else image for image in images]
    messages = [
        {**message, 'content': resolve_text(message['content'], paths)}
        if isinstance(message['content'], str)
        else message
        for message in row['messages']
    ]
    resolved = {**row, 'messages': messages}
    return {**resolved, 'images': images} if 'images' in row else resolved


def _absolute(image: Any, root: Path) -> Any:
    if isinstance(image, dict):
        return {**image, 'path': str(root / image['path'])} if image.get('path') else image
    return str(root / image) if isinstance(image, str) and not image.startswith(('data:', 'http')) else image
