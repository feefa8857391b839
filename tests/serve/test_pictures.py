"""What a request can make the server read: only what its operator allows."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from swift_thyme.serve.pictures import PictureRules

from ..infer.scripts import ANSWER
from .conftest import data_url, question


class _Site(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == '/away.jpg':
            self.send_response(302)
            self.send_header('location', '/picture.jpg')
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site(picture: Path) -> Iterator[str]:
    """A web site that has `picture.jpg`; `host:port`."""
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), partial(_Site, directory=str(picture.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'127.0.0.1:{server.server_port}'
    server.shutdown()
    server.server_close()


def refusal(running: Any, reference: str) -> tuple[int, str]:
    reply = running.post(question(reference))
    return reply.status_code, reply.json()['error']['code']


def test_nothing_but_base64_is_taken_by_default(serve: Any, scripted: Any, site: str, picture: Path) -> None:
    scripted([ANSWER])
    running = serve()
    for reference in (f'http://{site}/picture.jpg', picture.as_uri(), str(picture), 'http://169.254.169.254/x.png'):
        assert refusal(running, reference) == (400, 'not_allowed')
    assert running.post(question(picture)).status_code == 200
    assert running.post(question(data_url(picture).partition(',')[2])).status_code == 200


def test_allowed_hosts_are_fetched_without_redirects(serve: Any, scripted: Any, site: str) -> None:
    scripted([ANSWER])
    running = serve(pictures=PictureRules(hosts=(site,)))
    assert running.post(question(f'http://{site}/picture.jpg')).status_code == 200
    assert refusal(running, f'http://{site}/away.jpg') == (400, 'invalid_image')
    assert refusal(running, f'http://{site}/missing.jpg') == (400, 'invalid_image')
    assert refusal(running, f'http://localhost:{site.partition(":")[2]}/picture.jpg') == (400, 'not_allowed')
    assert refusal(running, f'http://{site}@example.org/picture.jpg') == (400, 'not_allowed')
    assert refusal(running, f'http://user@{site}/picture.jpg') == (400, 'not_allowed')


def test_files_are_read_only_below_allowed_folders(
    serve: Any, scripted: Any, picture: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scripted([ANSWER])
    allowed = tmp_path_factory.mktemp('allowed')
    inside = allowed / 'a b.jpg'
    inside.write_bytes(picture.read_bytes())
    (allowed / 'link.jpg').symlink_to(picture)
    running = serve(pictures=PictureRules(folders=(allowed,)))
    assert running.post(question(inside.as_uri())).status_code == 200
    for path in (picture, allowed / 'link.jpg', allowed / '..' / picture.parent.name / picture.name):
        assert refusal(running, f'file://{path}') == (400, 'not_allowed')
    assert refusal(running, f'file://other-host{inside}') == (400, 'not_allowed')
    assert refusal(running, (allowed / 'missing.jpg').as_uri()) == (400, 'invalid_image')


def test_large_torn_and_many_pictures_are_refused(serve: Any, scripted: Any, picture: Path, tmp_path: Path) -> None:
    scripted([ANSWER])
    rules = PictureRules(most=2, bytes_each=1 << 20, pixels_each=300_000)
    running = serve(pictures=rules, body_bytes=4 << 20)
    wide, long, torn, text = (tmp_path / name for name in ('wide.png', 'long.png', 'torn.jpg', 'text.png'))
    Image.new('L', (1000, 1000)).save(wide)
    Image.new('L', (3000, 10)).save(long)
    torn.write_bytes(picture.read_bytes()[:2000])
    text.write_text('<svg/>')
    for path in (wide, long, torn, text):
        assert refusal(running, data_url(path)) == (400, 'invalid_image')
    assert refusal(running, 'data:image/png;base64,' + 'A' * (2 << 20)) == (400, 'invalid_image')
    assert refusal(running, 'data:image/png,rawbytes') == (400, 'invalid_image')
    assert running.post(question(picture, picture, picture)).status_code == 400
    assert running.post(question('A' * (5 << 20))).status_code == 413
