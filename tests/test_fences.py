"""What is taken away around a snippet's Python, and that nothing else is."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme.fences import strip_fence

CODE = 'x = 1\nif x:\n    print("x")'


@pytest.mark.parametrize(
    'block',
    [
        '```python\n{}\n```',
        '\n```py\n{}\n```\n',
        '```Python3 \r\n{}\n``` ',
        '```\n{}\n```',
        '~~~python\n{}\n~~~',
        '````\n{}\n````',
        '```python\n```python\n{}\n```\n```',
        "Here's the code:\n```python\n{}\n```\nIt crops the sign.",
        '```python\n{}```',
        '```python {}\n```',
        '```python\n{}',
        '{}\n```',
        '\ufeff{}',
        '{}',
    ],
)
def test_what_models_put_around_python_goes(block):
    assert strip_fence(block.replace('{}', CODE)) == CODE


def test_several_fenced_parts_are_one_snippet():
    assert strip_fence('one\n```python\na = 1\n```\ntwo\n```python\nb = 2\n```') == 'a = 1\nb = 2'


@pytest.mark.parametrize(
    'code',
    [
        's = """\n```python\nx\n```\n"""',
        "print('```')",
        '# ```\nx = 1',
        "a = '~~~'\nb = '\u200b\u00a0'  # \u00a0",
        '    x = 1\n    y = 2',
    ],
)
def test_python_is_not_touched(code):
    assert strip_fence(code) == code
    assert strip_fence(f'```python\n{code}\n```') == code


def test_blanks_that_python_does_not_know_go_from_between_strings():
    code = strip_fence("x\u00a0=\u30005\u200b\nprint('a\u00a0b', x)")
    assert ast.parse(code) and code == "x = 5\nprint('a\u00a0b', x)"


@given(st.lists(st.sampled_from(['```', '```python', '~~~', 'x = 1', "'''", '"', '#', ' ', '\n', '\u00a0', 'a b'])))
def test_twice_is_once(parts):
    once = strip_fence(''.join(parts))
    assert strip_fence(once) == once
