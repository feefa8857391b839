from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from swift_thyme.errors import ConfigError, ThymeError
from swift_thyme.launch.host import Method, check
from swift_thyme.launch.job import Job, assemble

from . import readme

Make = Callable[..., Job]


@pytest.mark.parametrize(
    ('method', 'words'), [(Method.RLHF, readme.RL), (Method.SFT, readme.STAGE_1), (Method.SFT, readme.STAGE_2)]
)
def test_flags_of_the_readmes_scripts_become_a_command_of_todays_host(method: Method, words: list[str]) -> None:
    job = assemble(method, [*words, '--dry-run'], {})
    check(method, job.flags)
    assert job.words[:2] == ['swift', method.value]


def test_the_readmes_rl_flags_keep_every_value_the_host_still_takes() -> None:
    flags = assemble(Method.RLHF, [*readme.RL, '--dry-run'], {}).flags
    assert flags['tuner_type'] == ('full',)
    assert flags['lr_scheduler_kwargs'] == ('{"min_lr_rate": 0.1, "num_cycles": 0.5}',)
    assert flags['external_plugins'][0] == './examples/train/grpo/plugin/agent_rm.py'
    assert not {'train_type', 'vllm_device', 'gc_collect_after_offload', 'stop_words', 'O3'} & set(flags)


def test_each_old_flag_has_one_warning() -> None:
    notes = assemble(Method.RLHF, [*readme.RL, '--dry-run'], {}).notes
    for name in ('train_type', 'vllm_device', 'gc_collect_after_offload', 'stop_words'):
        assert sum(f'--{name}' in note for note in notes) == 1


def test_the_stop_word_of_the_release_names_the_switch() -> None:
    notes = assemble(Method.RLHF, [*readme.RL, '--dry-run'], {}).notes
    assert any('THYME_SWITCH=stop_words' in note for note in notes)


def test_stop_words_of_the_users_own_are_kept_without_backslashes(job: Make) -> None:
    made = job('--O3', 'true', '--stop_words', r'\<code\>', r'\<done\>', method=Method.RLHF)
    assert made.flags['stop_words'] == ('<done>',)


def test_an_old_flag_behind_todays_wins(job: Make) -> None:
    made = job('--tuner_type', 'full', '--train_type', 'lora')
    assert made.flags['tuner_type'] == ('lora',) and 'train_type' not in made.flags


def test_a_reward_file_that_is_not_there_is_replaced_by_our_own(job: Make) -> None:
    made = job('--O3', 'true', '--external_plugins', '/disk/plugin/agent_rm.py', method=Method.RLHF)
    (plugin,) = made.flags['external_plugins']
    assert Path(plugin).is_file()


def test_o3_fills_in_plugin_template_scheduler_and_turns_for_grpo(job: Make) -> None:
    flags = job('--O3', 'true', '--rlhf_type', 'grpo', method=Method.RLHF).flags
    assert Path(flags['external_plugins'][0]).name == 'thyme_plugin.py'
    assert (flags['template'], flags['multi_turn_scheduler'], flags['max_turns']) == (
        ('thyme_qwen2_5_vl',),
        ('thyme',),
        ('5',),
    )


@pytest.mark.parametrize(
    ('words', 'rewards'),
    [
        ((), ('fmt_orm', 'vqa_orm', 'cst_orm')),
        (('--reward_funcs', 'accuracy'), ('accuracy',)),
        (('--teacher_model', 'm'), None),
        (('--reward_model', 'm'), None),
    ],
)
def test_o3_fills_in_the_papers_rewards_where_nothing_says_what_to_learn(
    job: Make, words: tuple[str, ...], rewards: tuple[str, ...] | None
) -> None:
    assert job('--O3', 'true', *words, method=Method.RLHF).flags.get('reward_funcs') == rewards


