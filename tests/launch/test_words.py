from __future__ import annotations

from pathlib import Path

import pytest

from swift_thyme.errors import ConfigError
from swift_thyme.launch.words import read_words, to_words, to_yaml


def test_flags_take_the_values_up_to_the_next_flag() -> None:
    flags, _ = read_words(['--a', '1', '2', '--b', '--c=x=y'])
    assert flags == {'a': ('1', '2'), 'b': (), 'c': ('x=y',)}


def test_a_flag_given_twice_has_its_last_values() -> None:
    assert read_words(['--a', '1', '2', '--a', '3'])[0] == {'a': ('3',)}


def test_dashes_inside_a_name_are_underscores() -> None:
    assert read_words(['--max-turns', '3'])[0] == {'max_turns': ('3',)}


@pytest.mark.parametrize('value', ['-1', '-0.5', '{"image": 6}', '<code>', ''])
def test_values_are_kept_as_they_are(value: str) -> None:
    assert read_words(['--a', value])[0] == {'a': (value,)}


def test_a_value_before_any_flag_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"got 'true'"):
        read_words(['true', '--a'])


def test_yaml_form_gives_the_flags_back(tmp_path: Path) -> None:
    flags = {'a': ('1e-5',), 'b': ('x', 'y'), 'c': ('{"image": 6}',), 'd': ('true',), 'e': (' x: # y',)}
    path = tmp_path / 'job.yaml'
    path.write_text(to_yaml(flags, {'MAX_PIXELS': '100'}))
    assert read_words([str(path)]) == (flags, {'MAX_PIXELS': '100'})


def test_flags_after_a_file_win(tmp_path: Path) -> None:
    path = tmp_path / 'job.yaml'
    path.write_text('a: 1\nb: [2, 3]\n')
    assert read_words([str(path), '--a', '9'])[0] == {'a': ('9',), 'b': ('2', '3')}


def test_the_host_reads_our_yaml_as_the_same_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from swift.cli.main import parse_yaml_args

    flags = {'lr': ('1e-5',), 'n': ('10240',), 'x': ('0.50',), 'b': ('x', 'y'), 'c': ('{"image": 6}',), 'd': ('true',)}
    path = tmp_path / 'job.yaml'
    path.write_text(to_yaml(flags, {}))
    monkeypatch.setenv('SWIFT_CONFIG_FILE', '')
    argv = [str(path)]
    parse_yaml_args(argv)
    assert [word.replace('True', 'true') for word in argv] == to_words(flags)


@pytest.mark.parametrize('content', ['- a\n', 'a: [', ''])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / 'job.yaml'
    path.write_text(content)
    with pytest.raises(ConfigError, match=r'job\.yaml'):
        read_words([str(path)])
