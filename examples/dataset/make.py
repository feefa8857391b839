"""Makes the example set anew: a few rows of `thyme synth`, written in every form that `thyme prepare` reads.

    python examples/dataset/make.py

The prompts and responses name pictures by a foreign path, as the public sets do, so that there is something to convert.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HERE = Path(__file__).parent
FOREIGN = '/somebody/elses/disk/data/'
TASKS = {'find_read': 2, 'multi_step': 2, 'compute': 2, 'compute_image': 1}
TEXT, TEXTS = pa.string(), pa.list_(pa.large_string())
SCHEMA = pa.schema([('image', TEXTS), ('question', TEXT), ('response', TEXT)])


def synthesize(folder: Path) -> list[dict[str, Any]]:
    """Rows of the chosen tasks, with the folder that their picture paths start from."""
    rows = []
    for task, count in TASKS.items():
        out = folder / task
        command = [sys.executable, '-m', 'swift_thyme.cli', 'synth', '--task', task, '--n', str(count), '--kind', 'sft']
        subprocess.run([*command, '--canvas', '1k', '--seed', '5', '--out', str(out)], check=True)
        for line in (out / 'canonical.jsonl').read_text('utf-8').splitlines():
            rows.append({**json.loads(line), 'root': out})
    return rows


def store(source: Path) -> str:
    """Writes a picture as a small JPEG below `images/`; returns its path relative to the example set."""
    target = HERE / 'images' / f'{source.stem}.jpg'
    target.parent.mkdir(exist_ok=True)
    Image.open(source).convert('RGB').save(target, 'JPEG', quality=80)
    return f'images/{target.name}'


def convert(row: dict[str, Any]) -> dict[str, Any]:
    """Question, response and pictures of one row, with foreign paths in the texts."""
    user, response = (message['content'] for message in row['messages'][1:])
    images = [store(row['root'] / path) for path in row['images']]
    for old in row['images']:
        user, response = (text.replace(old, FOREIGN + Path(old).name) for text in (user, response))
    return {
        'image': images,
        'question': user,
        'response': response,
        'solution': row['solution'],
        'ask': row['question'],
    }


def embedded(path: str) -> str:
    """A stored picture in base64."""
    return base64.b64encode((HERE / path).read_bytes()).decode()


def write(name: str, rows: list[dict[str, Any]]) -> None:
    """One jsonl file."""
    (HERE / name).write_text(''.join(json.dumps(row, ensure_ascii=False) + '\n' for row in rows), 'utf-8')


def main() -> None:
    """Writes every form."""
    with tempfile.TemporaryDirectory() as scratch:
        rows = [convert(row) for row in synthesize(Path(scratch))]
    plain = [{key: row[key] for key in ('image', 'question', 'response')} for row in rows]
    write('sft_question_response.jsonl', plain)
    turns = [
        [{'role': 'user', 'content': r['question']}, {'role': 'assistant', 'content': r['response']}] for r in rows
    ]
    paths = [[{'path': path} for path in row['image']] for row in rows]
    write('sft_messages.jsonl', [{'messages': t, 'images': p} for t, p in zip(turns, paths, strict=True)])
    inline = [{**row, 'image': [embedded(path) for path in row['image']]} for row in plain]
    pq.write_table(pa.Table.from_pylist(inline, SCHEMA), HERE / 'sft_base64-00000-of-00001.parquet', compression='zstd')
    goal = [{'solution': row['solution'], 'question': row['ask']} for row in rows]
    asks = [{'messages': t[:1], 'images': r['image'][:1], **g} for t, r, g in zip(turns, rows, goal, strict=True)]
    write('rl_messages.jsonl', asks)
    write(
        'rl_bytes.jsonl', [{**ask, 'images': [{'bytes': embedded(path)} for path in ask['images']]} for ask in asks[:2]]
    )


if __name__ == '__main__':
    main()
