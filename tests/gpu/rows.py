"""Rows for the runs on GPUs: a number in a rendered picture, with and without a trajectory to learn from."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from swift_thyme import protocol

TEXT_ONLY = (
    '<think>I calculate. <code>\n```python\nprint({a} * {b})\n```\n</code><sandbox_output>{answer}</sandbox_output>'
    'That is the product.</think>\n<answer>{answer}</answer>'
)
WITH_CROP = (
    '<think>It is small: I enlarge it. <code>\n```python\nfrom PIL import Image\nimage = Image.open(image_path)\n'
    'processed_path = "crop.png"\nimage.crop((0, 0, 400, 300)).save(processed_path)\nprint(processed_path)\n```\n'
    '</code><sandbox_output><image></sandbox_output>It reads {answer}.</think>\n<answer>{answer}</answer>'
)


SCRIPT = [
    [WITH_CROP.partition(protocol.SANDBOX_OPEN)[0], 'It reads 42.</think>\n<answer>42</answer>'],
    ['<think>Easy.</think>\n<answer>41</answer>'],
    ['<think>I try. <code>\nprint(undefined_name)\n</code>', 'It failed.</think>\n<answer>42</answer>'],
    ['<think>Only words and no answer'],
]
"""Policies of one group, for `thyme_scripted`: a crop and the right answer, a wrong one, failing code, no answer."""
SHOWN = 42
"""The number in every picture."""


def write_rows(
    folder: Path, *, n: int = 32, width_px: int = 640, height_px: int = 480, seed: int = 0
) -> dict[str, Path]:
    """Writes `sft` (pictures), `text` (calculations), `mixed` (both) and `rl`, each `n` rows.

    Args:
        folder: made if it does not exist.
        n: rows of each file.
        width_px: of a picture.
        height_px: of a picture.
        seed: of the numbers in calculations.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    sft, text, rl = [], [], []
    for i in range(n):
        a, b = SHOWN, rng.randint(11, 99)
        path = folder / f'{i}.png'
        image = Image.effect_noise((width_px, height_px), 30).convert('RGB')
        ImageDraw.Draw(image).text((100, 100), str(a), fill='black', font_size=60)
        image.save(path)
        image.crop((0, 0, 400, 300)).save(folder / f'{i}-crop.png')
        question = 'Which number is shown?'
        prompt = protocol.render_user_prompt(question, [protocol.PromptImage(str(path), width_px, height_px)])
        pictures = [str(path), str(folder / f'{i}-crop.png')]
        sft.append({**_messages(prompt, WITH_CROP.format(answer=a)), 'images': pictures})
        asked = protocol.render_user_prompt(f'What is {a} times {b}?', [])
        text.append(_messages(asked, TEXT_ONLY.format(a=a, b=b, answer=a * b)))
        rl.append({**_messages(prompt), 'images': pictures[:1], 'solution': str(a), 'question': question})
    kinds = {'sft': sft, 'text': text, 'mixed': [*sft[: n // 2], *text[: n - n // 2]], 'rl': rl}
    return {name: _write(folder / f'{name}.jsonl', rows) for name, rows in kinds.items()}


def _messages(prompt: str, response: str | None = None) -> dict[str, Any]:
    messages = [{'role': 'user', 'content': prompt}]
    return {'messages': [*messages, {'role': 'assistant', 'content': response}] if response else messages}


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows), encoding='utf-8')
    return path
