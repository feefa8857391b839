"""The README's variables are read, checked, and errors say which one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from swift_thyme.config import Convention, JudgeSettings, OutagePolicy, RewardSettings, judge_addresses
from swift_thyme.errors import ConfigError


def test_weights_and_norms_are_read() -> None:
    env = {'VQA_WEIGHT': '2', 'FMT_WEIGHT': '0.1', 'CST_NORM': '1', 'CODE_PRM_WEIGHT': '0', 'VQA_NORM': '0'}
    settings = RewardSettings.from_env(env | {'THYME_REWARD_CONVENTION': 'release', 'DS_ENV_FILE': ''})
    assert (settings.vqa_weight, settings.fmt_weight, settings.code_prm_weight) == (2.0, 0.1, 0.0)
    assert (settings.cst_norm, settings.vqa_norm) == (True, False)
    assert settings.convention is Convention.RELEASE


@pytest.mark.parametrize(
    ('address', 'ports', 'expected'),
    [
        ('localhost', '', ['http://localhost:8080/v1']),
        ('10.0.0.1', '8000,8001', ['http://10.0.0.1:8000/v1', 'http://10.0.0.1:8001/v1']),
        ('http://a,http://b', '1', ['http://a:1/v1', 'http://b:1/v1']),
        ('http://a:7000', '8000', ['http://a:7000/v1']),
        ('https://api.example.com', '', ['https://api.example.com/v1']),
        ('http://a:1/v1/chat/completions', '', ['http://a:1/v1']),
        ('http://a/openai/', '80', ['http://a/openai']),
        ('a,a', '1,1', ['http://a:1/v1']),
    ],
)
def test_every_address_gets_every_port(address: str, ports: str, expected: list[str]) -> None:
    assert list(judge_addresses(address, ports)) == expected


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('VQA_WEIGHT', 'one'),
        ('FMT_NORM', 'maybe'),
        ('THYME_REWARD_CONVENTION', 'mine'),
    ],
)
def test_wrong_reward_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f'{name} .*{value}'):
        RewardSettings.from_env({name: value})


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('QWEN_API_PORT', '80a'),
        ('QWEN_API_PORT', '99999'),
        ('REWARD_API_ADDRESS', 'ftp://x'),
        ('THYME_JUDGE_OUTAGE', 'zero'),
        ('THYME_JUDGE_VOTES', '2'),
        ('THYME_JUDGE_TIMEOUT_S', '0'),
        ('THYME_JUDGE_CONCURRENCY', '-1'),
    ],
)
def test_wrong_judge_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        JudgeSettings.from_env({name: value})


def test_deepspeed_env_lies_beneath_the_environment(tmp_path: Path) -> None:
    file = tmp_path / 'env'
    file.write_text('# judges\nREWARD_API_ADDRESS=10.0.0.9\nexport QWEN_API_PORT="8000,8001"\nFMT_WEIGHT=0.25\n')
    env = {'DS_ENV_FILE': str(file), 'QWEN_API_PORT': '9000'}
    assert JudgeSettings.from_env(env).addresses == ('http://10.0.0.9:9000/v1',)
    assert RewardSettings.from_env(env).fmt_weight == 0.25


def test_deepspeed_env_of_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / '.deepspeed_env').write_text('VQA_WEIGHT=3\n')
    monkeypatch.chdir(tmp_path)
    assert RewardSettings.from_env({}).vqa_weight == 3.0


def test_line_without_a_sign_is_named(tmp_path: Path) -> None:
    (tmp_path / 'env').write_text('REWARD_API_ADDRESS 10.0.0.9\n')
    with pytest.raises(ConfigError, match=r'env:1 cannot be read'):
        RewardSettings.from_env({'DS_ENV_FILE': str(tmp_path / 'env')})


def test_outage_and_cache_are_read() -> None:
    settings = JudgeSettings.from_env({'THYME_JUDGE_OUTAGE': 'neutral', 'THYME_JUDGE_CACHE': 'off'})
    assert settings.outage is OutagePolicy.NEUTRAL
    assert settings.cache_dir == ''


@pytest.mark.parametrize('value', ['', ' ', 'off', 'None'])
def test_an_empty_cache_is_none(value: str) -> None:
    assert JudgeSettings.from_env({'THYME_JUDGE_CACHE': value}).cache_dir == ''
    assert JudgeSettings.from_env({}).cache_dir
