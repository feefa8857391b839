"""Every setting that a page names is set by some test, so that none is read in vain."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETTING = re.compile(r'\b(?:THYME_[A-Z_]+[A-Z]|[A-Z_]+_(?:WEIGHT|NORM)|REWARD_API_ADDRESS|QWEN_API_PORT)\b')


def documented() -> set[str]:
    """The variables that the pages name."""
    return {name for page in (ROOT / 'docs').glob('*.md') for name in SETTING.findall(page.read_text(encoding='utf-8'))}


def set_in(path: Path) -> Iterator[str]:
    """The names that stand by themselves in a test file: keys, arguments, keywords. Removing is not setting."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    removed = {
        id(argument)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, 'attr', '') in ('delenv', 'pop')
        for argument in call.args
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in removed:
            yield node.value
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg


def test_every_documented_setting_is_set_in_some_test() -> None:
    tests = (path for path in (ROOT / 'tests').rglob('*.py') if path != Path(__file__))
    missing = documented() - {name for path in tests for name in set_in(path)}
    assert documented() and not missing
