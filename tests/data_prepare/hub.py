"""A Hugging Face hub in small: enough of its HTTP interface for the real client to list a data set and read ranges."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse

COMMIT = '0123456789abcdef0123456789abcdef01234567'


class _Hub(ThreadingHTTPServer):
    folder: Path
    fetched: list[tuple[str, str]]
    """Path and Range header of every file request."""


class _Handler(BaseHTTPRequestHandler):
    server: _Hub
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {'Content-Length': str(len(body)), 'X-Repo-Commit': COMMIT, **headers}.items():
            self.send_header(name.replace('_', '-'), value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def _entry(self, path: Path) -> dict[str, object]:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        name = str(path.relative_to(self.server.folder))
        size = path.stat().st_size
        lfs = {'oid': digest, 'size': size, 'pointerSize': 130}
        return {'type': 'file', 'path': name, 'size': size, 'oid': digest[:40], 'lfs': lfs}

    def do_POST(self) -> None:
        """`paths-info`."""
        length = int(self.headers.get('Content-Length', 0))
        asked = self.rfile.read(length).decode()
        try:
            names = json.loads(asked)['paths']
        except ValueError:
            names = [unquote(pair.partition('=')[2]) for pair in asked.split('&') if pair.startswith('paths=')]
        names = [names] if isinstance(names, str) else names
        found = []
        for name in names:
            path = self.server.folder / name
            if path.is_dir():
                found.append({'type': 'directory', 'path': name, 'oid': COMMIT})
            elif path.is_file():
                found.append(self._entry(path))
        self._send(json.dumps(found).encode(), Content_Type='application/json')

    def do_GET(self) -> None:
        """Repository, tree, and files by range."""
        path = unquote(urlparse(self.path).path)
        if re.fullmatch(r'/api/datasets/org/thyme(/revision/\w+)?', path):
            info = {
                'id': 'org/thyme',
                'sha': COMMIT,
                'private': False,
                'siblings': [],
                'tags': [],
                'downloads': 0,
                'likes': 0,
            }
            return self._send(json.dumps(info).encode(), Content_Type='application/json')
        if tree := re.fullmatch(r'/api/datasets/org/thyme/tree/\w+(?:/(.*))?', path):
            folder = self.server.folder / (tree[1] or '')
            entries = [self._entry(p) for p in sorted(folder.rglob('*')) if p.is_file()]
            return self._send(json.dumps(entries).encode(), Content_Type='application/json')
        if file := re.fullmatch(r'/datasets/org/thyme/resolve/\w+/(.+)', path):
            return self._file(self.server.folder / file[1])
        return self._send(b'{"error": "Repository not found"}', 404, X_Error_Code='RepoNotFound')

    do_HEAD = do_GET

    def _file(self, path: Path) -> None:
        data = path.read_bytes()
        span = re.fullmatch(r'bytes=(\d+)-(\d*)', self.headers.get('Range', ''))
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        self.server.fetched.append((path.name, self.headers.get('Range', '')))
        if not span:
            return self._send(data, ETag=etag, Accept_Ranges='bytes')
        start, end = int(span[1]), min(int(span[2] or len(data) - 1), len(data) - 1)
        where = f'bytes {start}-{end}/{len(data)}'
        return self._send(data[start : end + 1], 206, ETag=etag, Content_Range=where)


@contextmanager
def hub(folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Serves `folder` as the data set `org/thyme`; gives the endpoint and the list of what was fetched."""
    server = _Hub(('127.0.0.1', 0), _Handler)
    server.folder, server.fetched = folder, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f'http://127.0.0.1:{server.server_port}', server.fetched
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
