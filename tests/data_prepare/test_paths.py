"""Paths of a row: from foreign ones to handles and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme.data.paths import PROCESSED_DIR, check_root, resolve, resolve_text, to_handles
from swift_thyme.data.rows import Fix, Reason, RowRejected
from swift_thyme.errors import DataError

NAME = 'cauldron_00110792.png_rotated_318.png'
FOREIGN = f'/mllm_hdd/someone/data/temp_processed_images/{NAME}'
SIZES = [(640, 480), (64, 64), (64, 64)]


def prompt(path: str = FOREIGN, size: str = '640x480') -> str:
    return f'<image>\nWhat is it?\n\n### User Image Path:** "{path}"\n### User Image Size:** "{size}"\n'


def code(body: str, said: str = 'Look.', output: str = '<image>') -> str:
    block = f'<code>\n```python\n{body}\n```\n</code><sandbox_output>{output}</sandbox_output>'
    return f'<think>{said} {block}</think><answer>A</answer>'


def response(body: str, path: str = FOREIGN, **more: str) -> str:
    done = to_handles(prompt(path), code(body, **more), SIZES, 1)
    assert '"$IMAGE_0"' in done.user
    return done.response or ''


@pytest.mark.parametrize(
    'literal',
    [
        f'"{FOREIGN}"',
        f"'{FOREIGN}'",
        f'r"{FOREIGN}"',
        f'"/eval/{NAME}"',
        f'"/another disk/with spaces/{NAME}"',
        f'"{NAME}"',
        f'"./{NAME}"',
        f'"eval/{NAME}"',
        f'"~/{NAME}"',
        f'"C:\\\\data\\\\{NAME}"',
        f'"file:///x/{NAME}"',
    ],
)
def test_the_pictures_path_in_code_becomes_the_handle(literal: str) -> None:
    quote = literal[-1]
    expected = ('r' if literal.startswith('r') else '') + f'{quote}$IMAGE_0{quote}'
    assert f'image_path = {expected}\n' in response(f'image_path = {literal}\nuse(image_path)')


@pytest.mark.parametrize(
    ('path', 'written'),
    [
        ('/data/my picture 1.png', '/data/my picture 1.png'),
        ('/data/my picture 1.png', '/data/my%20picture%201.png'),
        ('/data/my picture 1.png', '/data/my\\ picture\\ 1.png'),
        ('/数据/图片1.png', '/数据/图片1.png'),
        ('/数据/图片1.png', '/other/图片1.png'),
        ('/data/été.png', '/data/e\u0301te\u0301.png'),
        ('/data/été.png', '/data/\\xe9t\\xe9.png'),
        ("/data/Bob's.png", "/data/Bob\\'s.png"),
        ('/data/a(1)[2].png', '/data/a(1)[2].png'),
        ('C:\\data\\a b.png', 'C:\\\\data\\\\a b.png'),
    ],
)
def test_other_spellings_of_the_same_path_are_found(path: str, written: str) -> None:
    assert 'image_path = "$IMAGE_0"' in response(f'image_path = "{written}"\nx()', path)


def test_prose_comments_and_sandbox_text_agree_with_the_code() -> None:
    done = response(f'# {FOREIGN}\nimage_path = "{FOREIGN}"', said=f'The file {FOREIGN}.', output=f'saved {FOREIGN}\n')
    assert NAME not in done
    assert 'The file $IMAGE_0. ' in done
    assert '# $IMAGE_0\n' in done
    assert '<sandbox_output>saved $IMAGE_0\n</sandbox_output>' in done


@pytest.mark.parametrize(
    'text', [f'crop_{NAME}', f'{NAME}_crop.png', f'{NAME}.bak', f'my{NAME}', f'{NAME}2', f'x-{NAME}']
)
def test_a_longer_name_is_another_file(text: str) -> None:
    done = to_handles(prompt(), code(f'path = "{text}"'), SIZES, 1)
    assert '"$IMAGE_0"' not in (done.response or '')


def test_names_made_from_the_pictures_name_follow_it() -> None:
    done = response('p = f"17127_{suffix}.jpg"\nq = "crop_of_17127_b.png"\nn = 17127', '/eval/17127.jpg')
    assert 'f"$IMAGE_0_STEM_{suffix}.jpg"' in done
    assert 'n = 17127' in done
    assert resolve_text(done, ['/set/images/ab/abcd.jpg']).count('abcd_') == 2


def test_a_common_word_is_no_distinctive_name() -> None:
    assert 'image_1 = image.crop' in response('image_1 = image.crop(box)', '/data/image.jpg')


@pytest.mark.parametrize(
    'folder', ['/mllm_hdd/x/temp_processed_images', '/mnt/data/temp_processed_images', '/temp_processed_images']
)
def test_folders_of_processed_pictures_become_the_sandboxes(folder: str) -> None:
    done = response(f'processed_path = os.path.join("{folder}/", name)\nother = "{folder}/x.png"')
    assert f'os.path.join("{PROCESSED_DIR}/", name)' in done
    assert f'"{PROCESSED_DIR}/x.png"' in done


def test_the_same_word_in_a_variable_is_left_alone() -> None:
    assert 'temp_processed_images = 1' in response('temp_processed_images = 1\nmy_temp_processed_images_2 = 2')


def test_a_picture_read_under_a_foreign_name_is_the_first_picture() -> None:
    done = to_handles(
        prompt(), code('image_path = "/path/to/image.jpg"\nimg = cv2.imread("/path/to/image.jpg")'), SIZES, 1
    )
    assert Fix.OTHER_PATH_READ in done.fixes
    assert (done.response or '').count('"$IMAGE_0"') == 2


def test_a_picture_written_to_a_foreign_folder_goes_to_the_sandboxes() -> None:
    done = to_handles(prompt(), code('cv2.imwrite("/home/me/out.png", img)\nprint("/home/me/out.png")'), SIZES, 1)
    assert Fix.OTHER_PATH_WRITTEN in done.fixes
    assert (done.response or '').count(f'"{PROCESSED_DIR}/out.png"') == 2


def test_a_picture_that_code_wrote_and_reads_again_is_not_the_original() -> None:
    body = (
        'cv2.imwrite("crop.png", a)\na = cv2.imread("crop.png")\ncv2.imwrite("/t/a.png", a)\na = cv2.imread("/t/a.png")'
    )
    done = to_handles(prompt(), code(body), SIZES, 1)
    assert 'cv2.imread("crop.png")' in (done.response or '')
    assert f'cv2.imread("{PROCESSED_DIR}/a.png")' in (done.response or '')


def test_a_wrong_size_line_is_corrected_and_a_right_one_is_not_touched() -> None:
    assert Fix.SIZE_LINE not in to_handles(prompt(), code('x'), SIZES, 1).fixes
    done = to_handles(prompt(size='480x640'), code('x'), SIZES, 1)
    assert Fix.SIZE_LINE in done.fixes
    assert '"640x480"' in done.user


def test_several_pictures_keep_their_numbers() -> None:
    user = '<image><image>\nUser Image 1 Path: "/a/x_1.png"\nUser Image 2 Path: "/a/y_2.png"\n'
    done = to_handles(user, code('a = "/a/y_2.png"\nb = "/a/x_1.png"'), SIZES, 2)
    assert 'Image 1 Path: "$IMAGE_0"' in done.user
    assert 'Image 2 Path: "$IMAGE_1"' in done.user
    assert 'a = "$IMAGE_1"\nb = "$IMAGE_0"' in (done.response or '')


def test_one_path_for_several_pictures_is_the_first() -> None:
    done = to_handles(f'<image><image>\nUser Image Path: "{FOREIGN}"', code('x'), SIZES, 2)
    assert '"$IMAGE_0"' in done.user


def test_text_that_already_holds_a_handle_is_refused() -> None:
    with pytest.raises(RowRejected) as refused:
        to_handles(prompt(), code('path = "$IMAGE_3"'), SIZES, 1)
    assert refused.value.reason is Reason.SPECIAL_TOKEN


def test_resolving_names_the_pictures_and_touches_nothing_else(tmp_path: Path) -> None:
    row = {
        'messages': [{'role': 'user', 'content': '$IMAGE_0 $IMAGE_10 $IMAGE_1_STEM_x $HOME $IMAGE_x'}],
        'images': [f'images/aa/{i}.jpg' for i in range(11)],
        'solution': '$IMAGE_0',
    }
    done = resolve(row, tmp_path)
    assert done['images'][10] == f'{tmp_path}/images/aa/10.jpg'
    expected = f'{tmp_path}/images/aa/0.jpg {tmp_path}/images/aa/10.jpg 1_x $HOME $IMAGE_x'
    assert done['messages'][0]['content'] == expected
    assert done['solution'] == '$IMAGE_0'


def test_absolute_and_embedded_pictures_pass_unchanged(tmp_path: Path) -> None:
    images = [
        '/a/b.png',
        'data:image/png;base64,xx',
        {'path': '/a/b.png', 'bytes': None},
        {'path': None, 'bytes': b'x'},
    ]
    assert resolve({'messages': [], 'images': images}, tmp_path)['images'] == images


def test_a_handle_without_a_picture_is_an_error() -> None:
    with pytest.raises(DataError, match='IMAGE_2'):
        resolve_text('$IMAGE_2', ['/a.png'])


@pytest.mark.parametrize('name', ['it"s', "it's", 'a\\b', 'a{b}', 'a$b'])
def test_a_folder_that_would_break_code_is_refused(name: str) -> None:
    with pytest.raises(DataError, match='would break'):
        check_root(Path('/data') / name)


names = st.text(
    st.characters(codec='utf-8', exclude_categories=['C', 'Z'], exclude_characters='/\\"\'`“”$<>*'), min_size=1
)


@given(names, st.sampled_from(['"{}"', "'{}'"]))
def test_any_name_is_found_in_code(name: str, quotes: str) -> None:
    path = f'/data/{name}_1.png'
    done = to_handles(prompt(path), code(f'image_path = {quotes.format(path)}'), SIZES, 1)
    assert f'image_path = {quotes.format("$IMAGE_0")}\n' in (done.response or '')


def blocks(*bodies: str) -> str:
    done = to_handles(prompt('/data/in/photo_1.jpg'), ''.join(code(body) for body in bodies), SIZES, 1)
    return done.response or ''


@pytest.mark.parametrize(
    'saved',
    [
        f'c.save("{PROCESSED_DIR}/photo_1.jpg")',
        'c.save("photo_1.jpg")',
        'c.save("./photo_1.jpg")',
        'name = "/out/photo_1.jpg"\ncv2.imwrite(name, c)',
        'img_path = "crop_1.png"\nc.save(img_path)',
        'image_path = "/data/out/result.png"\nc.save(image_path)',
        'input_path = "a/result.png"\nplt.savefig(fname=input_path)',
        'picture = "result.png"\nopen(picture, "wb").write(c)',
    ],
)
def test_what_code_writes_never_becomes_the_input(saved: str) -> None:
    done = blocks(f'im = Image.open("/data/in/photo_1.jpg")\n{saved}')
    assert done.count('$IMAGE_0') - done.count('$IMAGE_0_STEM') == 1
    assert 'Image.open("$IMAGE_0")' in done


def test_a_later_round_finds_what_an_earlier_one_wrote_and_the_first_read_is_the_input() -> None:
    done = blocks(
        'im = Image.open("photo_1.jpg")\nim.crop(b).save("photo_1.jpg")\nprint("photo_1.jpg")',
        f'im = Image.open("photo_1.jpg")\nz = Image.open("{PROCESSED_DIR}/photo_1.jpg")\n'
        'w = Image.open("/data/in/photo_1.jpg")',
    )
    assert done.count('Image.open("$IMAGE_0")') == 2
    assert done.count('"$IMAGE_0_STEM.jpg"') == 3
    assert f'Image.open("{PROCESSED_DIR}/$IMAGE_0_STEM.jpg")' in done


def test_code_that_does_not_parse_tells_nothing_and_does_no_harm() -> None:
    assert 'Image.open("$IMAGE_0")' in blocks('im = Image.open("photo_1.jpg")\nim.save((')
