"""Many questions into a file that a killed run can go on with."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from swift_thyme.errors import ConfigError, DataError
from swift_thyme.infer import Thinker
from swift_thyme.infer.batch import read_rows, run_batch

from ..evaluate.scripted import ScriptedEngine, asked_text
from .scripts import ANSWER, SIZE


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Six questions, each about a picture of its own size."""
    lines = []
    for i in range(6):
        Image.new('RGB', (200 + i, 100)).save(tmp_path / f'{i}.png')
        lines.append(json.dumps({'id': f'q{i}', 'question': f'Question {i}?', 'images': [f'{i}.png'], 'mine': i}))
    path = tmp_path / 'rows.jsonl'
    path.write_text('\n'.join(lines) + '\n')
    return path


class Watched(ScriptedEngine):
    """Fails for questions that hold a given word, and remembers which it was asked."""

    def __init__(self, *turns: str, bad: str = '\0') -> None:
        super().__init__(lambda c: turns[len(c.rounds)], fail_on=lambda c: bad in asked_text(c))

    @property
    def questions(self) -> list[str]:
        return [asked_text(conversation) for conversation, _ in self.asked if not conversation.rounds]


def run(engine: Any, rows: Path, out: Path) -> Any:
    return asyncio.run(run_batch(Thinker(engine), list(read_rows(rows)), out, concurrency=3))


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_records_are_in_the_order_of_the_questions(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out' / 'records.jsonl'
    tally = run(Watched(SIZE, ANSWER), rows, out)
    assert (tally.rows, tally.answered, tally.failed) == (6, 6, 0)
    got = records(out)
    assert [r['id'] for r in got] == [f'q{i}' for i in range(6)]
    assert [r['turns'][0]['sandbox_text'] for r in got] == [f'size ({200 + i}, 100)\n' for i in range(6)]
    assert [r['row']['mine'] for r in got] == list(range(6))


def test_a_killed_run_goes_on_where_it_was(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / 'records.jsonl'
    run(Watched(ANSWER), rows, out)
    lines = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(lines[3] + lines[1] + lines[4][:50])
    engine = Watched(ANSWER)
    assert run(engine, rows, out).kept == 2
    assert len(engine.questions) == 4 and [r['id'] for r in records(out)] == [f'q{i}' for i in range(6)]


def test_only_failures_of_the_machinery_are_asked_again(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / 'records.jsonl'
    first = run(Watched('Only words.', bad='Question 2'), rows, out)
    assert (first.failed, first.unanswered, first.complete) == (1, 5, False)
    assert 'the engine broke' in records(out)[2]['error']
    engine = Watched('Only words.')
    second = run(engine, rows, out)
    assert (second.kept, second.complete) == (5, True)
    assert len(engine.questions) == 1 and 'Question 2' in engine.questions[0]


def test_an_output_of_other_questions_is_not_touched(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / 'records.jsonl'
    run(Watched(ANSWER), rows, out)
    before = out.read_bytes()
    rows.write_text(rows.read_text().replace('Question 2', 'Another'))
    with pytest.raises(ConfigError, match='another question'):
        run(Watched(ANSWER), rows, out)
    assert out.read_bytes() == before


def test_rows_with_messages_are_asked_as_they_are(tmp_path: Path, picture: Path) -> None:
    path = tmp_path / 'rl.jsonl'
    messages = [{'role': 'system', 'content': 'S'}, {'role': 'user', 'content': '<image>Q'}]
    path.write_text(json.dumps({'messages': messages, 'images': [str(picture)], 'question': 'Q'}))
    (row,) = read_rows(path)
    assert row.question.text == '<image>Q' and row.question.history[0].content == 'S' and row.id == '0'


@pytest.mark.parametrize('line', ['nothing', '[]', '{}', '{"question": 5}', '{"id": 1, "question": "a"}\n' * 2])
def test_rows_that_cannot_be_read_are_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / 'rows.jsonl'
    path.write_text(line)
    with pytest.raises(DataError, match=r'rows\.jsonl'):
        list(read_rows(path))


def test_rows_are_lines_as_json_lines_are_defined(tmp_path: Path) -> None:
    texts = ['one\u2028two', 'x\x85y', 'a\x0cb']
    lines = [json.dumps({'question': text}, ensure_ascii=False)[:-1] + '\r}' for text in texts]
    (tmp_path / 'rows.jsonl').write_bytes(b'\xef\xbb\xbf' + '\r\n'.join(lines).encode())
    assert [row.question.text for row in read_rows(tmp_path / 'rows.jsonl')] == texts


def test_rows_that_are_no_utf8_are_named(tmp_path: Path) -> None:
    (tmp_path / 'rows.jsonl').write_bytes(b'\xff\xfe')
    with pytest.raises(DataError, match='cannot be read'):
        list(read_rows(tmp_path / 'rows.jsonl'))
