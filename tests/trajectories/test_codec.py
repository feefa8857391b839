"""One record, one codec: files of the first version stay readable, what is written is read back the same."""

from __future__ import annotations

import json
import re
from math import isnan
from pathlib import Path

import msgspec
import numpy as np
import pytest

import swift_thyme
from swift_thyme.trajectories import (
    Fate,
    Phase,
    Record,
    RecordedTurn,
    TokenColumns,
    as_document,
    as_json,
    as_line,
    from_json,
    read_records,
)
from swift_thyme.types import Outcome, StopReason, Usage

OLD = Path(__file__).parent / 'schema_1'
"""Written by the first version, before there was a codec."""


def test_a_training_file_of_the_first_version_is_read() -> None:
    (record,) = read_records(OLD / 'training.jsonl')
    assert (record.step, record.logged_step, record.request_id, record.prompt_id) == (3, 4, 'r1', 'prompt_0')
    assert (record.question, record.solution, record.answer) == ('Which number?', '["42", "forty-two"]', '42')
    assert record.turns[0].outcome is Outcome.OK and record.turns[0].raw_outcome is Outcome.CODE_ERROR
    assert record.turns[0].segments[1].n_tokens == 3 and record.tokens['image'] == 4
    assert (record.rewards, record.advantage, record.correct) == ({'vqa_orm': 1.0, 'MyOwn': None}, 0.5, True)
    assert (record.code_ok, record.sandbox_s, len(record.sampled_ids)) == (1, 0.25, 12)
    assert (record.fate, record.phase, record.life, record.extra) == (None, None, None, {})


def test_an_evaluations_file_of_the_first_version_is_read() -> None:
    (record,) = read_records(OLD / 'evaluation.jsonl')
    assert (record.item_id, record.condition, record.verdict, record.correct) == ('q7', 'tools', 'undecided', None)
    assert record.usage == Usage(200, 8, 0) and record.stop_reason is StopReason.ANSWER
    assert record.turns[0].ran_as_written is True and record.extra == {}


def test_the_mean_of_its_group_makes_no_lost_trajectory_right() -> None:
    lost = from_json({'rewards': {'vqa_orm': 1.0}, 'rewards_given': {'vqa_orm': None}})
    left_out = from_json({'rewards': {'vqa_orm': 0.5}, 'rewards_given': {'vqa_orm': 0.0}})
    assert (lost.correct, left_out.correct) == (None, False)


@pytest.mark.parametrize('name', ['training', 'evaluation'])
def test_fields_of_the_first_version_keep_their_names(name: str) -> None:
    before = json.loads((OLD / f'{name}.jsonl').read_text(encoding='utf-8'))
    after = as_json(from_json(before))
    without_content = (None, '', [], 0, False)
    lost = {k for k, v in before.items() if v not in without_content and k not in after}
    assert not lost
    changed = {k for k, v in after.items() if k in before and k not in ('turns', 'solution') and before[k] != v}
    assert not changed


FULL = Record(
    turns=(RecordedTurn('a', 'x', Outcome.OK, None, 'out', ('a.png',), ('clamp',), (), 0.5), RecordedTurn('b')),
    question='q', solution='s', text='a<answer>b</answer>', stop_reason=StopReason.ANSWER, phase=Phase.TRAIN,
    fate=Fate.SET_ASIDE, life=2, step=4, request_id='r', prompt_id='p', rewards={'own': 1.0, 'mine': None},
    rewards_given={'own': None}, advantage=0.25, sampled_ids=(1, 2), tokens={'text': 2}, usage=Usage(1, 2, None),
    told_correct=False, box=(1.0, 2.0, 3.0, 4.0), order=(1, 0), extra={'mood': 'fine'},
)  # fmt: skip


def test_what_is_written_is_read_back() -> None:
    for text in (as_line(FULL), as_document(FULL)):
        assert from_json(json.loads(text), where='') == FULL


def test_numbers_that_are_none_become_null() -> None:
    line = as_line(msgspec.structs.replace(FULL, advantage=float('nan'), rewards={'own': float('inf')}))
    json.loads(line, parse_constant=lambda word: pytest.fail(f'{word} is no JSON'))


def test_log_probabilities_that_are_none_are_read_back() -> None:
    """Such a rollout is set aside and kept; one of them made a whole folder unreadable."""
    turn = msgspec.structs.replace(FULL.turns[0], tokens=TokenColumns(ids=(1, 2), logprob=(-0.5, float('nan'))))
    odd = msgspec.structs.replace(FULL, turns=(turn,), sampled_logprobs=(-0.5, float('-inf')))
    read = from_json(json.loads(as_line(odd)), where='')
    assert read.sampled_logprobs[0] == -0.5 and isnan(read.sampled_logprobs[1])
    assert isnan(read.turns[0].tokens.logprob[1])


def test_foreign_numbers_stay_numbers() -> None:
    line = as_line(msgspec.structs.replace(FULL, rewards={'own': np.float32(0.5)}))
    assert from_json(json.loads(line), where='').rewards == {'own': 0.5}


def test_half_a_character_costs_no_record() -> None:
    torn = msgspec.structs.replace(FULL, question='a \ud800 b')
    for text in (as_line(torn), as_document(torn)):
        assert from_json(json.loads(text), where='') == torn


def test_nobody_else_spells_a_field_of_the_record() -> None:
    """As a key of a dict. The sandbox has a wire format of its own, and names that mean other things are left out."""
    own = {f.encode_name for f in msgspec.structs.fields(Record)} | {f.encode_name for f in
           msgspec.structs.fields(RecordedTurn)}  # fmt: skip
    distinctive = {name for name in own if '_' in name} - {
        'stop_reason',
        'request_id',
        'prompt_id',
        'item_id',
        'elapsed_s',
    }
    spelled = re.compile(rf"""\[['"]({'|'.join(sorted(distinctive))})['"]\]|\.get\(['"]({'|'.join(distinctive)})['"]""")
    root = Path(swift_thyme.__file__).parent
    found = {
        f'{path.relative_to(root)}: {match.group()}'
        for path in root.rglob('*.py')
        if 'trajectories' not in path.parts and 'sandbox' not in path.parts
        for match in spelled.finditer(path.read_text(encoding='utf-8'))
    }
    assert not found


def test_a_turn_in_a_file_has_all_its_fields() -> None:
    """Programs that read the file need not know which fields are left out."""
    turn = as_json(Record(turns=(RecordedTurn(text='Blue.'),)))['turns'][0]
    names = {field.encode_name for field in msgspec.structs.fields(RecordedTurn)}
    assert turn.keys() == names - {'raw_outcome'}
