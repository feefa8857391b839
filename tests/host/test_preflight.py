"""A run that would end well and be worth nothing is refused before its first rollout; what the host takes passes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset
from swift.dataset import load_dataset

from swift_thyme.demo.host_command import HostCommand
from swift_thyme.errors import ConfigError, DataError, SandboxUnavailable, ThymeError
from swift_thyme.host import preflight
from swift_thyme.host.preflight import await_machinery, check_arguments, check_rows, check_run
from swift_thyme.host.register import register_all
from swift_thyme.sandbox import ZygoteSandbox

from .conftest import grpo_flags, write_rl_rows

register_all()
GRPO: dict[str, Any] = {
    'rlhf_type': 'grpo',
    'template': 'thyme_qwen2_5_vl',
    'multi_turn_scheduler': 'thyme',
    'reward_funcs': ['fmt_orm', 'vqa_orm', 'cst_orm'],
    'truncation_strategy': 'left',
    'use_vllm': False,
    'vllm_mode': 'colocate',
    'max_completion_length': 512,
}
SFT: dict[str, Any] = {'template': 'thyme_qwen2_5_vl', 'truncation_strategy': 'delete'}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({**GRPO, 'streaming': True}, 'different questions into one GRPO group'),
    ({**GRPO, 'template': 'qwen2_5_vl', 'multi_turn_scheduler': None, 'streaming': True}, 'different questions'),
    ({**GRPO, 'reward_funcs': []}, 'without a reward has nothing to learn from'),
    ({**GRPO, 'loss_type': 'real'}, 'ends --loss_type real at its first loss'),
    ({**GRPO, 'loss_type': 'fipo'}, 'ends --loss_type fipo at its first loss'),
    ({**GRPO, 'off_policy_sequence_mask_delta': 0.1}, 'ends --off_policy_sequence_mask_delta at its first loss'),
    ({**GRPO, 'template_backend': 'jinja'}, '--template_backend jinja'),
    ({**SFT, 'template_backend': 'jinja'}, '--template_backend jinja'),
    ({**SFT, 'use_chat_template': False}, '--use_chat_template false'),
    ({**SFT, 'truncation_strategy': 'right'}, 'got --truncation_strategy right; leave it out'),
    ({**SFT, 'truncation_strategy': 'left'}, 'got --truncation_strategy left; leave it out'),
    ({**SFT, 'rlhf_type': 'dpo', 'truncation_strategy': 'left'}, 'keeps its picture tokens'),
    ({**GRPO, 'rlhf_type': 'gkd', 'truncation_strategy': 'delete'}, 'runs no code: got --rlhf_type gkd'),
    ({**SFT, 'rlhf_type': 'gkd', 'lmbda': 0.5}, 'use --rlhf_type grpo'),
    ({**GRPO, 'response_prefix': '<think>'}, "got '<think>'; leave it out"),
    ({**GRPO, 'multi_turn_scheduler': None}, 'add --multi_turn_scheduler thyme'),
    ({**GRPO, 'completion_length_limit_scope': 'total'}, '--max_length bounds a trajectory'),
    ({**GRPO, 'use_vllm': True, 'vllm_max_model_len': 512}, 'no room for a prompt'),
]
ACCEPTED: list[dict[str, Any]] = [
    GRPO,
    SFT,
    {**GRPO, 'truncation_strategy': 'delete'},
    {**GRPO, 'reward_funcs': ['accuracy']},
    {**GRPO, 'reward_funcs': [], 'reward_model': ['m']},
    {**GRPO, 'reward_funcs': [], 'teacher_model': 'm'},
    {**GRPO, 'multi_turn_scheduler': None, 'use_vllm': True, 'vllm_mode': 'server', 'async_generate': True},
    {**GRPO, 'use_vllm': True, 'vllm_max_model_len': 4096, 'completion_length_limit_scope': 'total'},
    {**SFT, 'streaming': True, 'response_prefix': '<think>'},
    {**SFT, 'rlhf_type': 'gkd', 'lmbda': 0.0},
    {**SFT, 'template': 'qwen2_5_vl', 'truncation_strategy': 'left', 'template_backend': 'jinja'},
]


@pytest.mark.parametrize(('arguments', 'sentence'), REFUSED)
def test_arguments_that_make_a_run_worthless_are_refused_with_the_cure(
    arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence) as refusal:
        check_arguments(SimpleNamespace(**arguments))
    assert '\n' not in str(refusal.value)


@pytest.mark.parametrize('arguments', ACCEPTED)
def test_other_arguments_are_left_to_the_host(arguments: dict[str, Any]) -> None:
    check_arguments(SimpleNamespace(**arguments))


def row(picture: Path, **changes: Any) -> dict[str, Any]:
    message = {'role': 'user', 'content': '<image>Which?'}
    made = {'messages': [message], 'images': [str(picture)], 'solution': '42', **changes}
    return {name: value for name, value in made.items() if value is not None}


def loaded(path: Path, rows: list[dict[str, Any]], start: bytes = b'', **options: Any) -> Any:
    """Rows as the host loads them from a file."""
    path.write_bytes(start + ''.join(json.dumps(row) + '\n' for row in rows).encode())
    options = {'load_from_cache_file': False, 'remove_unused_columns': False, **options}
    return load_dataset([str(path)], **options)[0]


def check(template: Any, dataset: Any, **arguments: Any) -> int:
    return check_rows(SimpleNamespace(**{**GRPO, **arguments}), template, dataset)


ANSWER = {'role': 'assistant', 'content': '<think>so</think><answer>42</answer>'}
USER = {'role': 'user', 'content': '<image>Which?'}


@pytest.mark.parametrize(
    ('changes', 'sentence'),
    [
        ({'solution': ' '}, "no reward can read this reference answer: got solution=' '"),
        ({'images': ['/nowhere/x.jpg']}, '/nowhere/x.jpg'),
        ({'images': ['gone.png']}, 'gone.png'),
        ({'images': ['https://example.org/x.png']}, 'download it'),
        ({'images': []}, '0 images for 1 <image> tags'),
        ({'messages': [USER, ANSWER]}, 'an SFT row'),
        ({'messages': [USER, {'role': 'assistant', 'content': 'a'}, {'role': 'assistant', 'content': 'b'}]}, 'not end'),
        (
            {'messages': [{'role': 'user', 'content': '<image>Path: "$IMAGE_0"'}]},
            'the folder that `thyme prepare` wrote',
        ),
        ({'messages': [{'role': 'user', 'content': '<image>' + 'so ' * 40000}]}, r'more than --max_length \d+; raise'),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_wherever_it_stands(
    o3_template: Any, tmp_path: Path, picture: Path, changes: dict[str, Any], sentence: str
) -> None:
    rows = [row(picture), row(picture), row(picture, **changes)]
    with pytest.raises(DataError, match=sentence) as refusal:
        check(o3_template(), loaded(tmp_path / 'rows.jsonl', rows))
    assert '\n' not in str(refusal.value) and 'row ' in str(refusal.value)


@pytest.mark.parametrize('solution', [{'a': 1}, True, []])
def test_a_solution_that_no_reward_can_read_is_refused(
    o3_template: Any, tmp_path: Path, picture: Path, solution: Any
) -> None:
    with pytest.raises(DataError, match='no reward can read'):
        check(o3_template(), loaded(tmp_path / 'rows.jsonl', [row(picture, solution=solution)] * 2))


def test_a_list_of_accepted_answers_is_read(o3_template: Any, tmp_path: Path, picture: Path) -> None:
    assert check(o3_template(), loaded(tmp_path / 'rows.jsonl', [row(picture, solution=['42', '43'])] * 2)) == 2


def test_rows_without_solutions_are_refused_where_a_reward_needs_them(
    o3_template: Any, tmp_path: Path, picture: Path
) -> None:
    dataset = loaded(tmp_path / 'rows.jsonl', [row(picture, solution=None)] * 2)
    with pytest.raises(DataError, match='--columns'):
        check(o3_template(), dataset)
    assert check(o3_template(), dataset, reward_funcs=['fmt_orm']) == 2


TOOLS = json.dumps([{'type': 'function', 'function': {'name': 'zoom', 'description': 'z', 'parameters': {}}}])


@pytest.mark.parametrize(
    ('changes', 'options'),
    [
        ({}, {'start': b'\xef\xbb\xbf'}),
        ({'solution': None, 'answer': '42'}, {'columns': {'answer': 'solution'}}),
        ({'solution': 42}, {}),
        ({'messages': json.dumps([USER])}, {}),
        ({'tools': TOOLS}, {}),
        ({'messages': [{'role': 'user', 'content': 'Text'}], 'images': None}, {}),
        ({'messages': [USER, {'role': 'assistant', 'content': 'Old answer'}]}, {}),
        ({'messages': [USER, ANSWER, {'role': 'user', 'content': 'And?'}]}, {}),
    ],
)
def test_what_the_host_reads_is_accepted(
    o3_template: Any, tmp_path: Path, picture: Path, changes: dict[str, Any], options: dict[str, Any]
) -> None:
    assert check(o3_template(), loaded(tmp_path / 'rows.jsonl', [row(picture, **changes)] * 2, **options)) == 2


def test_an_image_column_and_root_image_dir_are_accepted(o3_template: Any, tmp_path: Path, picture: Path) -> None:
    template = o3_template()
    template.root_image_dir = str(picture.parent)
    rows = [{**row(picture, images=None), 'image': picture.name}] * 2
    assert check(template, loaded(tmp_path / 'rows.jsonl', rows)) == 2


def test_without_strict_a_sample_is_looked_at_and_every_solution(
    o3_template: Any, tmp_path: Path, picture: Path
) -> None:
    rows = [row(picture) for _ in range(1000)]
    rows[1]['images'] = ['/nowhere/x.jpg']
    dataset = loaded(tmp_path / 'rows.jsonl', rows)
    template = o3_template()
    assert check(template, dataset) == 250
    with pytest.raises(DataError, match='/nowhere'):
        check(template, dataset, strict=True)
    rows[1] = row(picture, solution='')
    with pytest.raises(DataError, match='row 1 '):
        check(template, loaded(tmp_path / 'other.jsonl', rows))


def test_a_large_set_is_checked_in_seconds(o3_template: Any, picture: Path) -> None:
    one = {**row(picture), 'images': [{'bytes': None, 'path': str(picture)}]}
    dataset = Dataset.from_dict({name: [value] * 20_000 for name, value in one.items()}).shuffle(seed=0)
    started = time.process_time()
    check(o3_template(), dataset)
    assert time.process_time() - started < 5


def test_a_template_that_begins_answers_is_refused(o3_template: Any) -> None:
    template = o3_template()
    template.response_prefix = '<think>'
    with pytest.raises(ConfigError, match='begins every answer'):
        check_run(SimpleNamespace(**GRPO), template, [])


class NoSandbox(ZygoteSandbox):
    """One that cannot start here."""

    async def open(self, *args: Any, **kwargs: Any) -> Any:
        raise SandboxUnavailable('no zygote')


@pytest.mark.parametrize(
    ('variables', 'arguments', 'sentence'),
    [
        ({}, {'reward_funcs': ['fmt_orm']}, 'the sandbox does not work'),
        ({'REWARD_API_ADDRESS': '127.0.0.1', 'QWEN_API_PORT': '9'}, {}, 'no judge answered for'),
    ],
)
def test_machinery_that_does_not_work_is_waited_for_up_to_the_limit(
    variables: dict[str, str], arguments: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, 'shared_sandbox', NoSandbox)
    limits = dict.fromkeys(('THYME_SANDBOX_OUTAGE_LIMIT_S', 'THYME_JUDGE_OUTAGE_LIMIT_S'), '1')
    for name, value in {**limits, **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ThymeError, match=sentence):
        await_machinery(SimpleNamespace(**{**GRPO, **arguments}))


@pytest.mark.parametrize(
    'arguments', [SFT, {**GRPO, 'reward_funcs': ['fmt_orm'], 'use_vllm': True, 'vllm_mode': 'server'}]
)
def test_nobody_waits_for_what_a_run_does_not_need(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, 'shared_sandbox', NoSandbox)
    await_machinery(SimpleNamespace(**arguments))


def test_a_sandbox_that_is_set_up_wrongly_ends_the_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, 'shared_sandbox', ZygoteSandbox)
    monkeypatch.setenv('THYME_SANDBOX_DIR', '/proc/nowhere')
    with pytest.raises(ConfigError, match='THYME_SANDBOX_DIR'):
        await_machinery(SimpleNamespace(**{**GRPO, 'reward_funcs': ['fmt_orm']}))


SFT_FLAGS = dict.fromkeys(('rlhf_type', 'use_vllm', 'multi_turn_scheduler', 'max_turns', 'reward_funcs'))
SFT_FLAGS |= dict.fromkeys(('num_generations', 'max_completion_length', 'beta', 'temperature'))


@pytest.mark.host
@pytest.mark.parametrize(
    ('method', 'flags', 'sentence'),
    [
        ('rlhf', {'streaming': 'true'}, 'different questions into one GRPO group'),
        ('rlhf', {'reward_funcs': None}, 'without a reward has nothing to learn from'),
        ('sft', {**SFT_FLAGS, 'truncation_strategy': 'right'}, 'got --truncation_strategy right'),
    ],
)
def test_the_hosts_own_command_ends_with_the_sentence_before_its_first_rollout(
    tiny: Path, tmp_path: Path, method: str, flags: dict[str, Any], sentence: str
) -> None:
    command = HostCommand(method, grpo_flags(tiny, write_rl_rows(tmp_path), tmp_path / 'out', **flags))
    done = subprocess.run(
        [sys.executable, '-m', f'swift.cli.{method}', *command.words[2:]],
        env={**os.environ, 'REWARD_API_ADDRESS': '127.0.0.1', 'QWEN_API_PORT': '9'},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith('this run cannot start: ') and sentence in last
    assert 'Traceback' not in done.stderr and not list(tmp_path.glob('out/trajectories/*'))
