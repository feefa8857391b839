"""The format check agrees with the gold set under both conventions."""

from __future__ import annotations

import pytest

from swift_thyme import protocol
from swift_thyme.config import Convention
from swift_thyme.rewards.format import is_well_formed

from .test_rules import gold


@pytest.mark.parametrize(('convention', 'field'), [(Convention.PAPER, 'ok'), (Convention.RELEASE, 'release_ok')])
def test_gold_formats_are_right(convention: Convention, field: str) -> None:
    # 055 is marked as a matter of taste: unclosed code hides the answer from the loop, so that it has no format either.
    rows = [r for r in gold('format_dev.jsonl') if r['id'] != 'fmt-dev-055' or convention is Convention.RELEASE]
    wrong = [r['id'] for r in rows if is_well_formed(r['completion'], convention) != r[field]]
    assert not wrong


def test_code_between_the_parts_is_not_well_formed() -> None:
    assert not is_well_formed('<think>x</think><code>\nprint(1)\n</code><answer>1</answer>')


OUTPUT = '<sandbox_output>7</sandbox_output>'


@pytest.mark.parametrize(
    'turn',
    [
        '<think></think><answer></answer>',
        '<think> \n</think>\n<answer>\t</answer>',
        f'<think>I ran it: {OUTPUT} so 7.</think><answer>7</answer>',
        f'<think><code>print(7)</code>{OUTPUT}{OUTPUT}</think><answer>7</answer>',
        f'<think><code>print(7)</code> It printed, as I expected: {OUTPUT}</think><answer>7</answer>',
        '<think>a <code>print(1)</think><answer>3</answer>',
    ],
)
def test_nothing_said_or_made_up_has_no_format(turn: str) -> None:
    assert not is_well_formed(turn)


@pytest.mark.parametrize('tail', ['', '\n', '>\n'])
def test_output_behind_code_and_the_tail_of_its_token_is_the_sandboxs_own(tail: str) -> None:
    assert is_well_formed(f'<think>Run. <code>print(7)</code>{tail}{OUTPUT} Seven.</think>\n<answer>7</answer>')


def test_unclosed_code_has_no_answer_and_no_format() -> None:
    turn = '<think>a <code>print(1)</think><answer>3</answer>'
    assert protocol.answer_of(turn) is None
    assert not is_well_formed(turn)
