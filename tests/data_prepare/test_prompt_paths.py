"""The path lines of a prompt are found in every spelling, and only there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme.protocol import (
    PromptImage,
    prompt_image_paths,
    prompt_image_sizes,
    prompt_paths,
    render_user_prompt,
)

PATH = '/mllm_hdd/yf zhang/data/cauldron_dvqa_00110792.png_rotated_image_318.png'

SPELLINGS = {
    'readme': f'User Image Path: "{PATH}"',
    'escaped quotes': f'User Image Path: \\"{PATH}\\"',
    'stray bold after the colon': f'### User Image Path:** "{PATH}"',
    'bold label': f'**User Image Path:** "{PATH}"',
    'bold label, colon outside': f'**User Image Path**: "{PATH}"',
    'bold value': f'User Image Path: **"{PATH}"**',
    'bold value, no quotes': f'User Image Path: **{PATH}**',
    'single quotes': f"User Image Path: '{PATH}'",
    'curly quotes': f'User Image Path: “{PATH}”',
    'curly then straight': f'User Image Path: “{PATH}"',
    'full-width colon and quotes': f'User Image Path：＂{PATH}＂',
    'backticks': f'User Image Path: `{PATH}`',
    'backticks around quotes': f'User Image Path: `"{PATH}"`',
    'no quotes': f'User Image Path: {PATH}',
    'no quotes, full stop': f'User Image Path: {PATH}.',
    'angle brackets': f'User Image Path: <{PATH}>',
    'markdown link': f'User Image Path: [the picture]({PATH})',
    'markdown link, angle': f'User Image Path: [the picture](<{PATH}>)',
    'markdown picture': f'User Image Path: ![]({PATH})',
    'one-element list': f'User Image Path: ["{PATH}"]',
    'json': f'{{"User Image Path": "{PATH}"}}',
    'snake case': f'user_image_path = "{PATH}"',
    'no-break spaces': f'User\u00a0Image\u00a0Path:\u00a0"{PATH}"',
    'lower case, tight': f'user image path:"{PATH}"',
    'next line': f'User Image Path:\n"{PATH}"',
    'no colon': f'User Image Path "{PATH}"',
    'numbered': f'User Image 1 Path: "{PATH}"',
    'list item': f'- User Image Path: "{PATH}"',
    'size on the same line': f'User Image Path: {PATH} User Image Size: 10x20',
    'no closing quote': f'User Image Path: "{PATH}',
}


@pytest.mark.parametrize('line', SPELLINGS.values(), ids=SPELLINGS)
def test_a_path_is_found_in_every_spelling(line: str) -> None:
    text = f'<image>\nWhat colour is it?\n\n{line}\n### User Image Size:** "1024x768"\n'
    assert prompt_image_paths(text) == (PATH,)


@pytest.mark.parametrize('line', SPELLINGS.values(), ids=SPELLINGS)
def test_the_span_of_a_path_is_exactly_the_path(line: str) -> None:
    (span,) = prompt_paths(f'before\n{line}\nafter')
    assert f'before\n{line}\nafter'[span.start : span.end] == span.path == PATH


@pytest.mark.parametrize(
    'path',
    [
        '/数据/图片 1.png',
        '/data/Zoë/été.jpg',
        "/data/Bob's photo.png",
        'C:\\data\\my image.png',
        'relative/name.webp',
        '17127.jpg',
        'https://example.org/a b/c.png?x=1',
        '$IMAGE_0',
        '/data/a(1).png',
        '/data/[x]/y.png',
        '/data/a.b/c',
    ],
)
@pytest.mark.parametrize('quote', ['"{}"', "'{}'", '{}', '`{}`', '\\"{}\\"'])
def test_any_path_survives_any_quotes(path: str, quote: str) -> None:
    assert prompt_image_paths('User Image Path: ' + quote.format(path) + '\nnext') == (path,)


@pytest.mark.parametrize(
    'text',
    [
        '',
        'Use the User Image Path given above.',
        'User Image Path:',
        'User Image Path: <image>',
        'User Image Path: none',
        'image path: "/a/b.png"',
        'User Image Size: "10x20"',
    ],
)
def test_no_path_is_made_up(text: str) -> None:
    assert prompt_image_paths(text) == ()


def test_several_paths_keep_their_order_and_repetitions() -> None:
    text = 'User Image 1 Path: "/a.png"\nUser Image 2 Path: "/b.png"\nUser Image 3 Path: "/a.png"'
    assert prompt_image_paths(text) == ('/a.png', '/b.png', '/a.png')


def test_a_list_on_one_line_gives_all_its_paths() -> None:
    assert prompt_image_paths('User Image Paths: ["/a b.png", "/c.png"]\n') == ('/a b.png', '/c.png')


@pytest.mark.parametrize('size', ['"640x480"', '640×480', '** "640 x 480"', '(640, 480)', '\\"640X480\\"'])
def test_a_size_is_found_in_every_spelling(size: str) -> None:
    (found,) = prompt_image_sizes(f'### User Image Size: {size}\n')
    assert (found.width_px, found.height_px) == (640, 480)


names = st.text(st.characters(blacklist_categories=['Cs', 'Cc', 'Zl', 'Zp'], blacklist_characters='"”“＂\\'))


@given(st.lists(names.map(lambda n: f'/data/{n.strip()}.png'), min_size=1, max_size=4))
def test_what_the_prompt_renders_is_read_back(paths: list[str]) -> None:
    images = [PromptImage(path, 30 + i, 40 + i) for i, path in enumerate(paths)]
    text = render_user_prompt('What is it?', images)
    assert prompt_image_paths(text) == tuple(paths)
    assert [(s.width_px, s.height_px) for s in prompt_image_sizes(text)] == [(i.width_px, i.height_px) for i in images]


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    for span in prompt_paths('User Image Path: ' + text):
        assert ('User Image Path: ' + text)[span.start : span.end] == span.path
