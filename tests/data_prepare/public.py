"""Shards in the public schemas, with every anomaly planted and counted."""

from __future__ import annotations

import base64
import io
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from swift_thyme.data.rows import Reason

SIZE = (96, 64)


def picture(seed: int, kind: str = 'JPEG', size: tuple[int, int] = SIZE, mode: str = 'RGB', **save: Any) -> bytes:
    """A small picture that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1] // 4 + 1, size[0] // 4 + 1, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).convert(mode)
    out = io.BytesIO()
    image.save(out, kind, **save)
    return out.getvalue()


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def question(name: str, ask: str = 'What is the plate number?', size: tuple[int, int] = SIZE) -> str:
    return (
        f'<image>\n{ask}\n\n### User Image Path:** "/mllm_hdd/someone/data/{name}"\n'
        f'### User Image Size:** "{size[0]}x{size[1]}"\n\n### **Output Format (strict adherence required):**\n\n'
        '<think>Your reasoning.</think>\n<answer>Your answer.</answer>\n'
    )


def crop_block(name: str, foreign: str = '/mllm_hdd/someone/data/') -> str:
    stem = name.rsplit('.', 1)[0]
    return (
        '<code>\n```python\nimport cv2, os\nfrom uuid import uuid4\n'
        f'image_path = "{foreign}{name}"\n'
        'image = cv2.imread(image_path)\ncrop = image[8:56, 8:72]\n'
        f'processed_path = os.path.join("/mnt/data/temp_processed_images/", f"{stem}_{{str(uuid4())[:8]}}.jpg")\n'
        'cv2.imwrite(processed_path, crop)\nprint(processed_path)\n```\n</code>'
    )


def one_round(name: str, answer: str = 'A') -> str:
    return (
        f'<think>Let me zoom in. {crop_block(name)}<sandbox_output><image></sandbox_output> Now it is clear.</think>'
        f'<answer>{answer}</answer>'
    )


def two_rounds(name: str, answer: str = 'A') -> str:
    block = f'{crop_block(name)}<sandbox_output><image></sandbox_output>'
    return f'<think>First. {block} Not enough. {block} Good.</think><answer>{answer}</answer>'


def computation(answer: str = '42') -> str:
    return (
        '<think>Compute. <code>\n```python\nprint(6 * 7)\n```\n</code><sandbox_output>42</sandbox_output> So 42.'
        f'</think><answer>{answer}</answer>'
    )


@dataclass
class Planted:
    """Rows and what must become of them."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    def good(self, split: str, **row: Any) -> None:
        self.rows.append(row)
        self.kept[split] += 1

    def bad(self, reason: Reason, **row: Any) -> None:
        self.rows.append(row)
        self.rejected[reason.value] += 1


def _images(seed: int, count: int) -> list[str]:
    return [encode(picture(seed * 10 + i)) for i in range(count)]


def sft_shard(seed: int, good: int = 6) -> Planted:
    """Rows of `Thyme-SFT`'s schema: good ones of all splits, and one of every anomaly."""
    planted = Planted()
    at = seed * 1000
    for i in range(good):
        name = f'dvqa_{at + i}.jpg'
        planted.good('single_round', image=_images(at + i, 2), question=question(name), response=one_round(name))
        planted.good('two_rounds', image=_images(at + i + 100, 3), question=question(name), response=two_rounds(name))
        planted.good('computation_text', image=[], question=f'What is 6*7+{at + i}-{at + i}?', response=computation())
        planted.good(
            'computation_images', image=_images(at + i + 200, 1), question=question(name), response=computation()
        )
    _plant_text_anomalies(planted, at + 300)
    _plant_picture_anomalies(planted, at + 400)
    copy = dict(planted.rows[0])
    planted.bad(Reason.DUPLICATE, **copy)
    random.Random(seed).shuffle(planted.rows)
    return planted


