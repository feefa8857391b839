"""What the sandbox adds to a text, and when it says nothing."""

from __future__ import annotations

import pytest

from swift_thyme.config import SandboxSettings
from swift_thyme.sandbox import BlockingSandbox, InputImage, ZygoteSandbox
from swift_thyme.sandbox.conformance.sabotage import SABOTAGE
from swift_thyme.sandbox.notes import with_note
from swift_thyme.sandbox.text import TRUNCATED, clean, with_error
from swift_thyme.sandbox.zygote_backend import slow_imports
from swift_thyme.types import Outcome, SandboxImage, SandboxResult


def test_a_rollback_is_told_at_the_end_of_an_error():
    result = with_note(SandboxResult(Outcome.CODE_ERROR, 'a\nNameError: b'), rollback=True)
    assert result.text == 'a\nNameError: b\n[sandbox: variables and files are as they were before this code]'
    assert result.own_text == 'a\nNameError: b'


def test_a_timeout_that_nothing_undoes_says_that_the_session_began_anew():
    settings = SandboxSettings(rollback=False, allow_tier_b=True)
    with BlockingSandbox(ZygoteSandbox(settings)) as sandbox, sandbox.open() as session:
        first = session.run('while True: pass', timeout_s=0.3)
        session.run('x = 1')
        error, late = session.run('1/0'), session.run('while True: pass', timeout_s=0.3)
        after = session.run('x')
    assert (first.note, error.note, after.own_text[:9]) == ('', '', 'NameError')
    assert late.note == '\n[sandbox: the session began anew: variables and files are gone]'


def test_an_error_without_a_snapshot_does_not_claim_that_anything_is_as_before():
    with_no_snapshot = next(case for case in SABOTAGE if case.name.endswith('none is made')).before
    settings = SandboxSettings(allow_tier_b=True)
    with BlockingSandbox(ZygoteSandbox(settings)) as sandbox, sandbox.open() as session:
        assert session.run('x = 1\n' + with_no_snapshot).outcome is Outcome.OK
        error, after = session.run('1/0'), session.run('x')
    assert after.own_text.startswith('NameError')
    assert error.note == '\n[sandbox: the session began anew: variables and files are gone]'


def test_nothing_is_told_beside_a_picture():
    result = SandboxResult(Outcome.OK, '', (SandboxImage('a.png', 64, 64, ''),), repairs=('clamp',))
    assert with_note(result, rollback=True) is result


def test_a_repair_is_told_with_text():
    result = with_note(SandboxResult(Outcome.OK, '5\n', repairs=('cv_alias',)), rollback=True)
    assert result.text == '5\n[sandbox: cv was read as cv2]'


def test_right_code_gets_its_own_words_only():
    result = SandboxResult(Outcome.OK, '5\n')
    assert with_note(result, rollback=True) is result


@pytest.mark.parametrize('rollback', [True, False])
def test_notes_can_be_switched_off_and_say_only_what_is_so(rollback, picture):
    said = 'on' if rollback else 'off'
    settings = SandboxSettings.from_env({'THYME_SANDBOX_ROLLBACK': said, 'THYME_SANDBOX_NOTES': said})
    with BlockingSandbox(ZygoteSandbox(settings)) as sandbox, sandbox.open([InputImage(picture)]) as session:
        error, empty = session.run('1/0'), session.run('x = 1')
    assert ('[sandbox' in error.text, '[sandbox' in empty.text) == (rollback, rollback)


def test_an_error_is_never_what_is_cut():
    text = with_error('ä' * 900, 'ValueError: b', 200, cut=False)
    assert text.startswith('ää') and text.endswith(f'{TRUNCATED}\nValueError: b')
    assert clean(text, 200) == text


def test_addresses_of_objects_are_not_shown():
    assert clean('<io.BytesIO object at 0x7f5009800b80> and 0x7f5009800b80', 200) == (
        '<io.BytesIO object> and 0x7f5009800b80'
    )


@pytest.mark.parametrize(
    ('code', 'found'),
    [
        ('import torch', {'torch'}),
        ('import os, torch as t', {'torch'}),
        ('  from torch.nn import functional', {'torch'}),
        ('import os  # import torch', set()),
        ('print("import torch")', set()),
    ],
)
def test_slow_imports_are_known(code, found):
    assert slow_imports(code) == found
