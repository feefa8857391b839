"""Recipes, and the scripts that name them: their flags are the host's, and every flag is explained."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from swift_thyme.errors import ConfigError
from swift_thyme.launch import job as launch
from swift_thyme.launch.host import Method, check
from swift_thyme.launch.legacy import translate
from swift_thyme.launch.recipes import FOLDER, recipe_names
from swift_thyme.launch.words import read_config, read_words

ROOT = Path(__file__).parents[2]
SCRIPTS = ['scripts/sft_stage1.sh', 'scripts/sft_stage2.sh', 'scripts/rl.sh']
LAUNCHED = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / 'examples').glob('*.sh')
    if path.name not in ('judge_server.sh', 'megatron_grpo.sh', 'resume.sh')
)
GIVEN = {'MODEL': 'Qwen/Qwen2.5-VL-7B-Instruct', 'DATASET': 'prepared', 'SAVE_PATH': 'out'}
OURS = {'base', 'method', 'ENV'}


def environment(folder: Path, **variables: str) -> dict[str, str]:
    return {'PATH': f'{folder}:{os.environ["PATH"]}', 'THYME_VENV': '/nowhere', 'HOME': str(folder), **variables}


def words_of(script: str, folder: Path, *more: str, **variables: str) -> list[str]:
    """The words that a script hands to `thyme` (or `megatron`): a stand-in on PATH writes them down."""
    for name in ('thyme', 'megatron'):
        stand_in = folder / name
        stand_in.write_text(f'#!/bin/sh\nfor w in "$@"; do printf "%s\\0" "$w"; done > {folder}/words\n')
        stand_in.chmod(0o755)
    subprocess.run(['sh', str(ROOT / script), *more], env=environment(folder, **variables), cwd=ROOT, check=True)
    return (folder / 'words').read_text().split('\0')[:-1]


def assembled(script: str, folder: Path, env: dict[str, str] | None = None, **variables: str) -> launch.Job:
    method, *words = words_of(script, folder, '--dry-run', **variables)
    return launch.assemble(Method(method), words, {**variables, **(env or {})})


@pytest.mark.parametrize('name', recipe_names())
def test_every_flag_of_a_recipe_is_accepted_by_the_host(name: str) -> None:
    method = next(method for method in Method if name in recipe_names(method))
    job = launch.assemble(method, ['--recipe', name, '--dry-run'], GIVEN)
    check(job.method, job.flags)
    assert translate(method, job.flags, o3=True)[0] == job.flags  # in today's words


@pytest.mark.parametrize('script', [*SCRIPTS, *LAUNCHED])
def test_a_script_is_a_recipe_by_another_name(script: str, tmp_path: Path) -> None:
    method, option, name, *_ = words_of(script, tmp_path)
    assert option == '--recipe' and name in recipe_names(Method(method))


@pytest.mark.parametrize('name', recipe_names())
def test_every_flag_of_a_recipe_is_explained(name: str) -> None:
    explained, own = set(), set()
    for recipe in [name, *bases(name)]:
        for line in (FOLDER / f'{recipe}.yaml').read_text().splitlines():
            flag, _, rest = line.strip().partition(':')
            if not line.startswith('#') and flag not in OURS:
                own.add(flag)
                explained |= {flag} if '#' in rest or flag in SELF_EXPLAINED else set()
    assert own and not own - explained


SELF_EXPLAINED = {
    'rlhf_type', 'lr_scheduler_type', 'top_p', 'top_k', 'padding_side', 'dataset_shuffle', 'train_dataloader_shuffle',
    'eval_strategy', 'offload_model', 'stage',
}  # fmt: skip


def bases(name: str) -> list[str]:
    base = yaml.safe_load((FOLDER / f'{name}.yaml').read_text()).get('base')
    return [base, *bases(base)] if base else []


def test_a_recipe_of_another_command_names_that_command() -> None:
    with pytest.raises(ConfigError, match='thyme rlhf --recipe rl'):
        launch.assemble(Method.SFT, ['--recipe', 'rl'], GIVEN)
    with pytest.raises(ConfigError, match='nearest is stage1'):
        launch.assemble(Method.SFT, ['--recipe', 'stag1'], GIVEN)


def test_a_dry_run_of_a_recipe_imports_no_host(tmp_path: Path) -> None:
    code = (
        'import sys, time; from swift_thyme import cli; cli.main(["rlhf", "--recipe", "rl", "--dry-run"]); '
        'print(sorted({"swift", "torch", "transformers"} & set(sys.modules)), time.process_time())'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    loaded, seconds = done.stdout.splitlines()[-1].rsplit(' ', 1)
    assert loaded == '[]' and float(seconds) < 1.5
    assert 'MODEL is not set' in done.stderr and "--model '$MODEL'" in done.stdout


def test_flags_beside_a_recipe_are_still_checked() -> None:
    with pytest.raises(ConfigError, match='--learning_rate'):
        launch.assemble(Method.SFT, ['--recipe', 'stage1', '--learning_rat', '1', '--dry-run'], GIVEN)


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path, model: Path, rows: Path) -> None:
    given = {'MODEL': str(model), 'DATASET': str(rows), 'SAVE_PATH': str(tmp_path / 'out'), 'NPROC_PER_NODE': '1'}
    words = ['--recipe', 'stage1', '--without', 'deepspeed', 'attn_impl']
    assert launch.assemble(Method.SFT, words, given).flags
    (tmp_path / 'out' / 'checkpoint-3').mkdir(parents=True)
    with pytest.raises(ConfigError, match='resume_from_checkpoint auto'):
        launch.assemble(Method.SFT, words, given)
    job = launch.assemble(Method.SFT, [*words, '--resume_from_checkpoint', 'auto'], given)  # that one was cut short
    assert 'resume_from_checkpoint' not in job.flags


def test_a_dry_run_gives_the_yaml_that_the_host_reads(tmp_path: Path) -> None:
    job = launch.assemble(Method.RLHF, ['--recipe', 'grpo_servers', '--dry-run', 'yaml'], GIVEN)
    path = tmp_path / 'run.yaml'
    path.write_text(str(job))
    flags, env = read_config(path)
    assert flags == launch._relative(job.flags) and env['NPROC_PER_NODE'] == '8'
    check(job.method, flags)


@pytest.mark.parametrize('script', sorted((ROOT / 'examples').glob('*.sh')), ids=lambda path: path.name)
def test_a_recipe_is_short(script: Path) -> None:
    assert len(script.read_text().splitlines()) < 60


@pytest.mark.parametrize('script', ['examples/megatron_grpo.sh', 'examples/resume.sh'])
def test_every_flag_of_a_script_of_the_hosts_own_is_explained(script: str) -> None:
    explained = set(re.findall(r'`--([A-Za-z0-9_]+)', (ROOT / 'examples' / 'README.md').read_text()))
    explained |= set().union(*(yaml.safe_load(path.read_text()) for path in FOLDER.glob('*.yaml')))
    lines = [line for line in (ROOT / script).read_text().splitlines() if not line.startswith('#')]
    assert not {flag for line in lines for flag in re.findall(r'--([A-Za-z0-9_]+)', line)} - explained


@pytest.mark.parametrize('script', SCRIPTS)
@pytest.mark.parametrize('missing', ['MODEL', 'DATASET', 'SAVE_PATH'])
def test_a_variable_that_is_not_set_is_asked_for(script: str, missing: str, tmp_path: Path) -> None:
    given = {name: value for name, value in GIVEN.items() if name != missing}
    method, *words = words_of(script, tmp_path)
    with pytest.raises(ConfigError, match=f'set {missing} '):
        launch.assemble(Method(method), words, given)


@pytest.mark.parametrize('processes', [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize(('script', 'batch'), [(SCRIPTS[0], 128), (SCRIPTS[1], 128), (SCRIPTS[2], 256)])
def test_scripts_keep_the_papers_batch_on_any_number_of_gpus(
    script: str, batch: int, processes: int, tmp_path: Path
) -> None:
    job = assembled(script, tmp_path, {'NPROC_PER_NODE': str(processes)}, **GIVEN)
    assert int(job.flags['gradient_accumulation_steps'][0]) * processes == batch


@pytest.mark.parametrize(
    ('script', 'expected'),
    [
        (SCRIPTS[0], {'learning_rate': '1e-5', 'num_train_epochs': '3', 'warmup_ratio': '0.05', 'max_length': '10240',
                      'freeze_vit': 'true', 'deepspeed': 'zero2', 'loss_scale': 'thyme_last_round'}),
        (SCRIPTS[1], {'learning_rate': '1e-6', 'num_train_epochs': '3', 'warmup_ratio': '0.05', 'max_length': '10240',
                      'freeze_vit': 'true', 'deepspeed': 'zero2', 'loss_scale': 'thyme'}),
        (SCRIPTS[2], {'learning_rate': '5e-7', 'num_generations': '4', 'repetition_penalty': '1.05', 'beta': '0.001',
                      'num_train_epochs': '1', 'temperature': '1.0', 'top_p': '0.9', 'top_k': '50',
                      'deepspeed': 'zero3', 'multi_turn_scheduler': 'thyme', 'template': 'thyme_qwen2_5_vl'}),
    ],
)  # fmt: skip
def test_scripts_have_the_papers_numbers(script: str, expected: dict[str, str], tmp_path: Path) -> None:
    flags = assembled(script, tmp_path, **GIVEN).flags
    assert {name: flags[name][0] for name in expected} == expected


def test_a_flag_behind_the_scripts_name_wins(tmp_path: Path) -> None:
    method, *words = words_of(SCRIPTS[0], tmp_path, '--learning_rate', '3e-5', '--without', 'deepspeed', MODEL='m')
    assert method == 'sft' and read_words(words)[0]['learning_rate'] == ('3e-5',)


def test_resume_adds_its_flag_to_the_recipe_that_is_named(tmp_path: Path) -> None:
    words = words_of('examples/resume.sh', tmp_path, RECIPE='scripts/sft_stage1.sh', MODEL='m')
    assert words[0] == 'sft' and words[-2:] == ['--resume_from_checkpoint', 'auto']


def test_a_hostfile_reaches_the_command(tmp_path: Path) -> None:
    hostfile = tmp_path / 'hostfile'
    hostfile.write_text('a slots=8\nb slots=8\nc slots=8\nd slots=8\n')
    job = assembled('examples/grpo_multinode.sh', tmp_path, HOSTFILE=str(hostfile))
    assert job.words[0] == 'deepspeed' and job.flags['gradient_accumulation_steps'] == ('8',)


@cache
def megatron_flags() -> frozenset[str]:
    """Names of the host's Megatron flags, read from its source: importing it needs Megatron."""
    spec = find_spec('swift')
    assert spec is not None and spec.origin is not None
    names: set[str] = set()
    for path in (Path(spec.origin).parent / 'megatron' / 'arguments').glob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.add(node.target.id)
    from swift.arguments import BaseArguments

    return frozenset(names | set(BaseArguments.__dataclass_fields__))


def test_flags_of_the_megatron_recipe_exist(tmp_path: Path) -> None:
    method, *words = words_of('examples/megatron_grpo.sh', tmp_path)
    assert method == 'rlhf' and not set(read_words(words)[0]) - megatron_flags()


def test_keys_of_the_ray_pipeline_exist() -> None:
    content = yaml.safe_load((ROOT / 'examples' / 'megatron_ray_grpo.yaml').read_text())
    groups = {name: content.pop(name) for name in ('train', 'rollout')}
    keys = set(content) | {key for group in groups.values() for key in group} - {'gpus'}
    assert not keys - megatron_flags()
    assert all(group['gpus'] > 0 for group in groups.values())


def test_the_readmes_plugin_path_registers_the_rewards() -> None:
    from swift.rewards import orms

    registered = {name: orms.pop(name, None) for name in ('fmt_orm', 'vqa_orm', 'cst_orm')}
    runpy.run_path(str(ROOT / 'examples' / 'train' / 'grpo' / 'plugin' / 'agent_rm.py'))
    assert set(registered) <= set(orms)
