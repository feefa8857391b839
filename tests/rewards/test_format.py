"""The format check agrees with the gold set under both conventions."""

from __future__ import annotations

import pytest

from swift_thyme.config import Convention
from swift_thyme.rewards.format import is_well_formed

from .test_rules import gold


@pytest.mark.parametrize(('convention', 'field'), [(Convention.PAPER, 'ok'), (Convention.RELEASE, 'release_ok')])
def test_gold_formats_are_right(convention: Convention, field: str) -> None:
    wrong = [r['id'] for r in gold('format_dev.jsonl') if is_well_formed(r['completion'], convention) != r[field]]
    assert not wrong


def test_code_between_the_parts_is_not_well_formed() -> None:
    assert not is_well_formed('<think>x</think><code>\nprint(1)\n</code><answer>1</answer>')
