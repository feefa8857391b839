"""Every field that goes in is found again: in the kept row, in `extra`, counted as ignored, or in a rejected row.

Each text of a source row holds a mark of its own row and field (`@` below), so nothing has to be listed twice: whatever
is not found in the kept row must be counted by name, exactly.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swift_thyme.data.rows import Kind

from . import public
from .conftest import rows_of, run

ANSWER = '<think>It is @.</think><answer>@</answer>'
TURNS = [{'role': 'user', 'content': 'Which @?'}, {'role': 'assistant', 'content': ANSWER}]
TALK = [{'from': 'human', 'value': 'Where @?'}, {'from': 'gpt', 'value': ANSWER}]
KEPT: dict[Kind, list[dict[str, Any]]] = {
    Kind.SFT: [
        {'question': 'What @?', 'images': [], 'image': 'a.jpg', 'response': ANSWER},
        {'question': 'What @?', 'image': '', 'images': ['a.jpg'], 'response': ANSWER, 'level': '@', 'empty': []},
        {'system': 'Say @.', 'query': '<image>What @?', 'images': ['a.jpg'], 'response': ANSWER},
        {'query': '<img>a.jpg</img>What @?', 'response': ANSWER, 'meta': {'from': ['@']}},
        {'messages': [{**TURNS[0], 'name': '@'}, TURNS[1]], 'query': 'other @', 'tags': ['@', '@'], 'rejected': '@'},
        {'conversations': TALK, 'id': '@', 'source': '@', 'tools': [], 'objects': {}, 'videos': []},
        {'messages': [{'role': 'system', 'content': 'Say @.'}, *TURNS], 'system_prompt': 'unused @', 'note': '@'},
        {'problem': 'What @?', 'response': ANSWER, 'answer': '@', '列': '@', 'with space': '@', 'zero': 0},
    ],
    Kind.RL: [
        {'question': 'What @?', 'images': [], 'image': 'a.jpg', 'answer': '@'},
        {'question': 'What @?', 'image': 'a.jpg', 'solution': None, 'answer': '@', 'meta': {'from': ['@']}},
        {'question': 'What @?\nA. cat\nB. dog', 'options': ['cat', 'dog'], 'image': 'a.jpg', 'answer': '@'},
        {'question': 'Name @.', 'image': 'a.jpg', 'answer': ['@', 'b@'], 'response': 'old @'},
        {'prompt': [{'role': 'user', 'content': 'What @?'}], 'reward_model': {'ground_truth': '@'}, 'data_source': '@'},
        {'messages': [{**TURNS[0], 'name': '@'}, TURNS[1]], 'solution': '@', 'split': '@', 'none': None},
        {'query': 'What @?', 'system': 'Say @.', 'solution': '@', 'answer': 'other @', 'tags': ['@']},
    ],
}  # fmt: skip
REFUSED: list[dict[str, Any]] = [
    {'query': 'And @?', 'history': [['Which @?', '@']]},
    {'query': 'Find @.', 'objects': {'ref': ['@'], 'bbox': [[1, 2, 30, 40]]}},
    {'query': 'What @?', 'videos': ['@.mp4']},
    {'query': 'What @?', 'audios': ['@.wav']},
    {'query': 'What @?', 'tools': '[{"name": "@"}]'},
    {'query': 'What @?', 'options': ['cat @', 'dog @']},
]
_MARK = re.compile(r'w\d+w[^ ]+?w')


def mark(row: int, field: str) -> str:
    return f'w{row}w{field}w'.replace(' ', '_')


def marked(value: Any, text: str) -> Any:
    """The value with its row's and field's mark for every `@`."""
    if isinstance(value, dict):
        return {key: marked(one, text) for key, one in value.items()}
    if isinstance(value, list):
        return [marked(one, text) for one in value]
    return value.replace('@', text) if isinstance(value, str) else value


def fields(row: dict[str, Any], kind: Kind) -> Iterator[tuple[str, Any]]:
    """The columns of a row that say something, and the parts of its messages, by the names of the report."""
    for name, value in row.items():
        if name == 'messages':
            for message in value:
                for key in message.keys() - {'role', 'content'}:
                    yield f'messages.{key}', message[key]
                yield of_message(message, 'content', kind), message['content']
        elif value not in (None, '', [], {}) and name not in ('image', 'images'):
            yield name, value


def of_message(message: dict[str, Any], key: str, kind: Kind) -> str:
    if key != 'content':
        return f'messages.{key}'
    return 'messages.assistant' if kind is Kind.RL and message['role'] == 'assistant' else 'messages'


def written(path: Path, rows: list[dict[str, Any]], kind: Kind) -> list[dict[str, Any]]:
    """Marks rows and writes them."""
    (path.parent / 'a.jpg').write_bytes(public.picture(1))
    made = []
    for i, row in enumerate(rows):
        made.append({name: marked(value, mark(i, name)) for name, value in row.items() if name != 'messages'})
        if 'messages' in row:
            made[-1]['messages'] = [
                {key: marked(text, mark(i, of_message(message, key, kind))) for key, text in message.items()}
                for message in row['messages']
            ]
    public.write_jsonl(path, made)
    return made


@pytest.mark.parametrize('kind', Kind)
def test_what_is_not_in_the_kept_row_is_counted_by_name_exactly(kind: Kind, tmp_path: Path) -> None:
    source = written(tmp_path / 'rows.jsonl', KEPT[kind], kind)
    done, _ = run(tmp_path / 'rows.jsonl', tmp_path / 'out', kind, workers=1)
    texts = [json.dumps(row, ensure_ascii=False, default=str) for row in rows_of(tmp_path / 'out')]
    assert (done.tally.rows_kept, done.tally.rejected) == (len(source), {})
    lost: Counter[str] = Counter()
    for i, row in enumerate(source):
        (kept,) = [json.loads(text) for text in texts if f'w{i}w' in text]
        pictured = bool(row.get('image') or row.get('images') or '<img>' in str(row))
        assert len(kept['images']) == pictured, row
        told = ' '.join(strings(kept))
        lost.update(name for name, value in fields(row, kind) if not all(text in told for text in marks(value)))
        lost.update(name for name, value in fields(row, kind) if kind is Kind.SFT and not marks(value))
    assert lost == Counter(done.tally.ignored), 'a field that vanished is counted, and nothing else is'


def marks(value: Any) -> list[str]:
    """The marks in a field's texts."""
    return _MARK.findall(' '.join(strings(value)))


def strings(value: Any) -> Iterator[str]:
    """All texts of a value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize('kind', Kind)
def test_what_is_refused_stands_in_the_rejected_file_with_all_its_texts(kind: Kind, tmp_path: Path) -> None:
    truth = {'response': ANSWER} if kind is Kind.SFT else {'solution': '@'}
    source = written(tmp_path / 'rows.jsonl', [{**row, **truth} for row in REFUSED], kind)
    done, _ = run(tmp_path / 'rows.jsonl', tmp_path / 'out', kind, workers=1)
    assert done.tally.rejected == {'unsupported_column': len(source)}
    (told,) = [path.read_text(encoding='utf-8') for path in (tmp_path / 'out').glob('rejected/*.jsonl')]
    for i, row in enumerate(source):
        assert all(mark(i, name) in told for name in row)
