"""Reading saved trajectories: every writer's form, broken and half-written files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swift_thyme import protocol
from swift_thyme.errors import DataError
from swift_thyme.trajectories import Problem, Record, Source, read_records
from swift_thyme.types import Outcome, SegmentKind, StopReason

from .make import write_run

CODE = f'{protocol.THINK_OPEN}Look. {protocol.CODE_OPEN}\n```python\nprint(1)\n```\n{protocol.CODE_CLOSE}'
END = f'It is B.{protocol.THINK_CLOSE}\n{protocol.ANSWER_OPEN} B {protocol.ANSWER_CLOSE}'
PAD = '<|vision_start|><|image_pad|><|vision_end|>'


def one(path: Path) -> Record:
    (record,) = read_records(path)
    return record


def write(path: Path, *values: Any) -> Path:
    path.write_text(''.join(json.dumps(value) + '\n' for value in values), encoding='utf-8')
    return path


def completions_step(**columns: Any) -> dict[str, Any]:
    prompt = f'<|im_start|>system\nBe good.<|im_end|>\n<|im_start|>user\n{PAD}Which?<|im_end|>\n<|im_start|>assistant\n'
    text = f'{CODE}{protocol.SANDBOX_OPEN}{PAD}{protocol.SANDBOX_CLOSE}{END}<|im_end|>'
    return {
        'step': ['7', '7'],
        'prompt': [prompt, prompt],
        'completion': [text, 'no answer'],
        'VqaOrm': [1.0, 0.0],
        'vqa_orm': [1.0, 0.0],
        'advantages': [0.7, -0.7],
        'solution': ['B', 'B'],
        **columns,
    }


def vis_case(**fields: Any) -> dict[str, Any]:
    """A file as the released evaluation writes it."""
    parts = [
        {'type': 'text', 'text': CODE},
        {'type': 'text', 'text': protocol.SANDBOX_OPEN},
        {'type': 'image', 'image': './vis_cases/VStar/17/Gen-1-Iter-1/crop.jpg'},
        {'type': 'text', 'text': protocol.SANDBOX_CLOSE},
        {'type': 'text', 'text': END},
    ]
    user = [{'type': 'image', 'image': 'file:///data/17.jpg'}, {'type': 'text', 'text': 'Which?'}]
    return {
        'qs': 'Which?',
        'orig_img_path': '17.jpg',
        'final_answer': 'B',
        'ground_truth': 'B',
        'trajectory': [{'role': 'user', 'content': user}, {'role': 'assistant', 'content': parts}],
        'fail_cases': [{'wrong code': 'x = ('}, {'no code nor answer': 'hm hm hm'}],
        **fields,
    }


def test_a_training_runs_records_come_in_the_order_of_steps(tmp_path: Path) -> None:
    records = list(read_records(write_run(tmp_path, 70, width=640, height=480)))
    assert [r.step for r in records] == [1] * 64 + [2] * 6
    assert [r.request_id for r in records] == [f'request-{i}' for i in range(70)]


def test_a_record_has_its_types(tmp_path: Path) -> None:
    records = list(read_records(write_run(tmp_path, 8, width=640, height=480)))
    first = records[0].turns[0]
    assert first.outcome is Outcome.OK
    assert first.segments[1].kind is SegmentKind.CODE
    assert first.segments[1].temperature == 0.0
    assert records[5].turns[0].raw_outcome is Outcome.CODE_ERROR
    assert not records[5].turns[0].ran_as_written
    assert records[7].stop_reason is StopReason.SANDBOX_FAILURE
    assert records[7].quarantined
    assert records[0].correct is (records[0].rewards['vqa_orm'] > 0)


def test_a_repair_of_unknown_worth_leaves_open_whether_code_ran_as_written(tmp_path: Path) -> None:
    turn = {'text': CODE, 'code': 'x', 'outcome': 'ok', 'repairs': ['clamp']}
    lines = [{'schema': 1, 'turns': [turn]}, {'schema': 1, 'turns': [{**turn, 'raw_outcome': None}]}]
    old, new = read_records(write(tmp_path / 'a.jsonl', *lines))
    assert old.turns[0].ran_as_written is None
    assert new.turns[0].ran_as_written is True


def test_an_evaluations_verdict_task_and_target_are_read(tmp_path: Path) -> None:
    line = {'schema': 1, 'turns': [], 'task': 'find_read', 'condition': 'no_tools', 'item_id': 7, 'box': [1, 2, 3, 4]}
    right, open_ = read_records(
        write(tmp_path / 'a.jsonl', {**line, 'verdict': 'right'}, {**line, 'verdict': 'undecided'})
    )
    assert (right.correct, open_.correct) == (True, None)
    assert (right.task, right.condition, right.item_id, right.box) == ('find_read', 'no_tools', '7', (1, 2, 3, 4))


def test_the_hosts_completions_give_one_record_an_entry(tmp_path: Path) -> None:
    first, second = read_records(write(tmp_path / 'completions.jsonl', completions_step()))
    assert (first.source, first.step, first.advantage, first.solution) == (Source.HOST_COMPLETIONS, 7, 0.7, 'B')
    assert first.question == 'Which?'
    assert first.answer == 'B'
    assert first.correct is True
    assert second.correct is False
    assert first.rewards == {'VqaOrm': 1.0, 'vqa_orm': 1.0}
    assert [turn.code for turn in first.turns] == ['print(1)', None]
    assert first.turns[0].outcome is Outcome.OK
    assert second.stop_reason is None


def test_completions_with_columns_of_different_lengths_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / 'completions.jsonl', completions_step(advantages=[1.0]))
    with pytest.raises(DataError, match='advantages'):
        list(read_records(path))


def test_the_releases_vis_json_is_read_with_its_pictures(tmp_path: Path) -> None:
    (tmp_path / 'Gen-1-Iter-1').mkdir()
    (tmp_path / 'Gen-1-Iter-1' / 'crop.jpg').write_bytes(b'x')
    (tmp_path / '17.jpg').write_bytes(b'x')
    path = tmp_path / 'vis.json'
    path.write_text(json.dumps(vis_case(), indent=4), encoding='utf-8')
    record = one(path)
    assert record.source is Source.RELEASE_VIS
    assert (record.question, record.answer, record.solution) == ('Which?', 'B', 'B')
    assert record.images == ('17.jpg',)
    assert record.turns[0].images == ('Gen-1-Iter-1/crop.jpg',)
    assert record.turns[0].code == 'print(1)'
    assert record.failed_attempts == ('wrong code: x = (', 'no code nor answer: hm hm hm')


def test_a_vis_json_that_fell_back_to_a_plain_answer_is_read(tmp_path: Path) -> None:
    answer = [{'type': 'text', 'text': f'{protocol.ANSWER_OPEN}A{protocol.ANSWER_CLOSE}'}]
    messages = [{'role': 'user', 'content': []}, {'role': 'assistant', 'content': answer}]
    path = tmp_path / 'vis.json'
    path.write_text(json.dumps(vis_case(trajectory=messages, ground_truth=None)), encoding='utf-8')
    record = one(path)
    assert (record.answer, record.solution, record.code_blocks) == ('A', None, 0)


def test_a_vis_json_of_another_form_says_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / 'vis.json'
    path.write_text(json.dumps(vis_case(trajectory=['text'])), encoding='utf-8')
    with pytest.raises(DataError, match='trajectory'):
        one(path)


def test_the_hosts_result_file_is_read(tmp_path: Path) -> None:
    messages = [{'role': 'user', 'content': '<image>Which?'}, {'role': 'assistant', 'content': END}]
    line = {'response': END, 'labels': 'B', 'messages': messages, 'images': [{'bytes': None, 'path': 'a.png'}]}
    record = one(write(tmp_path / 'result.jsonl', line))
    assert record.source is Source.HOST_RESULTS
    assert (record.question, record.answer, record.solution, record.images) == ('Which?', 'B', 'B', ('a.png',))


def test_a_line_that_is_still_being_written_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / 'rank-0.jsonl', {'schema': 1, 'turns': [{'text': 'a'}]})
    with path.open('a', encoding='utf-8') as file:
        file.write('{"schema": 1, "turns": [{"te')
    assert len(list(read_records(path))) == 1


def test_a_broken_line_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / 'a.jsonl', {'schema': 1, 'turns': []}, {'schema': 1, 'turns': 5}, {'schema': 1, 'turns': []}
    )
    with path.open('a', encoding='utf-8') as file:
        file.write('not json\n')
    problems: list[Problem] = []
    assert len(list(read_records(path, problems.append))) == 2
    assert [p.where.rpartition(':')[2] for p in problems] == ['2', '4']
    assert 'turns' in problems[0].message


def test_without_a_listener_a_broken_line_raises(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'a\.jsonl:1'):
        list(read_records(write(tmp_path / 'a.jsonl', {'schema': 1, 'turns': [{'text': 3}]})))


def test_a_newer_schema_asks_for_an_upgrade(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='upgrade'):
        list(read_records(write(tmp_path / 'a.jsonl', {'schema': 99, 'turns': []})))


def test_an_unknown_stop_reason_and_unknown_fields_are_kept(tmp_path: Path) -> None:
    record = one(write(tmp_path / 'a.jsonl', {'schema': 1, 'turns': [], 'stop_reason': 'bored', 'mood': 'fine'}))
    assert record.stop_reason == 'bored'
    assert record.extra == {'mood': 'fine'}


def test_files_of_a_folder_that_hold_something_else_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / 'rows.jsonl', {'messages': [], 'images': []}, {'schema': 1, 'turns': []})
    write(tmp_path / 'logging.jsonl', {'loss': 1.0})
    (tmp_path / 'trajectory.json').write_text(json.dumps({'schema': 1, 'turns': []}), encoding='utf-8')
    assert [Path(r.origin).name for r in read_records(tmp_path)] == ['trajectory.json']


def test_completions_are_left_out_where_the_run_saved_its_trajectories(tmp_path: Path) -> None:
    write_run(tmp_path, 2, width=640, height=480)
    write(tmp_path / 'completions.jsonl', completions_step())
    assert {r.source for r in read_records(tmp_path)} == {Source.THYME}


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='nowhere'):
        list(read_records(tmp_path / 'nowhere'))


def test_a_digest_depends_on_the_content_only(tmp_path: Path) -> None:
    a, b = ({'schema': 1, 'question': q, 'turns': [{'text': 'a'}]} for q in 'ab')
    first, second = read_records(write(tmp_path / 'x.jsonl', a, b))
    again = one(write(tmp_path / 'y.jsonl', a))
    assert first.digest() == again.digest() != second.digest()


def test_reading_needs_neither_torch_nor_the_host() -> None:
    code = (
        'import sys, swift_thyme.trajectories, swift_thyme.view; print(sorted({"torch", "swift"} & set(sys.modules)))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
