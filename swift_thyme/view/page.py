"""The HTML file: a shell that paints at once, then data that the script decodes when it is looked at.

Nothing from a trajectory is ever markup: all of it travels as base64 (of compressed JSON, or JPEG) in data blocks that
browsers do not run, and the script puts it on the page as text only. A content security policy allows this page's own
script and style by their hashes, pictures from data URLs, and nothing else: no network, no other script.

Order in the file: style, shell, index, script, then for each chunk its records and the pictures it is the first to
show. The index is known last, so data goes to a nameless file first.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import zlib
from collections.abc import Mapping, Sequence
from importlib import resources
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any

from ..errors import ConfigError
from ..trajectories.lines import replace_file

_COPY_BYTES = 1 << 20
_OURS = b'<meta name="generator" content="swift-thyme">'
"""In the head of every page that this package writes."""
_SCRIPTS = ('1-data.js', '2-detail.js', '3-list.js', '4-start.js')


def refuse_foreign(page: Path) -> None:
    """Ends where a page would take the place of something that is no page of this package.

    Raises:
        ConfigError: a folder, a device or somebody else's file has that name.
    """
    if not page.exists():
        return
    if page.is_file() and page.stat().st_size:
        with page.open('rb') as file:
            ours = _OURS in file.read(1024)
    else:
        ours = page.is_file()
    if not ours:
        raise ConfigError(f'--out would overwrite what thyme did not write: got {page}; name another file')


class PageWriter:
    """Writes one page; use as a context manager. The page appears under its name only when it is finished."""

    def __init__(self, path: Path, *, title: str) -> None:
        self._path, self._title = path, title
        self._data = TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by __exit__
        self._chunks = 0
        self.pictures = 0
        """Pictures written."""

    def __enter__(self) -> PageWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._data.close()

    def chunk(self, values: Sequence[Mapping[str, Any]], pictures: Mapping[str, bytes]) -> None:
        """Adds the next records and the JPEG files of their pictures, by key."""
        self._data.write(_block(f'c{self._chunks}', packed(list(values))))
        for key, jpeg in pictures.items():
            self._data.write(_block(f'p{key}', base64.b64encode(jpeg)))
        self._chunks += 1
        self.pictures += len(pictures)

    def finish(self, index: Mapping[str, Any], problems: Sequence[Sequence[str]]) -> None:
        """Puts the page together."""
        self._data.seek(0)
        index_block = _block('index', packed({**index, 'problems': problems, 'title': self._title}))
        head = [shell(self._title), index_block, b'<script>' + script().encode('utf-8') + b'</script>\n']
        data = iter(lambda: self._data.read(_COPY_BYTES), b'')
        replace_file(self._path, chain(head, data, [b'<i id="end"></i></body></html>\n']), durable=False)


def packed(value: Any) -> bytes:
    """JSON, compressed, as base64: letters, digits, `+/=` only."""
    text = json.dumps(value, ensure_ascii=True, separators=(',', ':'), allow_nan=False, default=str)
    return base64.b64encode(zlib.compress(text.encode('ascii'), 6))


def shell(title: str) -> bytes:
    """The head and the empty page, up to the data."""
    style = asset('page.css')
    policy = (
        f"default-src 'none'; script-src '{digest(script())}'; style-src '{digest(style)}'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = asset('page.html')
    for name, value in (('policy', html.escape(policy)), ('style', style), ('title', html.escape(title))):
        page = page.replace('{{' + name + '}}', value)
    return page.encode('utf-8')


def digest(text: str) -> str:
    """What a content security policy calls an inline script or style by."""
    return 'sha256-' + base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()


def script() -> str:
    """The page's script: its files in the order of their names, as one function so that nothing is global."""
    return '(() => {\n' + ''.join(asset(name) for name in _SCRIPTS) + '})();'


def asset(name: str) -> str:
    """A file of the page, from this package."""
    return (resources.files(__package__) / 'assets' / name).read_text(encoding='utf-8')


def _block(name: str, content: bytes) -> bytes:
    return b'<script type="text/plain" id="' + name.encode() + b'">' + content + b'</script>\n'