@pytest.mark.parametrize(
    ('words', 'sentence'),
    [
        (('--O3', 'true', '--streaming', 'true'), 'different questions'),
        (('--O3', 'true', '--template_backend', 'jinja'), 'jinja'),
        (('--rlhf_type', 'grpo', '--template', 'thyme_qwen2_5_vl', '--multi_turn_scheduler', 'thyme'), 'no --reward'),
    ],
)
def test_a_run_that_would_be_worthless_is_refused_before_the_host_starts(
    job: Make, words: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        job(*words, method=Method.RLHF)


def test_generating_ahead_leaves_the_scheduler_to_the_server(job: Make) -> None:
    words = ['--O3', 'true', '--rlhf_type', 'grpo', '--use_vllm', 'true', '--vllm_mode', 'server']
    made = job(*words, '--vllm_server_host', '127.0.0.1', '--async_generate', 'true', method=Method.RLHF)
    assert 'multi_turn_scheduler' not in made.flags and made.flags['vllm_server_pass_dataset'] == ('true',)
    assert any('async_generate' in note for note in made.notes)
    check(Method.RLHF, made.flags)


def test_generating_ahead_without_a_server_is_refused(job: Make) -> None:
    with pytest.raises(ConfigError, match='--vllm_mode server'):
        job('--O3', 'true', '--async_generate', 'true', '--vllm_mode', 'colocate', method=Method.RLHF)


@pytest.mark.parametrize(('stage', 'mask'), [('1', 'thyme_last_round'), ('2', 'thyme')])
def test_each_stage_of_sft_has_the_mask_of_the_paper(job: Make, stage: str, mask: str) -> None:
    assert job('--O3', 'true', '--stage', stage, '--dry-run').flags['loss_scale'] == (mask,)


def test_what_is_given_is_never_changed(job: Make) -> None:
    given = {
        'template': 'thyme_qwen2_vl',
        'loss_scale': 'thyme_last_round_release',
        'external_plugins': 'thyme_plugin.py',
    }
    words = [word for name, value in given.items() for word in (f'--{name}', value)]
    flags = job('--O3', 'true', *words, '--dry-run').flags
    assert {name: flags[name] for name in given} == {name: (value,) for name, value in given.items()}


def test_without_o3_nothing_is_filled_in_and_that_is_said(job: Make) -> None:
    made = job()
    assert set(made.flags) == {'model', 'dataset', 'output_dir'}
    assert any('plain `swift sft`' in note for note in made.notes)


@pytest.mark.parametrize(
    ('model', 'template'),
    [
        ('Qwen/Qwen2.5-VL-7B-Instruct', 'thyme_qwen2_5_vl'),
        ('Qwen/Qwen2-VL-2B-Instruct', 'thyme_qwen2_vl'),
        ('Qwen/Qwen3-VL-8B-Instruct', 'thyme_qwen3_vl'),
    ],
)
def test_the_template_follows_from_a_hub_id(rows: Path, model: str, template: str) -> None:
    job = assemble(Method.SFT, ['--O3', 'true', '--model', model, '--dataset', str(rows)], {})
    assert job.flags['template'] == (template,)


def test_a_model_of_another_family_is_refused(rows: Path) -> None:
    with pytest.raises(ConfigError, match='no O3 template'):
        assemble(Method.SFT, ['--O3', 'true', '--model', 'Qwen/Qwen2.5-7B-Instruct', '--dataset', str(rows)], {})


@pytest.mark.parametrize(
    ('wrong', 'right'),
    [('learning_rat', 'learning_rate'), ('vllm_modes', 'vllm_mode'), ('num_generation', 'num_generations')],
)
def test_an_unknown_flag_is_refused_with_the_nearest(job: Make, wrong: str, right: str) -> None:
    with pytest.raises(ConfigError, match=rf'--{right}\b'):
        job(f'--{wrong}', '1', method=Method.RLHF)


@pytest.mark.parametrize(
    'words',
    [('--vllm_mode', 'colocated'), ('--learning_rate', 'fast'), ('--max_turns', '1', '2'), ('--use_vllm', 'perhaps')],
)
def test_a_value_the_host_does_not_take_is_refused(job: Make, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError):
        job(*words, method=Method.RLHF)


def test_the_global_batch_gives_the_accumulation(job: Make) -> None:
    env = {'NPROC_PER_NODE': '8', 'NNODES': '2', 'NODE_RANK': '0', 'MASTER_ADDR': 'a'}
    made = job('--global_batch_size', '128', '--per_device_train_batch_size', '2', env=env)
    assert made.flags['gradient_accumulation_steps'] == ('4',)


def test_a_batch_that_does_not_divide_is_said(job: Make) -> None:
    made = job('--global_batch_size', '128', env={'NPROC_PER_NODE': '6'})
    assert made.flags['gradient_accumulation_steps'] == ('21',)
    assert any('126 instead of 128' in note for note in made.notes)


def test_batch_and_accumulation_together_are_refused(job: Make) -> None:
    with pytest.raises(ConfigError, match='twice'):
        job('--global_batch_size', '128', '--gradient_accumulation_steps', '4')


def test_a_hostfile_starts_deepspeed_on_its_nodes(job: Make, tmp_path: Path) -> None:
    hostfile = tmp_path / 'hostfile'
    hostfile.write_text('a slots=8\nb slots=8\n')
    made = job('--hostfile', str(hostfile), '--global_batch_size', '128', env={'MAX_PIXELS': '100'})
    assert made.words[0] == 'deepspeed' and made.words[3:5] == ['--module', 'swift.cli.sft']
    assert made.flags['gradient_accumulation_steps'] == ('8',)
    assert any('.deepspeed_env' in note and 'MAX_PIXELS' in note for note in made.notes)


def test_without_leaves_flags_out(job: Make) -> None:
    assert 'deepspeed' not in job('--deepspeed', 'zero2', '--without', 'deepspeed').flags


def test_resuming_begins_anew_where_there_is_no_checkpoint(job: Make) -> None:
    assert 'resume_from_checkpoint' not in job('--resume_from_checkpoint', 'auto').flags


def test_resuming_takes_the_last_complete_checkpoint(job: Make, tmp_path: Path) -> None:
    folder = tmp_path / 'out' / 'checkpoint-2'
    folder.mkdir(parents=True)
    (folder / 'trainer_state.json').write_text('{}')
    (folder / 'model.safetensors').touch()
    assert job('--resume_from_checkpoint', 'auto').flags['resume_from_checkpoint'] == (str(folder),)


@pytest.mark.parametrize('name', ['model', 'dataset', 'output_dir'])
def test_an_empty_variable_is_named(model: Path, rows: Path, name: str) -> None:
    given = {'model': str(model), 'dataset': str(rows), 'output_dir': 'out', name: ''}
    variable = {'model': 'MODEL', 'dataset': 'DATASET', 'output_dir': 'SAVE_PATH'}[name]
    with pytest.raises(ConfigError, match=f'set {variable} '):
        assemble(Method.SFT, [word for flag, value in given.items() for word in (f'--{flag}', value)], {})


def test_a_path_that_is_not_there_is_refused_unless_nothing_runs(model: Path) -> None:
    words = ['--model', str(model), '--dataset', '/nowhere/rows.jsonl']
    with pytest.raises(ConfigError, match=r'/nowhere/rows\.jsonl'):
        assemble(Method.SFT, words, {})
    assert any('does not exist here' in note for note in assemble(Method.SFT, [*words, '--dry-run'], {}).notes)


def test_stage_two_feeds_mixed_rows_from_two_files(job: Make) -> None:
    made = job('--O3', 'true', '--stage', '2')
    (separation,) = made.separations
    assert made.flags['dataset'] == tuple(str(part) for part in separation.parts)


@pytest.mark.parametrize(
    'words', [('--stage', '3'), ('--O3', 'maybe'), ('--global_batch_size', 'x'), ('--dry-run', 'xml')]
)
def test_our_own_flags_are_checked(job: Make, words: tuple[str, ...]) -> None:
    with pytest.raises(ThymeError, match=words[0]):
        job(*words)


def test_a_rollout_server_gets_the_scheduler(model: Path) -> None:
    flags = assemble(Method.ROLLOUT, ['--O3', 'true', '--model', str(model)], {}).flags
    assert flags['multi_turn_scheduler'] == ('thyme',)


def test_the_printed_command_carries_the_variables_that_change_it(job: Make) -> None:
    assert str(job(env={'NPROC_PER_NODE': '8', 'MAX_PIXELS': '100'})).startswith(
        'NPROC_PER_NODE=8 MAX_PIXELS=100 swift'
    )


def test_variables_of_a_yaml_do_not_override_those_that_are_set(model: Path, rows: Path, tmp_path: Path) -> None:
    path = tmp_path / 'job.yaml'
    path.write_text(f'ENV: {{MAX_PIXELS: 1, NPROC_PER_NODE: 4}}\nmodel: {model}\ndataset: {rows}\n')
    job = assemble(Method.SFT, [str(path)], {'MAX_PIXELS': '2'})
    assert job.env == {'NPROC_PER_NODE': '4'} and job.settings.processes == 4


@pytest.mark.parametrize(('most', 'said'), [('', True), ('5', False), ('6', True)])
def test_an_engine_that_takes_too_few_pictures_is_said(job: Make, most: str, said: bool) -> None:
    limit = '{"image": 6, "video": 0}'
    made = job('--O3', 'true', '--vllm_limit_mm_per_prompt', limit, method=Method.RLHF, env={'THYME_MAX_IMAGES': most})
    assert any('THYME_MAX_IMAGES=5' in note for note in made.notes) is said


@pytest.fixture
def lora(tmp_path: Path, model: Path) -> Path:
    """A run's folder with one LoRA checkpoint of `model` in it."""
    folder = tmp_path / 'lora' / 'checkpoint-2'
    folder.mkdir(parents=True)
    (folder / 'adapter_config.json').write_text(json.dumps({'base_model_name_or_path': str(model), 'r': 8}))
    (folder / 'args.json').write_text('{"model_type": "qwen2_5_vl"}')
    (folder / 'trainer_state.json').write_text('{}')
    (folder / 'adapter_model.safetensors').touch()
    return folder.parent


@pytest.mark.parametrize('flag', ['--model', '--adapters'])
def test_rl_goes_on_from_an_adapter_and_measures_its_penalty_from_there(
    flag: str, lora: Path, model: Path, rows: Path
) -> None:
    words = [flag, str(lora), '--dataset', str(rows), '--O3', 'true']
    flags = assemble(Method.RLHF, words, {}).flags
    newest = (str(lora / 'checkpoint-2'),)
    assert flags['model'] == (str(model),) and flags['adapters'] == flags['ref_adapters'] == newest
    assert flags['model_type'] == ('qwen2_5_vl',) and flags['template'] == ('thyme_qwen2_5_vl',)
    assert 'ref_adapters' not in assemble(Method.RLHF, [*words, '--beta', '0.0'], {}).flags


def test_an_adapter_is_not_left_out_by_training_all_weights(lora: Path, rows: Path) -> None:
    with pytest.raises(ConfigError, match='swift export --adapters'):
        assemble(Method.SFT, ['--model', str(lora), '--dataset', str(rows), '--tuner_type', 'full'], {})


def test_a_rollout_server_does_not_add_an_adapter_twice(lora: Path, model: Path) -> None:
    flags = assemble(Method.ROLLOUT, ['--O3', 'true', '--model', str(lora)], {}).flags
    assert flags['model'] == (str(model),) and 'adapters' not in flags


@pytest.mark.parametrize('name', ['nope', 'out/sft1/checkpoint-N', './nope'])
def test_a_model_that_is_not_there_is_refused_at_once(name: str, rows: Path) -> None:
    with pytest.raises(ConfigError, match='no such file or folder'):
        assemble(Method.SFT, ['--model', name, '--dataset', str(rows)], {})
