"""Many questions into a file that a killed run can go on with."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from swift_thyme.engines import Conversation, Generation
from swift_thyme.errors import ConfigError, DataError, EngineError
from swift_thyme.infer import Thinker
from swift_thyme.infer.batch import read_rows, run_batch

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


class Watched:
    """The real engine, which fails for questions that hold a given word and remembers what it was asked."""

    name = 'watched'

    def __init__(self, thinker: Thinker, bad: str = '\0') -> None:
        self._engine, self._bad = thinker.engine, bad
        self.asked: list[str] = []

    async def generate(self, conversation: Conversation, sampling: Any, on_text: Any = None) -> Generation:
        if not conversation.rounds:
            self.asked.append(conversation.messages[-1].content)
        if self._bad in conversation.messages[-1].content:
            raise EngineError('out of order')
        return await self._engine.generate(conversation, sampling, on_text)


def run(thinker: Thinker, engine: Any, rows: Path, out: Path) -> Any:
    return asyncio.run(run_batch(Thinker(engine, sandbox=thinker.sandbox), list(read_rows(rows)), out, concurrency=3))


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_records_are_in_the_order_of_the_questions(scripted: Any, rows: Path, tmp_path: Path) -> None:
    thinker = scripted([SIZE, ANSWER])
    out = tmp_path / 'out' / 'records.jsonl'
    tally = run(thinker, thinker.engine, rows, out)
    assert (tally.rows, tally.answered, tally.failed) == (6, 6, 0)
    got = records(out)
    assert [r['id'] for r in got] == [f'q{i}' for i in range(6)]
    assert [r['turns'][0]['sandbox_text'] for r in got] == [f'size ({200 + i}, 100)\n' for i in range(6)]
    assert [r['row']['mine'] for r in got] == list(range(6))


def test_a_killed_run_goes_on_where_it_was(scripted: Any, rows: Path, tmp_path: Path) -> None:
    thinker = scripted([ANSWER])
    out = tmp_path / 'records.jsonl'
    run(thinker, thinker.engine, rows, out)
    lines = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(lines[3] + lines[1] + lines[4][:50])
    engine = Watched(thinker)
    assert run(thinker, engine, rows, out).kept == 2
    assert len(engine.asked) == 4 and [r['id'] for r in records(out)] == [f'q{i}' for i in range(6)]


def test_only_failures_of_the_machinery_are_asked_again(scripted: Any, rows: Path, tmp_path: Path) -> None:
    thinker = scripted(['Only words.'])
    out = tmp_path / 'records.jsonl'
    first = run(thinker, Watched(thinker, 'Question 2'), rows, out)
    assert (first.failed, first.unanswered, first.complete) == (1, 5, False)
    assert records(out)[2]['error'] == 'out of order'
    engine = Watched(thinker)
    second = run(thinker, engine, rows, out)
    assert (second.kept, second.complete) == (5, True)
    assert len(engine.asked) == 1 and 'Question 2' in engine.asked[0]


def test_an_output_of_other_questions_is_not_touched(scripted: Any, rows: Path, tmp_path: Path) -> None:
    thinker = scripted([ANSWER])
    out = tmp_path / 'records.jsonl'
    run(thinker, thinker.engine, rows, out)
    before = out.read_bytes()
    rows.write_text(rows.read_text().replace('Question 2', 'Another'))
    with pytest.raises(ConfigError, match='another question'):
        run(thinker, thinker.engine, rows, out)
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
