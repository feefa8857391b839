"""Pictures that are kept by content, and what is known of one before it is decoded."""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from swift_thyme import picture
from swift_thyme.errors import DataError
from swift_thyme.sandbox.base import Limits
from swift_thyme.sandbox.decoder import examine

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


def _deep(top: float, kind: type = np.uint16, **options: object) -> bytes:
    """A grey ramp from 0 to `top` as a TIFF, or as a PNG where it can hold that."""
    values = np.tile(np.linspace(0, top, 40), (40, 1)).astype(kind)
    out = io.BytesIO()
    Image.fromarray(values).save(out, 'TIFF' if options or kind is not np.uint16 else 'PNG', **options)
    return out.getvalue()


def _returned(content: bytes, folder: Path) -> Image.Image:
    """What becomes of a picture that code returns."""
    source, target = folder / 'source', folder / 'target'
    source.write_bytes(content)
    with source.open('rb') as read, target.open('w+b') as written:
        assert examine(read.fileno(), written.fileno(), Limits())['copied']
    return Image.open(target)


@pytest.mark.parametrize(
    ('content', 'brightest'),
    [
        (_deep(200), 200),
        (_deep(255), 255),
        (_deep(1000), round(1000 / 1023 * 255)),
        (_deep(4095), 255),
        (_deep(3000), round(3000 / 4095 * 255)),
        (_deep(16383), 255),
        (_deep(65535), 255),
        (_deep(40000), round(40000 / 65535 * 255)),
        (_deep(1500, tiffinfo={281: 4095}), round(1500 / 4095 * 255)),
        (_deep(200, tiffinfo={281: 65535}), 1),
        (_deep(3000, tiffinfo={281: 255}), round(3000 / 4095 * 255)),
        (_deep(3000, np.int32), round(3000 / 4095 * 255)),
        (_deep(1, np.float32), 255),
        (_deep(0.5, np.float32), round(0.5 * 255)),
        (_deep(1.2, np.float32), 255),
        (_deep(200, np.float32), 200),
        (_deep(60000, np.float32), round(60000 / 65535 * 255)),
    ],
)
def test_sixteen_bits_and_floats_are_as_bright_at_the_door_as_when_they_come_back(
    tmp_path: Path, content: bytes, brightest: int
) -> None:
    shown = np.asarray(Image.open(io.BytesIO(picture.plain(content))))
    assert (shown.dtype, shown.min(), shown.max()) == (np.uint8, 0, brightest)
    assert np.array_equal(np.asarray(_returned(content, tmp_path)), shown)


def test_eight_bits_in_a_sixteen_bit_file_keep_every_value() -> None:
    values = np.arange(256, dtype=np.uint16).reshape(16, 16)
    out = io.BytesIO()
    Image.fromarray(values).save(out, 'PNG')
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture.plain(out.getvalue())))), values)


@pytest.mark.filterwarnings('error')
def test_numbers_that_are_none_are_black_or_white(tmp_path: Path) -> None:
    values = np.full((40, 40), 0.5, np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    out = io.BytesIO()
    Image.fromarray(values).save(out, 'TIFF')
    for shown in (Image.open(io.BytesIO(picture.plain(out.getvalue()))), _returned(out.getvalue(), tmp_path)):
        assert [shown.getpixel((x, 0)) for x in range(4)] == [0, 255, 0, 128]


@pytest.mark.parametrize('size_bytes', range(9))
@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
def test_odd_exif_never_ends_a_run_by_an_error_of_another_kind(kind: str, size_bytes: int) -> None:
    out = io.BytesIO()
    Image.effect_noise((40, 30), 50).convert('RGB').save(out, kind, exif=b'II*\0\x08\0\0\0'[:size_bytes])
    for read in (picture.plain, picture.size, picture.check):
        try:
            read(out.getvalue())
        except DataError as error:
            assert 'cannot be read' in str(error)
