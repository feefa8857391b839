"""The experiment on one GPU: every command of its YAML is one that the host or this package accepts."""

from __future__ import annotations

import argparse
import importlib
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from swift_thyme import protocol
from swift_thyme.cli import COMMANDS
from swift_thyme.launch import job as launch
from swift_thyme.launch.host import Method

FOLDER = Path(__file__).parents[2] / 'examples' / 'one_gpu'
RUN: dict[str, Any] = runpy.run_path(str(FOLDER / 'run.py'))
VALUES, STAGES = RUN['read'](FOLDER / 'experiment.yaml', {})


def commands(*programs: str) -> list[tuple[str, dict[str, str], list[str]]]:
    return [
        (name, env, words)
        for name, stage in STAGES.items()
        for env, words in RUN['commands_of'](stage, VALUES)
        if words[:2] == list(programs) or words[1] in programs
    ]


@pytest.mark.parametrize('stage', ['sft', 'rl'])
def test_the_host_accepts_every_training_command(stage: str, tmp_path: Path) -> None:
    base, work = tmp_path / 'models' / 'sft', str(tmp_path)
    base.mkdir(parents=True)
    (base / 'config.json').write_text('{"model_type": "qwen2_5_vl"}')
    values, stages = RUN['read'](FOLDER / 'experiment.yaml', {'work': work, 'base': str(base)})
    ((env, words),) = RUN['commands_of'](stages[stage], values)
    for word in words:
        if word.endswith('.jsonl'):
            Path(word).parent.mkdir(parents=True)
            Path(word).write_text('{"messages": []}\n')
    assert launch.assemble(Method(words[1]), words[2:], env).flags


@pytest.mark.parametrize(('name', 'env', 'words'), commands('synth', 'eval', 'audit', 'report'))
def test_every_command_of_this_package_can_be_read(name: str, env: dict[str, str], words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    importlib.import_module(COMMANDS[words[1]][0]).add_arguments(parser)
    assert parser.parse_args(words[2:])


def test_a_value_given_on_the_command_line_reaches_what_is_made_of_it() -> None:
    values, stages = RUN['read'](FOLDER / 'experiment.yaml', {'work': 'w', 'arm': 'rl-tau1', 'ats': 'false'})
    ((env, words),) = RUN['commands_of'](stages['rl'], values)
    assert env['THYME_ATS'] == 'false' and 'w/runs/rl-tau1' in words and values['model'] == 'w/models/rl-tau1'


def test_questions_of_training_and_test_come_from_different_splits() -> None:
    kinds = {words[words.index('--kind') + 1] for _, _, words in commands('synth')}
    assert kinds == {'sft', 'rl', 'eval'} and not any('--split' in words for _, _, words in commands('synth'))


def test_a_row_without_tools_keeps_question_picture_and_answer_and_names_no_code(tmp_path: Path) -> None:
    code = '<code>\n```python\nx\n```\n</code><sandbox_output><image></sandbox_output>'
    text = f'<think>I crop.{code}\nIt says 7.</think>'
    image = protocol.PromptImage('a.jpg', 9, 9)
    messages = [
        {'role': 'system', 'content': protocol.SYSTEM_PROMPT},
        {'role': 'user', 'content': protocol.render_user_prompt('What?', [image])},
        {'role': 'assistant', 'content': f'{text}\n<answer>7</answer>'},
    ]
    row = {'messages': messages, 'images': ['a.jpg', 'a_1.png'], 'question': 'What?', 'width': 9, 'height': 9}
    (tmp_path / 'set').mkdir()
    (tmp_path / 'set' / 'rows.jsonl').write_text(json.dumps(row) + '\n')
    runpy.run_path(str(FOLDER / 'plain.py'))['main'](tmp_path / 'out', [tmp_path / 'set'])
    made = json.loads((tmp_path / 'out' / 'set' / 'rows.jsonl').read_text())
    contents = [message['content'] for message in made['messages']]
    asked = protocol.render_user_prompt('What?', [image], tools=False)
    assert made['images'] == ['a.jpg']
    assert contents == [protocol.SYSTEM_PROMPT_PLAIN, asked, '<think>It says 7.</think>\n<answer>7</answer>']
