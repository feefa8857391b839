"""Pictures of every kind are stored so that every reader sees the same, or refused with the right reason."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from swift_thyme.data.pictures import PictureStore, check_picture, read_picture
from swift_thyme.data.rows import Fix, Reason, RowRejected
from swift_thyme.picture import decode_base64

from .public import picture


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def gradient(mode: str = 'RGB') -> Image.Image:
    x = np.linspace(0, 255, 80, dtype=np.uint8)
    pixels = np.stack([np.tile(x, (60, 1)), np.full((60, 80), 90, np.uint8), np.tile(x[::-1], (60, 1))], axis=2)
    return Image.fromarray(pixels).convert(mode)


def agree(data: bytes) -> bool:
    """Pillow as the host calls it, and OpenCV as code calls it, see the same pixels."""
    pillow = np.asarray(Image.open(io.BytesIO(data)).convert('RGB'), dtype=int)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return pillow.shape == decoded.shape and float(np.abs(pillow - decoded[:, :, ::-1]).mean()) < 2


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('mode', ['RGB', 'L'])
def test_plain_pictures_are_kept_byte_for_byte(kind: str, mode: str) -> None:
    if (kind, mode) == ('WEBP', 'L'):
        mode = 'RGB'
    data = picture(1, kind, mode=mode)
    checked = check_picture(data)
    assert bytes(checked.data) == data
    assert (checked.width_px, checked.height_px) == (96, 64)
    assert checked.fixes == ()


@pytest.mark.parametrize('orientation', range(2, 9))
@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(gradient(), kind, exif=exif)
    checked = check_picture(data)
    assert Fix.ORIENTATION in checked.fixes
    assert (checked.width_px, checked.height_px) == ((60, 80) if orientation >= 5 else (80, 60))
    assert Image.open(io.BytesIO(checked.data)).getexif().get(0x0112, 1) == 1
    assert agree(bytes(checked.data))


def alpha() -> Image.Image:
    image = gradient('RGBA')
    image.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 80, dtype=np.uint8), (60, 1))))
    return image


SPECIAL = {
    'palette png': saved(gradient('P'), 'PNG'),
    'transparent palette png': saved(gradient('P'), 'PNG', transparency=3),
    'transparent png': saved(alpha(), 'PNG'),
    'transparent webp': saved(alpha(), 'WEBP', lossless=True),
    'grey and alpha png': saved(alpha().convert('LA'), 'PNG'),
    'one bit png': saved(gradient('1'), 'PNG'),
    'sixteen bit png': saved(Image.fromarray((np.arange(4800).reshape(60, 80) * 13).astype(np.uint16)), 'PNG'),
    'cmyk jpeg': saved(gradient('CMYK'), 'JPEG', quality=95),
    'transparent grey png': saved(gradient('L'), 'PNG', transparency=9),
}


@pytest.mark.parametrize('data', SPECIAL.values(), ids=SPECIAL)
def test_other_colour_modes_become_plain(data: bytes) -> None:
    checked = check_picture(data)
    assert Fix.COLOUR_MODE in checked.fixes
    assert Image.open(io.BytesIO(checked.data)).mode in ('RGB', 'L')
    assert agree(bytes(checked.data))


def test_cmyk_keeps_its_colours() -> None:
    checked = check_picture(SPECIAL['cmyk jpeg'])
    got = np.asarray(Image.open(io.BytesIO(checked.data)), dtype=int)
    assert float(np.abs(got - np.asarray(gradient('CMYK').convert('RGB'), dtype=int)).mean()) < 6


def test_sixteen_bits_keep_their_range() -> None:
    pixels = np.asarray(Image.open(io.BytesIO(check_picture(SPECIAL['sixteen bit png']).data)))
    assert pixels.max() > 230
    assert pixels.min() < 10


def test_transparent_parts_are_white() -> None:
    pixels = np.asarray(Image.open(io.BytesIO(check_picture(SPECIAL['transparent png']).data)))
    assert (pixels[:, 0] == 255).all()


@pytest.mark.parametrize('kind', ['GIF', 'BMP', 'TIFF'])
def test_other_formats_become_png(kind: str) -> None:
    checked = check_picture(saved(gradient(), kind))
    assert checked.suffix == '.png'
    assert Fix.FORMAT in checked.fixes


@pytest.mark.parametrize('kind', ['GIF', 'PNG', 'WEBP'])
def test_an_animation_becomes_its_first_frame(kind: str) -> None:
    frames = [Image.new('RGB', (80, 60), colour) for colour in ('red', 'blue')]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    checked = check_picture(data)
    image = Image.open(io.BytesIO(checked.data))
    assert getattr(image, 'n_frames', 1) == 1
    red, _, blue = image.convert('RGB').getpixel((5, 5))  # type: ignore[misc]
    assert red > 240 > 20 > blue


@given(st.sampled_from(['JPEG', 'PNG', 'WEBP']), st.integers(0, 999), st.booleans())
def test_no_cut_picture_is_kept(kind: str, per_mille: int, decode: bool) -> None:
    data = picture(3, kind, size=(200, 150))
    with pytest.raises(RowRejected) as refused:
        check_picture(data[: len(data) * per_mille // 1000], decode=decode)
    assert refused.value.reason in (Reason.TRUNCATED_IMAGE, Reason.UNREADABLE_IMAGE)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
def test_a_half_picture_is_called_truncated(kind: str) -> None:
    data = picture(3, kind, size=(200, 150))
    with pytest.raises(RowRejected) as refused:
        check_picture(data[: len(data) // 2])
    assert refused.value.reason is Reason.TRUNCATED_IMAGE or kind == 'WEBP'


def test_bytes_after_the_end_do_no_harm() -> None:
    for kind in ('JPEG', 'PNG', 'WEBP'):
        assert check_picture(picture(1, kind) + b'\0\0trailer').width_px == 96


@pytest.mark.parametrize('size', [(27, 100), (100, 27), (28, 5601)])
def test_pictures_the_model_cannot_see_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(RowRejected) as refused:
        check_picture(picture(1, 'PNG', size=size))
    assert refused.value.reason is Reason.IMAGE_SHAPE


@pytest.mark.parametrize('size', [(28, 28), (28, 5600)])
def test_the_smallest_and_longest_pictures_pass(size: tuple[int, int]) -> None:
    assert check_picture(picture(1, 'PNG', size=size)).width_px == size[0]


ENCODINGS = {
    'standard': lambda data: base64.b64encode(data),
    'url safe': lambda data: base64.urlsafe_b64encode(data),
    'no padding': lambda data: base64.b64encode(data).rstrip(b'='),
    'line breaks': lambda data: base64.encodebytes(data),
    'data url in capitals': lambda data: b'DATA:image/png;base64,' + base64.b64encode(data),
    'data url': lambda data: b'data:image/png;base64,' + base64.b64encode(data),
}


@pytest.mark.parametrize('encode', ENCODINGS.values(), ids=ENCODINGS)
@given(data=st.binary(min_size=1, max_size=50))
def test_every_base64_spelling_is_decoded(encode: object, data: bytes) -> None:
    text = encode(data)  # type: ignore[operator]
    assert decode_base64(text.decode()) == data


@pytest.mark.parametrize('progressive', [False, True])
@given(at=st.integers(0, 10**6), put=st.integers(0, 255), keep=st.integers(0, 10**6))
def test_a_jpeg_read_at_an_eighth_is_refused_where_all_its_pixels_are(
    progressive: bool, at: int, put: int, keep: int
) -> None:
    data = bytearray(saved(gradient(), 'JPEG', progressive=progressive))
    scan = data.index(b'\xff\xda')
    data[scan + at % (len(data) - scan)] = put
    data = data[: scan + keep % (2 * len(data))] + b'\xff\xd9'

    def refused(read: object) -> bool:
        try:
            read()  # type: ignore[operator]
        except (OSError, SyntaxError, RowRejected):
            return True
        return False

    whole = refused(lambda: Image.open(io.BytesIO(data)).load())
    assert refused(lambda: check_picture(bytes(data), decode=True)) == whole


@pytest.mark.parametrize('source', ['/no/such/file.png', '/', {'bytes': '?'}, 'https://example.org/a.png'])
def test_what_cannot_be_read_is_refused(source: object) -> None:
    with pytest.raises(RowRejected) as refused:
        read_picture(source)
    assert refused.value.reason is Reason.UNREADABLE_IMAGE


def test_a_picture_is_written_once_and_a_half_written_one_again(tmp_path: Path) -> None:
    store, checked = PictureStore(tmp_path), check_picture(picture(1))
    name = store.put(checked)
    first = (tmp_path / name).stat().st_ino
    assert PictureStore(tmp_path).put(checked) == name
    assert (tmp_path / name).stat().st_ino == first
    (tmp_path / name).write_bytes(b'half')
    store.put(checked)
    assert (tmp_path / name).read_bytes() == picture(1)


def test_a_png_without_its_end_is_written_anew() -> None:
    data = saved(gradient(), 'PNG')
    checked = check_picture(data[: data.rindex(b'IEND') - 4])
    assert checked.fixes == (Fix.STRUCTURE,)
    assert agree(bytes(checked.data))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(checked.data))), np.asarray(gradient()))


@pytest.mark.parametrize(
    'pixels',
    [
        np.where(np.eye(40, dtype=bool), np.nan, 90).astype(np.float32),
        np.where(np.eye(40, dtype=bool), np.inf, 90).astype(np.float32),
        np.full((40, 40), -3, np.float32),
        np.full((40, 40), 2_000_000, np.int32),
    ],
    ids=['NaN', 'infinity', 'negative', '32 bits'],
)
def test_numbers_that_are_no_brightness_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(RowRejected, match='pixel values') as refusal:
        check_picture(saved(Image.fromarray(pixels), 'TIFF'))
    assert refusal.value.reason is Reason.UNREADABLE_IMAGE


@pytest.mark.parametrize('space', [b'CMYK', b'Lab ', b'GRAY'])
def test_a_profile_of_another_colour_space_does_not_stay(space: bytes) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    other = profile[:16] + space + profile[20:]
    checked = check_picture(saved(gradient('CMYK'), 'TIFF', icc_profile=other))
    assert 'icc_profile' not in Image.open(io.BytesIO(checked.data)).info
    whole = check_picture(saved(gradient(), 'PNG', icc_profile=other))
    assert 'icc_profile' not in Image.open(io.BytesIO(whole.data)).info
    assert whole.fixes == (Fix.STRUCTURE,)
    kept = check_picture(saved(gradient().convert('P'), 'PNG', icc_profile=profile))
    assert Image.open(io.BytesIO(kept.data)).info['icc_profile'] == profile


@pytest.mark.parametrize(('top', 'noted'), [(200, True), (4095, True), (65535, False)])
def test_a_white_that_was_told_by_the_values_is_counted(top: int, noted: bool) -> None:
    values = np.tile(np.linspace(0, top, 40).astype(np.uint16), (40, 1))
    checked = check_picture(saved(Image.fromarray(values), 'PNG'))
    assert (Fix.BRIGHTNESS in checked.fixes) is noted
    assert Fix.COLOUR_MODE in checked.fixes
    assert Image.open(io.BytesIO(checked.data)).getextrema() == (0, 200 if top == 200 else 255)


@pytest.mark.parametrize('size_bytes', range(9))
@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
def test_odd_exif_is_a_refused_row_at_worst(kind: str, size_bytes: int) -> None:
    data = saved(gradient(), kind, exif=b'II*\0\x08\0\0\0'[:size_bytes])
    try:
        check_picture(data)
    except RowRejected as refusal:
        assert refusal.reason in (Reason.UNREADABLE_IMAGE, Reason.TRUNCATED_IMAGE)
