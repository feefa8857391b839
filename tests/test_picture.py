"""Pictures that are kept by content, and what is known of one before it is decoded."""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from swift_thyme import picture

WRITERS = 8


def test_ranks_that_keep_the_same_picture_at_once_do_not_take_it_from_each_other(tmp_path: Path) -> None:
    together = threading.Barrier(WRITERS)

    def keep(content: bytes) -> Path:
        together.wait(timeout=30)
        return picture.save(content, tmp_path / 'images')

    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in range(50):
            content = b'\x89PNG\r\n\x1a\n' + os.urandom(4096)
            paths = set(pool.map(keep, [content] * WRITERS))
            assert len(paths) == 1 and paths.pop().read_bytes() == content
    assert not list((tmp_path / 'images').glob('*.part'))


def _png(*, before: bytes = b'', after: bytes = b'') -> bytes:
    plain = io.BytesIO()
    Image.effect_noise((40, 20), 50).convert('RGB').save(plain, 'PNG')
    content = plain.getvalue()
    first = content.index(b'IDAT') - 4
    return content[:first] + before + content[first:-12] + after + content[-12:]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes().removeprefix(b'Exif\x00\x00')


@pytest.mark.parametrize('place', ['before', 'after', 'nowhere'])
def test_the_turn_of_a_png_is_found_wherever_it_stands(place: str) -> None:
    content = _png() if place == 'nowhere' else _png(**{place: _chunk(b'eXIf', _exif(6))})
    with Image.open(io.BytesIO(content)) as image:
        assert picture.is_turned(image) is (place != 'nowhere')
    assert picture.size(content) == ((40, 20) if place == 'nowhere' else (20, 40))
    assert (picture.plain(content) is content) is (place == 'nowhere')


def test_the_size_of_a_png_is_read_without_decoding_it(monkeypatch: pytest.MonkeyPatch) -> None:
    content = _png()
    monkeypatch.setattr(ImageFile.ImageFile, 'load', lambda self: pytest.fail('decoded'))
    assert picture.size(content) == (40, 20)
    assert picture.plain(content) is content
