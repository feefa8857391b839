"""What the decoder accepts, refuses and writes."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from swift_thyme.sandbox.base import Limits
from swift_thyme.sandbox.decoder import examine, size_error

LIMITS = Limits()


def check(data, tmp_path):
    """Examines bytes; returns the verdict and the plain copy, if one was made."""
    source, target = tmp_path / 'source', tmp_path / 'target'
    source.write_bytes(data)
    fds = os.open(source, os.O_RDONLY), os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        verdict = examine(*fds, LIMITS)
    finally:
        for fd in fds:
            os.close(fd)
    return verdict, (Image.open(target) if verdict.get('copied') else None)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(mode='RGB', size=(90, 60)):
    return Image.radial_gradient('L').resize(size).convert(mode)


@pytest.mark.parametrize(
    ('mode', 'kind'), [('RGB', 'JPEG'), ('L', 'JPEG'), ('RGB', 'PNG'), ('L', 'PNG'), ('RGB', 'WEBP')]
)
def test_plain_pictures_are_taken_as_they_are(mode, kind, tmp_path):
    verdict, copy = check(encoded(gradient(mode), kind), tmp_path)
    assert (verdict['width'], verdict['height'], verdict['copied'], copy) == (90, 60, False, None)


@pytest.mark.parametrize(
    ('mode', 'kind'),
    [
        ('P', 'PNG'),
        ('RGBA', 'PNG'),
        ('LA', 'PNG'),
        ('1', 'PNG'),
        ('CMYK', 'JPEG'),
        ('RGB', 'BMP'),
        ('P', 'GIF'),
        ('RGB', 'TIFF'),
    ],
)
def test_others_become_plain_png(mode, kind, tmp_path):
    verdict, copy = check(encoded(gradient(mode), kind), tmp_path)
    assert verdict['suffix'] == '.png' and copy.format == 'PNG' and copy.mode in ('RGB', 'L') and copy.size == (90, 60)


def test_alpha_is_laid_over_white(tmp_path):
    _, copy = check(encoded(Image.new('RGBA', (40, 40), (255, 0, 0, 0)), 'PNG'), tmp_path)
    assert copy.getpixel((5, 5)) == (255, 255, 255)


def test_16_bit_is_scaled_to_8(tmp_path):
    _, copy = check(encoded(Image.fromarray(np.full((40, 40), 32_896, 'u2')), 'PNG'), tmp_path)
    assert copy.mode == 'L' and copy.getpixel((0, 0)) == 128


def test_the_first_frame_counts(tmp_path):
    frames = [Image.new('RGB', (40, 40), colour) for colour in ('red', 'blue')]
    _, copy = check(encoded(frames[0], 'GIF', save_all=True, append_images=frames[1:]), tmp_path)
    assert copy.convert('RGB').getpixel((0, 0)) == (255, 0, 0)


def test_exif_rotation_is_applied(tmp_path):
    image = gradient(size=(90, 60))
    exif = image.getexif()
    exif[0x0112] = 6
    verdict, _ = check(encoded(image, 'JPEG', exif=exif), tmp_path)
    assert (verdict['width'], verdict['height']) == (60, 90)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(['PNG', 'JPEG']), st.floats(0.02, 0.95))
def test_a_cut_file_is_never_accepted(tmp_path, kind, share):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype='u1'))
    data = encoded(noise, kind)
    with pytest.raises((OSError, SyntaxError, ValueError, AssertionError)):
        verdict, _ = check(data[: int(len(data) * share)], tmp_path)
        assert 'error' not in verdict


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(40, 10_000), st.integers(1, 255))
def test_a_changed_byte_of_a_png_is_never_accepted(tmp_path, at, change):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype='u1'))
    data = bytearray(encoded(noise, 'PNG'))
    data[at % (len(data) - 12 - 33) + 33] ^= change
    with pytest.raises((OSError, SyntaxError, ValueError, AssertionError)):
        verdict, _ = check(bytes(data), tmp_path)
        assert 'error' not in verdict


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=500))
def test_random_bytes_are_never_accepted(tmp_path, data):
    with pytest.raises((OSError, SyntaxError, ValueError)):
        check(data, tmp_path)


@pytest.mark.parametrize(
    ('size', 'good'),
    [((28, 28), True), ((27, 28), False), ((28, 5600), True), ((28, 5601), False), ((10_000, 5_001), False)],
)
def test_size_limits_are_exact(size, good):
    assert (size_error(*size, LIMITS) is None) is good
