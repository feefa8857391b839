"""The host loads prepared sets as they are: with real paths, from wherever the set lies, streamed or not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from swift_thyme.data.rows import Kind, Split
from swift_thyme.demo.host_command import HostCommand
from swift_thyme.demo.host_command import run as run_command
from swift_thyme.errors import DataError
from swift_thyme.host.datasets import PreparedLoader, prepared_set_metas
from swift_thyme.protocol import prompt_image_paths

from . import public
from .conftest import PreparedSet, run

PLUGIN = Path(__file__).parents[2] / 'plugins' / 'thyme_plugin.py'


@pytest.fixture(autouse=True)
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    from swift_thyme.host.register import register_prepared_sets

    monkeypatch.setattr(datasets.config, 'HF_DATASETS_CACHE', tmp_path / 'cache')
    register_prepared_sets()
    register_prepared_sets()


def load(*folders: Path | str, streaming: bool = False, keep_columns: bool = False) -> list[dict[str, Any]]:
    from swift.dataset import load_dataset

    names = list(map(str, folders))
    loaded, _ = load_dataset(names, streaming=streaming, remove_unused_columns=not keep_columns, strict=True)
    return list(loaded)


@pytest.mark.parametrize('streaming', [False, True])
def test_rows_are_loaded_with_real_paths_in_pictures_and_texts(sft_set: PreparedSet, streaming: bool) -> None:
    rows = load(sft_set.out / 'stage1/single_round', f'{sft_set.out}/stage1/two_rounds/', streaming=streaming)
    kept = sft_set.done.tally.kept
    assert len(rows) == kept['single_round'] + kept['two_rounds']
    for row in rows:
        user, assistant = row['messages'][1]['content'], row['messages'][2]['content']
        paths = [image['path'] for image in row['images']]
        assert prompt_image_paths(user) == (paths[0],)
        assert f'image_path = "{paths[0]}"' in assistant
        assert '$IMAGE' not in user + assistant
        assert all(Image.open(path).size == public.SIZE for path in paths)


@pytest.mark.parametrize('streaming', [False, True])
def test_rl_rows_keep_what_rewards_need(rl_set: PreparedSet, streaming: bool) -> None:
    rows = load(f'{rl_set.out}/rl#4', streaming=streaming, keep_columns=True)
    assert len(rows) == 4
    for row in rows:
        assert (row['solution'], row['question']) == ('black', 'Colour?')
        assert prompt_image_paths(row['messages'][1]['content']) == (row['images'][0]['path'],)


def test_a_set_can_be_moved(rl_set: PreparedSet, tmp_path: Path) -> None:
    load(rl_set.out / 'rl')
    moved = Path(shutil.copytree(rl_set.out, tmp_path / 'another disk' / 'set'))
    for row in load(moved / 'rl'):
        assert row['images'][0]['path'].startswith(str(moved))
        assert str(moved) in row['messages'][1]['content']


def test_pictures_and_text_only_rows_lie_in_folders_of_their_own(sft_set: PreparedSet) -> None:
    assert all(not row.get('images') for row in load(sft_set.out / 'stage2/computation_text'))
    assert all(len(row['images']) == 1 for row in load(sft_set.out / 'stage2/computation_images'))


def test_kept_paths_need_no_plugin(tmp_path: Path) -> None:
    from swift.dataset.dataset_meta import DATASET_MAPPING

    public.write_parquet(tmp_path / 'in.parquet', public.rl_shard(2).rows)
    run(tmp_path / 'in.parquet', tmp_path / 'out', Kind.RL, keep_paths=True)
    plain = tmp_path / 'out' / 'without_plugin'
    (tmp_path / 'out' / 'rl').rename(plain)
    assert 'without_plugin' not in str(DATASET_MAPPING)
    for row in load(plain):
        assert Image.open(row['images'][0]['path']).size == public.SIZE


def test_an_unfinished_set_is_not_trained_on(rl_set: PreparedSet, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(rl_set.out, tmp_path / 'set'))
    manifest = json.loads((copy / 'prepared.json').read_text())
    (copy / 'prepared.json').write_text(json.dumps({**manifest, 'complete': False}))
    with pytest.raises(DataError, match='not finished'):
        load(copy / 'rl')


def test_another_folder_of_the_same_name_is_loaded_as_ever(tmp_path: Path) -> None:
    rows = [{'messages': [{'role': 'user', 'content': '$IMAGE_0'}, {'role': 'assistant', 'content': 'x'}]}]
    public.write_jsonl(tmp_path / 'rl' / 'train.jsonl', rows)
    assert load(tmp_path / 'rl')[0]['messages'][0]['content'] == '$IMAGE_0'


def test_no_set_of_the_host_has_one_of_our_names() -> None:
    from swift.dataset.dataset_meta import DATASET_MAPPING

    ours = {split.value for split in Split}
    for meta in DATASET_MAPPING.values():
        if meta.loader is not PreparedLoader:
            names = {
                str(name).rsplit('/', 1)[-1] for name in (meta.ms_dataset_id, meta.hf_dataset_id, meta.dataset_path)
            }
            assert not names & ours
    assert {meta.dataset_path for meta in prepared_set_metas()} == ours


def flags(tiny: Path, out: Path, *datasets: Path, **more: object) -> dict[str, object]:
    return {
        'model': tiny,
        'model_type': 'qwen2_5_vl',
        'template': 'thyme_qwen2_5_vl',
        'external_plugins': PLUGIN,
        'dataset': list(datasets),
        'tuner_type': 'full',
        'torch_dtype': 'float32',
        'attn_impl': 'sdpa',
        'max_steps': 1,
        'per_device_train_batch_size': 2,
        'gradient_accumulation_steps': 1,
        'learning_rate': 1e-4,
        'max_length': 4096,
        'output_dir': out,
        'save_strategy': 'no',
        'split_dataset_ratio': 0,
        'logging_steps': 1,
        'report_to': 'none',
        'gradient_checkpointing': 'false',
        **more,
    }


MODES = {'lazy': {'lazy_tokenize': 'true'}, 'streaming': {'streaming': 'true'}}


@pytest.mark.host
@pytest.mark.slow
@pytest.mark.parametrize('mode', MODES)
def test_the_hosts_sft_trains_on_prepared_rows(sft_set: PreparedSet, tiny: Path, tmp_path: Path, mode: str) -> None:
    for folders in (('stage1/single_round', 'stage1/two_rounds'), ('stage2/computation_text',)):
        datasets = [sft_set.out / folder for folder in folders]
        command = HostCommand('sft', flags(tiny, tmp_path / 'out', *datasets, **MODES[mode]))
        run_command(command, log=tmp_path / 'sft.log', env={'PYTHONPATH': str(PLUGIN.parents[1])})
        log = (tmp_path / 'sft.log').read_text()
        assert "'loss'" in log
        assert 'the data will be deleted' not in log


@pytest.mark.host
@pytest.mark.slow
def test_the_hosts_grpo_trains_on_prepared_rows(rl_set: PreparedSet, tiny: Path, tmp_path: Path) -> None:
    more = {
        'rlhf_type': 'grpo',
        'multi_turn_scheduler': 'thyme',
        'use_vllm': 'false',
        'reward_funcs': 'fmt_orm',
        'num_generations': 2,
        'max_completion_length': 8,
        'beta': 0,
        'check_model': 'false',
        'log_completions': 'true',
        'add_version': 'false',
        **MODES['lazy'],
    }
    command = HostCommand('rlhf', flags(tiny, tmp_path / 'out', rl_set.out / 'rl', **more))
    run_command(command, log=tmp_path / 'rlhf.log', env={'PYTHONPATH': str(PLUGIN.parents[1])})
    assert f'{rl_set.out}/images/' in (tmp_path / 'out' / 'completions.jsonl').read_text()
