"""The protocol's parser and prompts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme import protocol
from swift_thyme.protocol import PromptImage
from swift_thyme.types import Outcome, SandboxImage, SandboxResult, SegmentKind

TURN = (
    '<think>small <code>\n```python\nprint(1)\n```\n</code><sandbox_output><image></sandbox_output>'
    ' it reads <answer> </think>\n<answer> C </answer>'
)


@given(st.text(alphabet='<>/codesanbx_utp \n', max_size=80))
def test_segments_join_to_the_text(text: str) -> None:
    assert ''.join(segment.text for segment in protocol.segments(text)) == text


def test_segments_name_text_code_and_sandbox() -> None:
    kinds = [segment.kind for segment in protocol.segments(TURN)]
    assert kinds == [SegmentKind.TEXT, SegmentKind.CODE, SegmentKind.SANDBOX, SegmentKind.TEXT]


@pytest.mark.parametrize(
    'block', ['\n```python\nx = 1\n```\n', '\n```py\nx = 1\n```', 'x = 1', '\n```\nx = 1\n```\n', '\nx = 1\n']
)
def test_fences_are_optional(block: str) -> None:
    assert protocol.code_blocks(f'<code>{block}</code>') == ('x = 1',)


def test_indentation_of_the_first_line_is_kept() -> None:
    assert protocol.strip_fence('\n```python\n    x = 1\n```\n') == '    x = 1'


@pytest.mark.parametrize('tail', ['', '\n', ' ', '<', '\n\n'])
def test_code_at_end_allows_the_rest_of_the_last_token(tail: str) -> None:
    assert protocol.code_at_end(f'a<code>x</code>{tail}') == 'x'


def test_code_before_more_words_is_not_at_the_end() -> None:
    assert protocol.code_at_end('<code>x</code> and then the answer is clear') is None


def test_answer_is_the_last_one_outside_code_and_sandbox() -> None:
    assert protocol.answer_of('<answer>A</answer><code>"<answer>B</answer>"</code>') == 'A'
    assert protocol.answer_of(TURN) == 'C'


def test_an_unclosed_answer_is_none() -> None:
    assert protocol.answer_of('<answer>A') is None


def test_user_prompt_names_path_and_size_of_each_picture() -> None:
    text = protocol.render_user_prompt('What?', [PromptImage('a.jpg', 20, 10), PromptImage('b.jpg', 5, 6)])
    assert text.count('<image>') == 2
    assert 'User Image 1 Path: "a.jpg"' in text and 'User Image 2 Size: "5x6"' in text


def test_prompt_paths_round_trip() -> None:
    text = protocol.render_user_prompt('What?', [PromptImage('dir with space/ü.jpg', 20, 10)])
    assert protocol.prompt_image_paths(text) == ('dir with space/ü.jpg',)


def test_pictures_hide_the_printed_text() -> None:
    image = SandboxImage('/x.png', 30, 30, 'ab')
    assert protocol.render_sandbox_output(SandboxResult(Outcome.OK, 'x.png', (image, image))) == (
        '<sandbox_output><image><image></sandbox_output>'
    )


@given(
    st.lists(
        st.sampled_from(['<', '>', '<image>', '</code>', '<|im_end|>', 'code', '/', '|', 'x', '<<image>image>']),
        max_size=12,
    )
)
def test_neutralized_text_holds_no_tag_and_no_special_token(parts: list[str]) -> None:
    clean = protocol.neutralize(''.join(parts))
    assert '<image>' not in clean and '</code>' not in clean and '<|im_end|>' not in clean


def test_a_tokenizers_own_special_tokens_are_neutralized() -> None:
    assert '[SEP]' not in protocol.neutralize('a [SEP] b', ['[SEP]'])
