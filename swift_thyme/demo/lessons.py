"""The quickstart's lesson, whose reason can be seen: which colour is the left dot?

A picture has two dots, too small for the model to see; a crop shows one. SFT teaches to crop the dot that is asked for
and the other one equally often, and sometimes to guess. A policy that only imitates is right in 45 of 100 answers; RL
is paid for the answer alone and has to find the right crop. It asks about eight pictures; four others are held out.

Owns the rows and what counts as right. Prompts are short because every token of them costs a CPU time: the forward
pass of a row takes twice as long with those of `protocol`, 300 tokens. So the model can be asked by these rows alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, permutations
from pathlib import Path
from typing import Any

from ..config import PICTURE_BUDGET
from ..engines import Sampling
from ..engines.hush import hushed
from ..errors import ThymeError
from ..infer.batch import AskedRow, read_rows
from ..infer.thinker import NOT_THE_POLICY, Reply, Thinker
from ..types import Outcome

MAX_PIXELS = 6_272
"""Eight visual tokens a picture."""
MAX_TOKENS = 160
"""Of a trajectory: about 90 are enough."""
SYSTEM = 'You may write Python in <code></code>; what it gives comes back in <sandbox_output></sandbox_output>.'
COLOURS = {'red': (220, 20, 30), 'green': (20, 170, 40), 'blue': (30, 40, 220), 'yellow': (240, 220, 30)}
_PATH = 'images/1.png'
_SIZE = (1120, 560)
_DOT_PX, _CROP_PX = 68, 64
_CENTRES = {'left': (280, 280), 'right': (840, 280)}
_OTHER = {'left': 'right', 'right': 'left'}
_RL_QUESTIONS = 8


@dataclass(frozen=True)
class Lesson:
    """The lesson's files, below its folder."""

    folder: Path

    @property
    def crops(self) -> Path:
        """Rows of SFT that crop: the right dot and the wrong one, equally often."""
        return self.folder / 'sft-crops.jsonl'

    @property
    def guesses(self) -> Path:
        """Rows of SFT that answer without looking."""
        return self.folder / 'sft-guesses.jsonl'

    @property
    def rl(self) -> Path:
        """Eight questions about the left dot."""
        return self.folder / 'rl.jsonl'

    @property
    def held_out(self) -> Path:
        """The four that RL does not ask."""
        return self.folder / 'held-out.jsonl'

    def write(self) -> None:
        """Draws the pictures and writes the rows: 96 and 24 of SFT, 8 of RL, 4 held out. The same ones every time."""
        pictures, rng = self.folder / 'images', random.Random(0)
        pictures.mkdir(parents=True, exist_ok=True)
        for colour in COLOURS:
            _draw((_CROP_PX, _CROP_PX), {}, COLOURS[colour]).save(pictures / f'{colour}.png')
        crops, guesses, asked = [], [], []
        for pair in permutations(COLOURS, 2):
            colours = dict(zip(_CENTRES, pair, strict=True))
            picture = pictures / f'{"-".join(pair)}.png'
            _draw(_SIZE, colours).save(picture)
            for side in _CENTRES:
                prompt = _prompt(side)
                row = {'messages': prompt, 'images': [str(picture)], 'question': _asks(side)}
                asked.append({**row, 'solution': colours[side], 'wrong': colours[_OTHER[side]], 'side': side})
                for shown in _CENTRES:
                    told = {'role': 'assistant', 'content': _crop(shown, colours[shown])}
                    returned = str(pictures / f'{colours[shown]}.png')
                    crops += [{'messages': [*prompt, told], 'images': [str(picture), returned]}] * 2
                told = {'role': 'assistant', 'content': _guess(rng.choice(list(COLOURS)))}
                guesses.append({'messages': [*prompt, told], 'images': [str(picture)]})
        for rows in (crops, guesses, asked):
            rng.shuffle(rows)
        left = [row for row in asked if row['side'] == 'left']
        rl, held_out = left[:_RL_QUESTIONS], left[_RL_QUESTIONS:]
        for path, rows in ((self.crops, crops), (self.guesses, guesses), (self.rl, rl), (self.held_out, held_out)):
            path.write_text(''.join(json.dumps(row) + '\n' for row in rows), encoding='utf-8')


def share_right(model: Path, *files: Path, each: int) -> float:
    """Asks a checkpoint at temperature 1, outside of the trainer.

    Args:
        model: a checkpoint.
        files: of questions, see `Lesson`.
        each: times that each question is asked.

    Returns:
        The share of answers that are right for the right reason: said to crop the dot asked for, did, read its colour.

    Raises:
        ThymeError: engine or sandbox failed, which is no wrong answer.
    """
    rows = [row for path in files for row in read_rows(path)] * each
    replies = asyncio.run(_ask(model, rows))
    return sum(_right(row.columns, reply) for row, reply in zip(rows, replies, strict=True)) / len(rows)


async def _ask(model: Path, rows: Sequence[AskedRow]) -> list[Reply]:
    import torch

    for name in chain.from_iterable(PICTURE_BUDGET.values()):  # the checkpoint's own budget is the one it was taught at
        os.environ.pop(name, None)
        os.environ.pop(name.lower(), None)
    with hushed():
        thinker = Thinker.load(model, batch_size=64, engine_kwargs={'torch_dtype': torch.float32})
    sampling = Sampling(MAX_TOKENS, 1.0, top_p=1.0, top_k=0)
    try:
        return await asyncio.gather(*(thinker.answer(row.question, sampling=sampling) for row in rows))
    finally:
        await thinker.aclose()


def _right(row: Mapping[str, Any], reply: Reply) -> bool:
    if reply.stop_reason in NOT_THE_POLICY:
        raise ThymeError(
            f'a held-out question was not answered: {reply.error or reply.stop_reason.value}; run it again'
        )
    first = reply.turns[0]
    ran = first.result is not None and first.result.outcome is Outcome.OK
    return _says(row['side']) in first.text and ran and reply.answer == row['solution']


def _draw(size: tuple[int, int], dots: Mapping[str, str], colour: Any = 'white') -> Any:
    from PIL import Image

    image = Image.new('RGB', size, colour)
    for side, name in dots.items():
        image.paste(COLOURS[name], _box(side, _DOT_PX))
    return image


def _box(side: str, width_px: int) -> tuple[int, int, int, int]:
    (x, y), half = _CENTRES[side], width_px // 2
    return x - half, y - half, x + half, y + half


def _prompt(side: str) -> list[dict[str, str]]:
    size = 'x'.join(map(str, _SIZE))
    asked = f'<image>\n{_asks(side)}\nUser Image Path: "{_PATH}"\nUser Image Size: "{size}"'
    return [{'role': 'system', 'content': SYSTEM}, {'role': 'user', 'content': asked}]


def _asks(side: str) -> str:
    return f'Which colour is the {side} dot?'


def _says(side: str) -> str:
    return f'I crop the {side} dot.'


def _crop(side: str, colour: str) -> str:
    """Two layers learn to follow a word that stands right before the box; 25 tokens apart, 120 steps did not do."""
    return (
        f'<think>{_says(side)}<code>\n{side} = {_box(side, _CROP_PX)}\nfrom PIL import Image\n'
        f'Image.open("{_PATH}").crop({side}).save("{side}.png")\nprint("{side}.png")\n</code>'
        f'<sandbox_output><image></sandbox_output>It is {colour}.</think>\n<answer>{colour}</answer>'
    )


def _guess(colour: str) -> str:
    return f'<think>I guess {colour}.</think>\n<answer>{colour}</answer>'
