"""Saved trajectories for tests and measurements: real pictures, real crops, every ending, and hostile ones."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from swift_thyme import protocol

GROUP = 8
"""Trajectories of one question, as in a GRPO group."""
WORDS = 'I compare the signs one by one. ' * 12


def draw_picture(path: Path, seed: int, *, width: int = 2048, height: int = 1536) -> Path:
    """A street-like picture with small signs; the same seed gives the same picture."""
    rng = random.Random(seed)
    small = Image.new('RGB', (64, 48))
    small.putdata([(rng.randrange(60, 200), rng.randrange(60, 200), rng.randrange(60, 200)) for _ in range(64 * 48)])
    image = small.resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(24):
        x, y = rng.randrange(width - 200), rng.randrange(height - 100)
        draw.rectangle((x, y, x + 180, y + 70), fill=(245, 245, 240), outline='black', width=3)
        draw.text((x + 12, y + 10), f'{rng.randrange(10**6):06d}', fill='black', font_size=44)
    image.save(path, quality=85)
    return path


def write_run(folder: Path, n: int, *, seed: int = 0, width: int = 2048, height: int = 1536) -> Path:
    """A training run's folder with `n` trajectories in steps of 64; returns it."""
    for at in range(0, n, 64):
        step = folder / 'trajectories' / f'step-{at // 64 + 1:06d}'
        (step / 'images').mkdir(parents=True, exist_ok=True)
        with (step / 'rank-0.jsonl').open('w', encoding='utf-8') as file:
            for line in _step(step, range(at, min(n, at + 64)), at // 64 + 1, seed, (width, height)):
                file.write(json.dumps(line, ensure_ascii=False) + '\n')
    return folder


def _step(step: Path, numbers: range, number: int, seed: int, size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    name, image = '', Image.new('RGB', (1, 1))
    for i in numbers:
        if not name or i % GROUP == 0:
            name = f'images/question-{i // GROUP}.jpg'
            draw_picture(step / name, seed * 100_003 + i // GROUP, width=size[0], height=size[1])
            image = Image.open(step / name).convert('RGB')
        yield record(step, i, number, name, image)


def record(folder: Path, i: int, step: int, name: str, image: Image.Image) -> dict[str, Any]:
    """One trajectory; its number decides how it went."""
    rng = random.Random(i)
    x, y = rng.randrange(image.width - 320), rng.randrange(image.height - 220)
    code = (
        f'import cv2\nimage = cv2.imread(image_path)\nx1, y1, x2, y2 = {x}, {y}, {x + 300}, {y + 200}\n'
        f'crop = image[y1:y2, x1:x2]\ncrop = cv2.resize(crop, None, fx=2, fy=2)  # zoom\n'
        f"processed_path = 'crop_{i}.png'\ncv2.imwrite(processed_path, crop)\nprint(processed_path)"
    )
    first = (
        f'{protocol.THINK_OPEN}The sign of shop {i} is small, so I look closer. {WORDS}'
        f'{protocol.CODE_OPEN}\n```python\n{code}\n```\n{protocol.CODE_CLOSE}'
    )
    turns: list[dict[str, Any]] = []
    ending, right = i % 10, rng.random() < 0.6
    if ending not in (3,):
        turn: dict[str, Any] = {
            'text': first,
            'code': code,
            'elapsed_s': 0.12,
            'repairs': [],
            'images': [],
            'raw_outcome': None,
        }
        if ending == 4:
            turn |= {'outcome': 'code_error', 'sandbox_text': "NameError: name 'crop' is not defined (line 4)"}
        elif ending == 6:
            turn |= {'outcome': 'timeout', 'sandbox_text': 'Timeout: 10 s are over'}
        else:
            crop = image.crop((x, y, x + 300, y + 200)).resize((600, 400))
            crop.save(folder / f'images/crop-{i}.jpg', quality=90)
            turn |= {'outcome': 'ok', 'sandbox_text': '', 'images': [f'images/crop-{i}.jpg']}
        if ending == 5:
            turn |= {'repairs': ['clamp'], 'raw_outcome': 'code_error'}
        if ending == 7:
            turn |= {'outcome': None, 'images': []}
        turn['segments'] = [
            {'kind': 'text', 'temperature': 1.0, 'tokens': 90},
            {'kind': 'code', 'temperature': 0.0, 'tokens': 120},
        ]
        turns.append(turn)
    stop = {7: 'sandbox_failure', 8: 'length', 9: 'repetition'}.get(ending, 'answer')
    answer = f'{i:06d}' if right else 'no idea'
    if stop == 'answer':
        closing = (
            f'The sign reads {answer}.{protocol.THINK_CLOSE}\n{protocol.ANSWER_OPEN}{answer}{protocol.ANSWER_CLOSE}'
        )
        turns.append({'text': closing, 'code': None})
    elif stop != 'sandbox_failure':
        turns.append({'text': 'And again and again ' * 20, 'code': None})
    good = 1.0 if right and stop == 'answer' else 0.0
    return {
        'schema': 1,
        'step': step,
        'request_id': f'request-{i}',
        'prompt_id': f'prompt-{i // GROUP}',
        'messages': [{'role': 'user', 'content': f'<image>What is on sign {i // GROUP}?'}],
        'question': f'What is written on sign {i // GROUP} beside the green door?',
        'solution': f'{i:06d}',
        'images': [name],
        'text': ''.join(turn['text'] for turn in turns),
        'stop_reason': stop,
        'error': 'SessionDead: the session was killed' if stop == 'sandbox_failure' else '',
        'quarantined': stop == 'sandbox_failure',
        'code_blocks': sum(turn['code'] is not None for turn in turns),
        'code_ok': sum(turn.get('outcome') == 'ok' for turn in turns),
        'sandbox_s': 0.12,
        'sampled_ids': list(range(40)),
        'turns': turns,
        'answer': answer if stop == 'answer' else None,
        'rewards': {'fmt_orm': 0.5 * (stop == 'answer'), 'vqa_orm': good, 'cst_orm': 0.5 * good},
    }


HOSTILE_WORDS = (
    '</script><script>window.pwned = 1</script><img src=x onerror="window.pwned = 2">\u202e{{title}}\x00\x1b[31m'
)


def hostile(folder: Path) -> list[dict[str, Any]]:
    """Records that try to break the page: markup everywhere, huge strings, broken pictures, odd numbers."""
    (folder / 'broken.png').write_bytes(b'\x89PNG\r\n\x1a\n' + b'\x00' * 64)
    (folder / 'text.jpg').write_text(HOSTILE_WORDS, encoding='utf-8')
    buffer = io.BytesIO()
    Image.new('RGB', (300, 200), 'navy').save(buffer, 'JPEG')
    (folder / 'cut.jpg').write_bytes(buffer.getvalue()[:200])
    markup = {
        'schema': 1,
        'question': HOSTILE_WORDS,
        'solution': HOSTILE_WORDS,
        'answer': HOSTILE_WORDS,
        'images': ['broken.png', 'text.jpg', 'cut.jpg', 'missing.png', 'https://example.invalid/x.png', HOSTILE_WORDS],
        'stop_reason': HOSTILE_WORDS,
        'error': HOSTILE_WORDS,
        'messages': [{'role': HOSTILE_WORDS, 'content': HOSTILE_WORDS}, {'role': 'user', 'content': [{'text': 1}]}],
        'rewards': {HOSTILE_WORDS: float('nan'), 'huge': 1e308, 'none': None},
        HOSTILE_WORDS: HOSTILE_WORDS,
        'turns': [
            {
                'text': f'{HOSTILE_WORDS}{protocol.CODE_OPEN}print("{HOSTILE_WORDS}"){protocol.CODE_CLOSE}',
                'code': f'print("{HOSTILE_WORDS}")',
                'outcome': 'ok',
                'sandbox_text': HOSTILE_WORDS,
                'images': ['broken.png'],
                'repairs': [HOSTILE_WORDS],
            },
            {'text': f'{protocol.SANDBOX_OPEN}forged{protocol.SANDBOX_CLOSE} \ud800 lone surrogate'},
        ],
    }
    huge = {
        'schema': 1,
        'question': 'huge ' * 200_000,
        'turns': [
            {'text': f'{protocol.CODE_OPEN}' + 'x = 1; ' * 300_000 + protocol.CODE_CLOSE, 'code': 'x' * 2_000_000}
        ],
        'answer': 'y' * 3_000_000,
    }
    deep = {
        'schema': 1,
        'question': 'deep code',
        'turns': [{'text': protocol.CODE_OPEN + '(' * 5000 + protocol.CODE_CLOSE, 'code': '(' * 5000, 'outcome': 'ok'}],
        'images': [],
    }
    return [markup, huge, deep]
