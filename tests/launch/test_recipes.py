"""The scripts and examples: their flags are the host's, their two forms agree, and every flag is explained."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from swift_thyme.launch import job as launch
from swift_thyme.launch.host import Method, check
from swift_thyme.launch.words import Flags, read_config, read_words

ROOT = Path(__file__).parents[2]
SCRIPTS = ['scripts/sft_stage1.sh', 'scripts/sft_stage2.sh', 'scripts/rl.sh']
LAUNCHED = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / 'examples').glob('*.sh')
    if path.name not in ('judge_server.sh', 'megatron_grpo.sh', 'resume.sh')
)


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
    return launch.assemble(Method(method), words, env or {})


@pytest.mark.parametrize('script', [*SCRIPTS, *LAUNCHED])
def test_every_flag_of_a_recipe_is_accepted_by_the_host(script: str, tmp_path: Path) -> None:
    variables = {'MODEL': 'Qwen/Qwen2.5-VL-7B-Instruct', 'DATASET': 'prepared', 'SAVE_PATH': 'out'}
    assert assembled(script, tmp_path, **(variables if script in SCRIPTS else {})).flags


@pytest.mark.parametrize('script', LAUNCHED)
def test_yaml_and_bash_form_agree(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    flags, env = read_config((ROOT / script).with_suffix('.yaml'))
    job = assembled(script, tmp_path, env)
    bash: Flags = {k: tuple(v.removeprefix(f'{ROOT}/') for v in values) for k, values in job.flags.items()}
    assert bash == flags
    check(job.method, flags)


@pytest.mark.parametrize('script', sorted((ROOT / 'examples').glob('*.sh')), ids=lambda path: path.name)
def test_a_recipe_is_short(script: Path) -> None:
    assert len(script.read_text().splitlines()) < 60


@pytest.mark.parametrize('script', [*LAUNCHED, 'examples/megatron_grpo.sh', 'examples/resume.sh'])
def test_every_flag_of_a_recipe_is_explained(script: str) -> None:
    explained = set(re.findall(r'`--([A-Za-z0-9_]+)', (ROOT / 'examples' / 'README.md').read_text()))
    lines = [line for line in (ROOT / script).read_text().splitlines() if not line.startswith('#')]
    assert not {flag for line in lines for flag in re.findall(r'--([A-Za-z0-9_]+)', line)} - explained


@pytest.mark.parametrize('script', SCRIPTS)
@pytest.mark.parametrize('missing', ['MODEL', 'DATASET', 'SAVE_PATH'])
def test_a_variable_that_is_not_set_is_asked_for(script: str, missing: str, tmp_path: Path) -> None:
    given = {'MODEL': 'Qwen/Qwen2.5-VL-7B-Instruct', 'DATASET': 'prepared', 'SAVE_PATH': 'out'}
    del given[missing]
    with pytest.raises(launch.ConfigError, match=f'set {missing} '):
        assembled(script, tmp_path, **given)


@pytest.mark.parametrize('processes', [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize(('script', 'batch'), [(SCRIPTS[0], 128), (SCRIPTS[1], 128), (SCRIPTS[2], 256)])
def test_scripts_keep_the_papers_batch_on_any_number_of_gpus(
    script: str, batch: int, processes: int, tmp_path: Path
) -> None:
    given = {'MODEL': 'Qwen/Qwen2.5-VL-7B-Instruct', 'DATASET': 'prepared', 'SAVE_PATH': 'out'}
    job = assembled(script, tmp_path, {'NPROC_PER_NODE': str(processes)}, **given)
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
    given = {'MODEL': 'Qwen/Qwen2.5-VL-7B-Instruct', 'DATASET': 'prepared', 'SAVE_PATH': 'out'}
    flags = assembled(script, tmp_path, **given).flags
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
