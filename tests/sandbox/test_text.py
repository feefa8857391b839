"""Properties of cleaned text."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme import protocol
from swift_thyme.sandbox.text import TRUNCATED, clean, hide_paths

PIECES = [
    *(
        '<image>',
        '</sandbox_output>',
        '<|im_end|>',
        '<',
        '>',
        '/',
        'image',
        '<code',
        '</think',
        '|',
        '<|',
        '|>',
        'im_end',
    ),
    *('\x1b[2J', '\x1b]0;t\x07', '\x00', '\u200b', '\ud800', '\u202e', '\r', '\n', '漢', '🙂', 'text '),
    *('<s>', '[INST]', '\x9b1m'),
]
TOKENS = ('<s>', '[INST]', '<ima')
TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=60).map(''.join)
TAGS = re.compile(r'</?(?:sandbox_output|code|answer|think|image|video|audio|tool_call|tool_response)\b[^<>]*>', re.I)


@given(TEXT)
def test_no_tag_or_special_token_survives(text):
    cleaned = clean(text, 5000, TOKENS)
    assert not TAGS.search(cleaned)
    assert not re.search(r'<\|[^<>|\s]{1,64}\|>', cleaned)
    assert not any(token in cleaned for token in TOKENS)


@given(TEXT)
def test_no_control_or_invisible_character_survives(text):
    assert not re.search('[\x00-\x08\x0b-\x1f\x7f-\x9f\u200c-\u200f\u202a-\u202e\ud800-\udfff]', clean(text, 5000))


@given(TEXT, st.integers(20, 200))
def test_the_cap_holds_in_bytes_and_the_note_is_there_exactly_when_cut(text, cap):
    cleaned = clean(text, cap)
    assert len(cleaned.encode()) <= cap
    whole = clean(text, 1_000_000)
    assert cleaned.endswith(TRUNCATED) or cleaned == whole


@given(TEXT)
def test_cleaning_twice_changes_nothing(text):
    once = clean(text, 100_000)
    assert clean(once, 100_000) == once


@given(
    st.text(st.characters(codec='ascii', min_codepoint=32, max_codepoint=126, exclude_characters='<>'), max_size=200)
)
def test_plain_text_is_left_alone(text):
    assert clean(text, 1000) == text


@pytest.mark.parametrize(
    'text', ['<code ' * 4000, '<' * 20_000, '<co' * 3000 + 'de>' * 3000, '<|' * 9000, '<image ' * 2000 + '>' * 2000]
)
def test_hostile_nesting_takes_no_time(text):
    begin = time.process_time()
    clean(text, 20_000, TOKENS)
    assert time.process_time() - begin < 0.5


def test_text_dropped_earlier_is_marked():
    assert clean('abc', 100, dropped=True) == f'abc\n{TRUNCATED}'


def test_neutralize_replaces_both_brackets():
    assert protocol.neutralize('<image>') == '‹image›'


def test_hidden_paths_are_replaced_longest_first():
    assert hide_paths('/a/b/c and /a/b', {'/a/b': 'X', '/a/b/c': 'Y'}) == 'Y and X'