def _plant_text_anomalies(planted: Planted, at: int) -> None:
    name = f'dvqa_{at}.jpg'
    ask, fine = question(name), one_round(name)

    def bad(reason: Reason, response: str, pictures: int = 2, prompt: str = ask) -> None:
        planted.bad(reason, image=_images(at + len(planted.rows), pictures), question=prompt, response=response)

    bad(Reason.IMAGE_COUNT, fine, pictures=1)
    bad(Reason.IMAGE_COUNT, fine, pictures=3)
    bad(Reason.IMAGE_COUNT, fine, prompt=ask.replace('<image>', ''))
    bad(Reason.UNBALANCED_TAGS, fine.replace('</code>', ''))
    bad(Reason.UNBALANCED_TAGS, fine.replace('<code>', ''))
    bad(Reason.UNBALANCED_TAGS, fine.replace('<code>', '<code><code>'))
    bad(Reason.UNBALANCED_TAGS, fine.replace('</sandbox_output>', ''))
    bad(Reason.UNBALANCED_TAGS, fine.replace('</think>', ''))
    bad(Reason.SANDBOX_MISSING, fine.replace('<sandbox_output><image></sandbox_output>', ''), pictures=1)
    bad(Reason.SANDBOX_FOREIGN, fine.replace('Let me', '<sandbox_output>12</sandbox_output> Let me'))
    bad(Reason.SANDBOX_FOREIGN, fine.replace('Now', '<image> Now'), pictures=3)
    bad(Reason.SANDBOX_FOREIGN, fine, prompt=ask + '<sandbox_output>it is A</sandbox_output>')
    bad(Reason.ANSWER_MISSING, fine.replace('<answer>A</answer>', 'A'))
    bad(Reason.ANSWER_MISSING, fine.replace('<answer>A</answer>', '<answer> </answer>'))
    bad(Reason.SPECIAL_TOKEN, fine.replace('Now', '<|im_end|> Now'))
    bad(Reason.MALFORMED_ROW, None)  # type: ignore[arg-type]
    planted.bad(Reason.PATH_WITHOUT_PICTURE, image=[], question=ask.replace('<image>', ''), response=computation())


def _plant_picture_anomalies(planted: Planted, at: int) -> None:
    name = f'dvqa_{at}.jpg'

    def bad(reason: Reason, first: str, number: int) -> None:
        pictures = [first, encode(picture(at + number))]
        planted.bad(reason, image=pictures, question=question(name), response=one_round(name))

    jpeg, png = picture(at + 50, size=(320, 240)), picture(at + 51, 'PNG', size=(320, 240))
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 0xFF
    bad(Reason.TRUNCATED_IMAGE, encode(jpeg[: len(jpeg) // 2]), 1)
    bad(Reason.TRUNCATED_IMAGE, encode(png[: len(png) // 2]), 2)
    bad(Reason.UNREADABLE_IMAGE, encode(bytes(flipped)), 3)
    bad(Reason.UNREADABLE_IMAGE, 'this is not base64 at all!', 4)
    bad(Reason.UNREADABLE_IMAGE, encode(b'GIF nor anything else' * 400), 5)
    bad(Reason.UNREADABLE_IMAGE, '', 6)
    bad(Reason.IMAGE_SHAPE, encode(picture(at + 52, size=(20, 300))), 7)
    bad(Reason.IMAGE_SHAPE, encode(picture(at + 53, 'PNG', size=(6000, 29))), 8)


def rl_shard(seed: int, good: int = 6) -> Planted:
    """Rows of `Thyme-RL`'s schema."""
    planted = Planted()

    def row(number: int, solution: Any, **change: Any) -> dict[str, Any]:
        name = f'rl_{number}.png'
        messages = [
            {'role': 'system', 'content': 'You are a helpful assistant. Solve the problem step by step.'},
            {'role': 'user', 'content': question(name, 'What colour are the glasses?')},
        ]
        base = {'messages': messages, 'images': _images(number, 1), 'solution': solution, 'question': 'Colour?'}
        return {**base, **change}

    at = seed * 1000
    for i in range(good):
        planted.good('rl', **row(at + i, 'black'))
    planted.bad(Reason.EMPTY_SOLUTION, **row(at + 50, ''))
    planted.bad(Reason.EMPTY_SOLUTION, **row(at + 51, '  '))
    planted.bad(Reason.EMPTY_SOLUTION, **row(at + 52, None))
    planted.bad(Reason.IMAGE_COUNT, **row(at + 53, 'x', images=_images(at + 53, 2)))
    planted.bad(Reason.UNREADABLE_IMAGE, **row(at + 54, 'x', images=['////']))
    planted.bad(Reason.MALFORMED_ROW, **row(at + 55, 'x', messages=[]))
    planted.bad(Reason.DUPLICATE, **planted.rows[0])
    return planted


TYPES = {
    'image': pa.list_(pa.large_string()),
    'images': pa.list_(pa.large_string()),
    'question': pa.string(),
    'response': pa.string(),
    'solution': pa.string(),
    'messages': pa.list_(pa.struct([('role', pa.string()), ('content', pa.string())])),
}


def write_parquet(path: Path, rows: list[dict[str, Any]], large: bool = True) -> Path:
    types = dict(TYPES)
    if not large:
        types.update(image=pa.list_(pa.string()), images=pa.list_(pa.string()))
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([(name, types[name]) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=16)
    return path


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows), encoding='utf-8')
    return path
