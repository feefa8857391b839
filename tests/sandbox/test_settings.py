"""Settings, tiers and the command line."""

from __future__ import annotations

import io
import json
import os

import pytest

from swift_thyme import cli
from swift_thyme.config import SandboxSettings
from swift_thyme.errors import ConfigError, SandboxUnavailable
from swift_thyme.sandbox import BlockingSandbox, ZygoteSandbox, probe
from swift_thyme.sandbox.confine import Tier
from swift_thyme.sandbox.repair import resolve
from swift_thyme.sandbox.repair.modes import outcome_without
from swift_thyme.types import Outcome

YES, NO = 'yes: there', 'no: not there'


def test_settings_come_from_the_environment():
    env = {
        'THYME_EXEC_TIMEOUT_S': '2.5',
        'THYME_SANDBOX_ROLLBACK': 'off',
        'THYME_REPAIRS': 'clamp=off, min_crop=report',
    }
    settings = SandboxSettings.from_env(env)
    assert (settings.timeout_s, settings.rollback) == (2.5, False)
    assert settings.repairs == {'clamp': 'off', 'min_crop': 'report'}


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('THYME_EXEC_TIMEOUT_S', '-1'),
        ('THYME_EXEC_TIMEOUT_S', 'ten'),
        ('THYME_SANDBOX_ROLLBACK', 'maybe'),
        ('THYME_REPAIRS', 'clamp=sometimes'),
    ],
)
def test_a_bad_variable_is_named(name, value):
    with pytest.raises(ConfigError, match=name):
        SandboxSettings.from_env({name: value})


@pytest.mark.parametrize(
    ('seccomp', 'landlock', 'uid', 'tier'),
    [(YES, YES, NO, Tier.A), (YES, NO, YES, Tier.B), (YES, NO, NO, Tier.C), (NO, YES, YES, Tier.C)],
)
def test_the_tier_follows_from_what_the_machine_has(seccomp, landlock, uid, tier):
    assert probe.judge({'seccomp': seccomp, 'landlock': landlock, 'uid': uid}).tier is tier


def test_tier_c_is_refused_unless_allowed():
    found = probe.Finding(Tier.C, ('landlock: no: old kernel',))
    with pytest.raises(SandboxUnavailable, match='THYME_SANDBOX_ALLOW_TIER_C'):
        found.require(allow_b=True, allow_c=False)
    assert found.require(allow_b=False, allow_c=True) is Tier.C


def test_tier_b_is_refused_unless_allowed_and_the_refusal_says_what_it_does_not_keep():
    found = probe.Finding(Tier.B, ('landlock: no: old kernel',))
    with pytest.raises(SandboxUnavailable, match=r'wherever every user .* quota.* THYME_SANDBOX_ALLOW_TIER_B'):
        found.require(allow_b=False, allow_c=False)
    allowed = SandboxSettings.from_env({'THYME_SANDBOX_ALLOW_TIER_B': 'on'})
    assert found.require(allow_b=allowed.allow_tier_b, allow_c=allowed.allow_tier_c) is Tier.B
    assert probe.Finding(Tier.A, ()).require(allow_b=False, allow_c=False) is Tier.A


def test_a_missing_base_directory_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match='THYME_SANDBOX_DIR'):
        probe.choose_base_dir(str(tmp_path / 'none'))


@pytest.mark.parametrize(('mib', 'outcome'), [('1024', 'ok'), ('600', 'out_of_memory')])
def test_a_session_holds_as_much_memory_as_the_variable_says(mib, outcome):
    settings = SandboxSettings.from_env({'THYME_SANDBOX_MEMORY_MIB': mib, 'THYME_SANDBOX_ALLOW_TIER_B': 'on'})
    with BlockingSandbox(ZygoteSandbox(settings)) as sandbox, sandbox.open() as session:
        assert session.run("held = b'x' * (700 << 20)\nprint(1)").outcome.value == outcome


def test_modes_are_complete_after_resolving():
    modes = resolve({'clamp': 'off'})
    assert modes['clamp'] == 'off' and modes['float_format'] == 'off' and modes['indentation'] == 'on'


def test_raw_outcome_is_given_only_where_it_is_known():
    assert outcome_without(['indentation'], Outcome.OK, {}) is Outcome.CODE_ERROR
    assert outcome_without(['clamp'], Outcome.OK, {'clamp': 'on'}) is Outcome.BAD_IMAGE
    assert outcome_without(['clamp'], Outcome.OK, {'clamp': 'paper'}) is None
    assert outcome_without(['indentation'], Outcome.CODE_ERROR, {}) is None


def command(monkeypatch, capsys, lines, *args):
    monkeypatch.setattr('sys.stdin', io.StringIO(''.join(lines)))
    code = cli.main(['sandbox', *args])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_command_answers_line_by_line_in_one_session(monkeypatch, capsys, picture, tmp_path):
    codes = ['x = 1', 'print(x, image_path)', '1/0', "Image.new('RGB', (90, 60)).save('a.png'); print('a.png')"]
    lines = [json.dumps({'code': code}) + '\n' for code in codes] + ['not json\n', '\n', '{"code": 3}\n']
    code, answers = command(monkeypatch, capsys, lines, '--image', str(picture), '--output-dir', str(tmp_path))
    assert code == 0
    assert [a.get('outcome') for a in answers] == ['ok', 'ok', 'code_error', 'ok', None, None]
    assert answers[1]['text'] == f'1 {picture}\n'
    assert set(answers[0]) >= {'outcome', 'text', 'images', 'elapsed_s', 'repairs'}
    assert os.path.exists(answers[3]['images'][0])
    assert 'error' in answers[4] and 'error' in answers[5]


def test_the_command_explains_a_missing_picture(monkeypatch, capsys):
    monkeypatch.setattr('sys.stdin', io.StringIO(''))
    assert cli.main(['sandbox', '--image', '/no/such.jpg']) == 2
    assert '/no/such.jpg' in capsys.readouterr().err


def test_the_command_refuses_a_bad_timeout(monkeypatch, capsys):
    assert cli.main(['sandbox', '--timeout', '0']) == 2
    assert '--timeout' in capsys.readouterr().err


def test_doctor_names_the_tier_and_why(capsys):
    assert cli.main(['doctor', '--verbose']) == 0
    out = capsys.readouterr().out
    assert 'tier' in out and 'landlock' in out and 'seccomp' in out


def test_the_command_ends_with_a_sentence_where_a_directory_cannot_be_made(monkeypatch, capsys, tmp_path):
    (tmp_path / 'file').touch()
    monkeypatch.setattr('sys.stdin', io.StringIO('{"code": "1"}\n'))
    assert cli.main(['sandbox', '--output-dir', str(tmp_path / 'file' / 'below')]) == 2
    assert 'cannot be made' in capsys.readouterr().err


def test_the_command_refuses_one_name_for_two_pictures(monkeypatch, capsys, picture):
    monkeypatch.setattr('sys.stdin', io.StringIO(''))
    two = [*('--image', str(picture)) * 2, *('--prompt-path', '/a.jpg') * 2]
    assert cli.main(['sandbox', *two]) == 2
    assert '/a.jpg is given twice' in capsys.readouterr().err


def test_the_command_reads_bytes_that_are_no_text(monkeypatch, capsys):
    lines = b'\xff\xfe\n{"code": "print(\'\xc3\xa4\')"}\n'
    monkeypatch.setattr('sys.stdin', io.TextIOWrapper(io.BytesIO(lines), encoding='ascii'))
    assert cli.main(['sandbox']) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert 'error' in answers[0] and answers[1]['text'] == 'ä\n'
