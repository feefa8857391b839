from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from swift_thyme.engines.checkpoint import latest_checkpoint, locate, lora_rank
from swift_thyme.errors import ConfigError


def checkpoint(folder: Path, *, state: str | None = '{}', weights: bool = True, deepspeed: bool | None = None) -> Path:
    folder.mkdir(parents=True)
    if state is not None:
        (folder / 'trainer_state.json').write_text(state)
    if weights:
        (folder / 'model.safetensors').touch()
    if deepspeed is not None:
        (folder / 'global_step2').mkdir()
        if deepspeed:
            (folder / 'latest').write_text('global_step2')
    return folder


def test_the_checkpoint_with_most_steps_is_found(tmp_path: Path) -> None:
    checkpoint(tmp_path / 'checkpoint-9')
    newest = checkpoint(tmp_path / 'checkpoint-10')
    assert latest_checkpoint(tmp_path) == newest


def test_runs_in_folders_of_their_own_are_searched(tmp_path: Path) -> None:
    checkpoint(tmp_path / 'v0-20260101' / 'checkpoint-4')
    newest = checkpoint(tmp_path / 'v1-20260102' / 'checkpoint-6')
    assert latest_checkpoint(tmp_path) == newest


def test_checkpoints_cut_short_are_passed_over(tmp_path: Path) -> None:
    whole = checkpoint(tmp_path / 'checkpoint-2', deepspeed=True)
    checkpoint(tmp_path / 'checkpoint-4', state=None)
    checkpoint(tmp_path / 'checkpoint-6', state='{"global_step"')
    checkpoint(tmp_path / 'checkpoint-8', deepspeed=False)
    checkpoint(tmp_path / 'checkpoint-10', weights=False)
    checkpoint(tmp_path / 'checkpoint-last')
    assert latest_checkpoint(tmp_path) == whole


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path / 'missing') is None


def adapter(folder: Path, base: Path | str, rank: int = 8) -> Path:
    folder.mkdir(parents=True)
    (folder / 'adapter_config.json').write_text(json.dumps({'base_model_name_or_path': str(base), 'r': rank}))
    (folder / 'adapter_model.safetensors').touch()
    (folder / 'trainer_state.json').write_text('{}')
    return folder


def whole(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / 'config.json').write_text('{"model_type": "qwen2_5_vl"}')
    return folder


def test_an_adapter_is_found_with_its_base(tmp_path: Path) -> None:
    base = whole(tmp_path / 'base')
    found = locate(adapter(tmp_path / 'lora', base))
    assert (found.model, found.adapter, found.name) == (str(base), str(tmp_path / 'lora'), 'lora')


def test_the_base_of_training_comes_before_the_base_peft_wrote(tmp_path: Path) -> None:
    base = whole(tmp_path / 'base')
    folder = adapter(tmp_path / 'lora', '/elsewhere/base')
    with pytest.raises(ConfigError, match='--model BASE --adapters ADAPTER'):
        locate(folder)
    (folder / 'args.json').write_text(json.dumps({'model': str(base), 'model_type': 'qwen2_5_vl'}))
    found = locate(folder)
    assert found.model == str(base) and found.model_arguments == {'model_type': 'qwen2_5_vl'}


def test_model_and_adapter_may_both_be_named(tmp_path: Path) -> None:
    base, folder = whole(tmp_path / 'base'), adapter(tmp_path / 'lora', '/elsewhere/base')
    assert (locate(base, folder).model, locate(base, folder).adapter) == (str(base), str(folder))
    assert locate('Qwen/Qwen2.5-VL-7B-Instruct', folder).model == 'Qwen/Qwen2.5-VL-7B-Instruct'


def test_whole_weights_are_no_adapter(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='use --model'):
        locate('', whole(tmp_path / 'base'))


def test_two_adapters_are_refused(tmp_path: Path) -> None:
    base = whole(tmp_path / 'base')
    with pytest.raises(ConfigError, match='two adapters'):
        locate(adapter(tmp_path / 'a', base), adapter(tmp_path / 'b', base))


def test_a_runs_folder_stands_for_its_newest_checkpoint_and_says_which(tmp_path: Path) -> None:
    old, new = tmp_path / 'run' / 'v0-1' / 'checkpoint-90', tmp_path / 'run' / 'v1-2' / 'checkpoint-3'
    for folder in (old, new.with_name('checkpoint-2'), new):
        whole(checkpoint(folder).joinpath('x')).joinpath('config.json').rename(folder / 'config.json')
    os.utime(old, (1, 1))
    found = locate(tmp_path / 'run')
    assert found.model == str(new) and 'v1-2/checkpoint-3' in found.note


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='no model in'):
        locate(tmp_path)


@pytest.mark.parametrize(
    'name', ['nope', './nope', '/nope', '~/nope', 'out/sft1/checkpoint-3', 'a/b/c', 'here/nope', 'x/checkpoint-3', 'm/']
)
def test_a_mistyped_path_is_refused_before_a_hub_is_asked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match='no such file or folder'):
        locate(name)


@pytest.mark.parametrize('name', ['Qwen/Qwen2.5-VL-7B-Instruct', 'Kwai-Keye/Thyme-RL'])
def test_a_hub_id_is_left_to_the_host(name: str) -> None:
    assert locate(name).model == name


def test_the_largest_rank_of_an_adapter_counts(tmp_path: Path) -> None:
    folder = adapter(tmp_path / 'lora', 'x/y', rank=8)
    config = json.loads((folder / 'adapter_config.json').read_text())
    (folder / 'adapter_config.json').write_text(json.dumps({**config, 'rank_pattern': {'q_proj': 24}}))
    assert lora_rank(str(folder)) == 24
