"""Every column of a source row is used, carried along, counted as ignored, or the reason to refuse the row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swift_thyme.cli import main
from swift_thyme.data.convert import content_id
from swift_thyme.data.forms import parse_form
from swift_thyme.data.rows import Kind, Reason, RowRejected, SystemPolicy
from swift_thyme.rewards.rules import Verdict, accepted_answers, decide

from . import public
from .conftest import rows_of, run

ANSWER = '<think>It is red.</think><answer>red</answer>'
MESSAGES = [{'role': 'user', 'content': 'Which?'}, {'role': 'assistant', 'content': ANSWER}]
REFUSED: dict[str, Any] = {
    'history': [['before', 'answer']],
    'objects': {'ref': ['dog'], 'bbox': [[1, 2, 3, 4]]},
    'videos': ['v.mp4'],
    'video': 'v.mp4',
    'audios': ['a.wav'],
    'tools': '[{"type": "function"}]',
    'options': ['a cat', 'a dog'],
    'choices': {'A': 'a cat', 'B': 'a dog'},
    'candidates': "['a cat', 'a dog']",
    'image_path': 'a.jpg',
    'img': public.encode(public.picture(1)),
    'pictures': [{'path': 'a.PNG', 'bytes': None}],
    'image_url': 'https://example.com/a.webp?size=2',
    'video_path': 'a.mp4',
}


def refusal(row: dict[str, Any], kind: Kind) -> Reason:
    with pytest.raises(RowRejected) as refused:
        parse_form(row, kind)
    return refused.value.reason


@pytest.mark.parametrize('kind', Kind)
@pytest.mark.parametrize('name', REFUSED)
def test_what_changes_the_meaning_is_refused_and_its_empty_column_is_not(name: str, kind: Kind) -> None:
    row = {'question': 'What?', 'response': ANSWER, 'answer': 'red'}
    assert refusal({**row, name: REFUSED[name]}, kind) is Reason.UNSUPPORTED_COLUMN
    for empty in (None, [], {}, '', float('nan')):
        parse_form({**row, name: empty}, kind)


@pytest.mark.parametrize(
    'more',
    [
        {'loss': False},
        {'weight': 0},
        {'loss_scale': 2.0},
        {'reasoning_content': 'so'},
        {'tool_calls': [{}]},
        {'images': 'a'},
    ],
)
def test_a_message_that_is_to_be_learned_otherwise_is_refused(more: dict[str, Any]) -> None:
    messages = [MESSAGES[0], {**MESSAGES[1], **more}]
    assert refusal({'messages': messages}, Kind.SFT) is Reason.UNSUPPORTED_COLUMN
    assert refusal({'messages': json.dumps(messages)}, Kind.SFT) is Reason.UNSUPPORTED_COLUMN
    parse_form({'messages': [MESSAGES[0], {**MESSAGES[1], 'loss': True, **dict.fromkeys(more)}]}, Kind.SFT)


def test_options_that_the_question_tells_are_carried_along() -> None:
    row = {'question': 'What?\nA. a Cat\nB. a  dog', 'options': ['a cat', 'a dog'], 'answer': 'A'}
    assert parse_form(row, Kind.RL).extra == {'options': ['a cat', 'a dog']}


@pytest.mark.parametrize(
    'options', [{'options': 'A. cat\nB. dog'}, {'A': 'cat', 'B': 'dog'}, {'option_a': 'cat', 'option_b': 'dog'}]
)
def test_options_are_looked_for_however_they_are_spelled(options: dict[str, str]) -> None:
    row = {'question': 'What?', 'answer': 'A', **options}
    assert refusal(row, Kind.RL) is Reason.UNSUPPORTED_COLUMN
    assert parse_form({**row, 'question': 'What?\nA. cat\nB. dog'}, Kind.RL).extra == options


def test_options_may_be_numbers() -> None:
    row = {'question': 'How many?', 'answer': 'B', 'A': 3, 'B': 4}
    assert refusal(row, Kind.RL) is Reason.UNSUPPORTED_COLUMN


def test_a_picture_s_old_path_beside_the_picture_is_a_column_like_another() -> None:
    row = {'question': 'q', 'answer': 'x', 'image': 'a.jpg', 'image_path': '/old/a.jpg', 'image_id': 'a'}
    assert parse_form(row, Kind.RL).extra == {'image_path': '/old/a.jpg', 'image_id': 'a'}


@pytest.mark.parametrize('kind', Kind)
@pytest.mark.parametrize(('empty', 'full'), [('image', 'images'), ('images', 'image')])
@pytest.mark.parametrize('nothing', [None, [], ''])
def test_an_empty_picture_column_does_not_hide_the_other(kind: Kind, empty: str, full: str, nothing: Any) -> None:
    parsed = parse_form({'question': 'q', 'response': ANSWER, 'answer': 'x', empty: nothing, full: ['a.jpg']}, kind)
    assert parsed.pictures == ['a.jpg']
    assert not {'image', 'images'} & {*parsed.ignored, *parsed.extra}


@pytest.mark.parametrize('kind', Kind)
@pytest.mark.parametrize('name', ['system', 'system_prompt'])
def test_a_system_column_is_the_sources_own(kind: Kind, name: str) -> None:
    row = {'question': 'q', 'response': ANSWER, 'answer': 'x', name: 'Answer in French.'}
    assert parse_form(row, kind).system == 'Answer in French.'
    messages = {'messages': MESSAGES[: 2 if kind is Kind.SFT else 1], 'answer': 'x', name: 'Answer in French.'}
    assert parse_form(messages, kind).system == 'Answer in French.'
    spoken = {**messages, 'messages': [{'role': 'system', 'content': 'Mine.'}, *messages['messages']]}
    assert parse_form(spoken, kind).system == 'Mine.'


def test_a_picture_inside_the_text_is_read_as_the_host_reads_it(tmp_path: Path) -> None:
    (tmp_path / 'a.jpg').write_bytes(public.picture(1))
    rows = [
        {'query': '<img>a.jpg</img>Which colour?', 'response': ANSWER},
        {'query': '<img>a.jpg</img>Which one?', 'image': 'a.jpg', 'response': ANSWER},
        {'query': 'Which?', 'response': '<think><img>a.jpg</img></think><answer>red</answer>'},
    ]
    public.write_jsonl(tmp_path / 'a.jsonl', rows)
    done, _ = run(tmp_path / 'a.jsonl', tmp_path / 'out', workers=1)
    (row,) = rows_of(tmp_path / 'out')
    assert len(row['images']) == 1
    assert '<img>' not in row['messages'][1]['content']
    assert '<image>' in row['messages'][1]['content']
    assert done.tally.rejected == {Reason.SPECIAL_TOKEN.value: 2}


def test_every_column_is_told_in_table_and_report(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / 'a.jpg').write_bytes(public.picture(1))
    rl = {'question': 'q?', 'image': 'a.jpg', 'answer': 'red', 'level': 3, 'response': 'old', 'note': None}
    public.write_jsonl(tmp_path / 'rl.jsonl', [rl])
    sft = {
        'messages': [{**MESSAGES[0], 'name': 'me'}, MESSAGES[1]],
        'query': 'other?',
        'solution': {'a': 1},
        'level': 3,
    }
    public.write_jsonl(tmp_path / 'sft.jsonl', [sft])
    for kind in Kind:
        out = tmp_path / f'out-{kind.value}'
        arguments = ['prepare', kind.value, str(tmp_path / f'{kind.value}.jsonl'), '--out', str(out), '--workers', '1']
        assert main(arguments) == 0
        told, report = capsys.readouterr().out, json.loads((out / 'report.json').read_text())
        expected = (
            {'carried': {'level': 1, 'response': 1}, 'ignored': {}}
            if kind is Kind.RL
            else {'carried': {}, 'ignored': {'level': 1, 'messages.name': 1, 'query': 1, 'solution': 1}}
        )
        assert {name: report[name] for name in expected} == expected
        for name in {**expected['carried'], **expected['ignored']}:
            assert name in told
            assert f'<td class="name">{name}</td>' in (out / 'report.html').read_text()


def test_pictures_of_further_columns_are_left_out_and_counted() -> None:
    data = public.picture(1)
    row = {
        'question': 'q',
        'answer': 'x',
        'image': 'a.jpg',
        'processed_image': {'bytes': data, 'path': None},
        'thumbs': [[data]],
        'encoded': public.encode(data),
        'numbers': {'bytes': list(data), 'path': None},
        'tokens': list(range(300)),
        'box': [66, 77, 120, 130],
        'long_text': 'word ' * 2000,
        'chinese': '字' * 5000,
    }
    parsed = parse_form(row, Kind.RL)
    assert sorted(parsed.extra) == ['box', 'chinese', 'long_text', 'tokens']
    assert parsed.ignored == ('encoded', 'numbers', 'processed_image', 'thumbs')


def test_what_of_a_message_is_not_read_is_counted_also_inside_of_its_content() -> None:
    picture = {'type': 'image_url', 'image_url': {'url': 'a.jpg', 'detail': 'high'}, 'text': 'caption', 'image': None}
    text = {'type': 'text', 'text': 'What?', 'cache_control': {'type': 'ephemeral'}, 'annotations': []}
    user = {'role': 'user', 'content': [picture, text], 'loss': False}
    answer = {'role': 'assistant', 'content': [{'text': '<answer>x</answer>'}], 'loss': True}
    parsed = parse_form({'messages': [user, answer]}, Kind.SFT)
    assert parsed.pictures == ['a.jpg']
    assert parsed.ignored == (
        'messages.content.cache_control',
        'messages.content.detail',
        'messages.content.text',
        'messages.loss',
    )


@pytest.mark.parametrize('nothing', [None, '', '  ', [], float('nan')])
def test_an_empty_solution_does_not_hide_the_answer(nothing: Any) -> None:
    assert parse_form({'question': 'q', 'solution': nothing, 'answer': 'red'}, Kind.RL).solution == 'red'


def test_a_list_of_accepted_answers_scores_each() -> None:
    solution = parse_form({'question': 'q', 'answer': ['red', 'scarlet']}, Kind.RL).solution
    assert solution is not None
    assert accepted_answers(solution) == ('red', 'scarlet')
    assert [decide('q', solution, one).verdict for one in ('red', 'scarlet')] == [Verdict.MATCH] * 2
    assert parse_form({'question': 'q', 'answer': ['red']}, Kind.RL).solution == 'red'


@pytest.mark.parametrize('value', [{'answer': 'red'}, [{'answer': 'red'}], ['red', None], b'red', [b'red']])
def test_a_solution_that_is_no_answer_is_refused(value: Any) -> None:
    assert refusal({'question': 'q', 'solution': value}, Kind.RL) is Reason.MALFORMED_ROW


@pytest.mark.parametrize(('value', 'text'), [(3, '3'), (0, '0'), (2.5, '2.5'), (True, 'True'), ([0, 1], '[0, 1]')])
def test_numbers_are_solutions(value: Any, text: str) -> None:
    assert parse_form({'question': 'q', 'solution': value}, Kind.RL).solution == text


@pytest.mark.parametrize(
    ('policy', 'kept'), [(SystemPolicy.KEEP, 2), (SystemPolicy.REPLACE, 1), (SystemPolicy.NONE, 1)]
)
def test_rows_are_equal_when_everything_trained_is(tmp_path: Path, policy: SystemPolicy, kept: int) -> None:
    rows = [{'messages': [{'role': 'system', 'content': f'In {name}.'}, *MESSAGES]} for name in ('French', 'German')]
    rows.append({**rows[0], 'solution': 'not trained'})
    public.write_jsonl(tmp_path / 'a.jsonl', rows)
    done, _ = run(tmp_path / 'a.jsonl', tmp_path / 'out', workers=1, system=policy)
    assert done.tally.rows_kept == kept
    assert done.tally.ignored['system'] == (0 if policy is SystemPolicy.KEEP else 1), 'what is replaced is counted'
    assert content_id(MESSAGES, [], None) != content_id(MESSAGES, ['images/a.jpg'], None)
