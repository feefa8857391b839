"""A lesson whose reason can be seen, in minutes on a CPU: which colour is the left dot?

A picture has two dots, too small for the model to see; a crop shows one. SFT teaches to crop the dot that is asked for
and the other one equally often, and sometimes to guess. So a policy that only imitates is right in 45 of 100, and RL,
which is paid for the answer alone, has to find the right crop. The model has the package's architecture, tokenizer
code and template with `SMALL_VOCAB` byte pairs.

Owns the rows, the flags of both stages and what counts as right.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import permutations
from pathlib import Path
from typing import Any

from PIL import Image

from swift_thyme.engines import Message, Sampling
from swift_thyme.infer import Question, Thinker

MAX_PIXELS = 6_272
"""Eight visual tokens a picture."""
TEMPLATE = 'thyme_qwen2_5_vl'
SYSTEM = 'You may write Python in <code></code>.'
SFT_STEPS, RL_STEPS = 180, 30
_COLOURS = {'red': (220, 20, 30), 'green': (20, 170, 40), 'blue': (30, 40, 220), 'yellow': (240, 220, 30)}
_SIZE = (1120, 560)
_DOT_PX = 64
_CENTRES = {'left': (280, 280), 'right': (840, 280)}
_RL_QUESTIONS = 8
_MAX_TOKENS = 160


class Found(str, Enum):
    """What a trajectory did; only `RIGHT` is right for the right reason."""

    RIGHT = 'right crop, its code ran, right answer'
    RIGHT_CROP = 'right crop, wrong answer or failed code'
    WRONG_CROP = 'wrong crop'
    GUESS = 'no crop'


@dataclass(frozen=True)
class Lesson:
    """The files of one lesson."""

    sft: Path
    rl: Path
    """Eight questions about the left dot."""
    held_out: Path
    """The four that RL does not ask."""


def write_lesson(out: Path) -> Lesson:
    """Draws the pictures and writes the rows: 120 of SFT, 8 of RL, 4 held out. The same ones every time."""
    pictures, rng = out / 'images', random.Random(0)
    pictures.mkdir(parents=True, exist_ok=True)
    for colour, rgb in _COLOURS.items():
        Image.new('RGB', (_DOT_PX, _DOT_PX), rgb).save(pictures / f'{colour}.png')
    taught, asked = [], []
    for pair in permutations(_COLOURS, 2):
        colours = dict(zip(_CENTRES, pair, strict=True))
        picture = _draw(colours, pictures / f'{"-".join(pair)}.png')
        for side, other in (('left', 'right'), ('right', 'left')):
            prompt = _prompt(side)
            row = {'messages': prompt, 'images': [str(picture)], 'question': _asks(side)}
            asked.append({**row, 'solution': colours[side], 'wrong': colours[other], 'side': side})
            for shown in (side, other):
                told = {'role': 'assistant', 'content': _crop(shown, colours[shown])}
                crop = str(pictures / f'{colours[shown]}.png')
                taught += [{'messages': [*prompt, told], 'images': [str(picture), crop]}] * 2
            told = {'role': 'assistant', 'content': _guess(rng.choice(list(_COLOURS)))}
            taught.append({'messages': [*prompt, told], 'images': [str(picture)]})
    rng.shuffle(taught)
    rng.shuffle(asked)
    left = [row for row in asked if row['side'] == 'left']
    lesson = Lesson(*(out / f'{name}.jsonl' for name in ('sft', 'rl', 'held-out')))
    for path, rows in zip(
        (lesson.sft, lesson.rl, lesson.held_out), (taught, left[:_RL_QUESTIONS], left[_RL_QUESTIONS:]), strict=True
    ):
        path.write_text(''.join(json.dumps(row) + '\n' for row in rows), encoding='utf-8')
    return lesson


def sft_flags() -> dict[str, object]:
    """Flags of `swift sft` beside the model, the rows and the output folder."""
    return {
        **_common(),
        'loss_scale': 'thyme',
        'learning_rate': 4e-3,
        'warmup_ratio': 0.05,
        'adam_beta2': 0.95,
        'max_steps': SFT_STEPS,
        'save_steps': SFT_STEPS,
        'per_device_train_batch_size': 12,
    }


def rl_flags(*reward_funcs: str) -> dict[str, object]:
    """Flags of `swift rlhf` beside the model, the rows and the output folder; needs a judge's address.

    Args:
        reward_funcs: by default format, answer and consistency, all of this package.
    """
    return {
        'rlhf_type': 'grpo',
        **_common(),
        'multi_turn_scheduler': 'thyme',
        'max_turns': 3,
        'reward_funcs': list(reward_funcs or ('fmt_orm', 'vqa_orm', 'cst_orm')),
        'callbacks': 'thyme_rewards',
        'use_vllm': 'false',
        'num_generations': 8,
        'max_completion_length': _MAX_TOKENS,
        'max_steps': RL_STEPS,
        'save_steps': RL_STEPS,
        'per_device_train_batch_size': 32,
        'learning_rate': 3e-4,
        'lr_scheduler_type': 'constant',
        'beta': 1e-3,
        'temperature': 1.0,
        'top_p': 1.0,
        'top_k': 0,
    }


def found(row: Mapping[str, Any], text: str, answer: str | None, *, code_ran: bool) -> Found:
    """What a trajectory did.

    Args:
        row: the question's.
        text: all that was sampled.
        answer: what it answered.
        code_ran: every snippet, and there was one.
    """
    if _says(row['side']) in text:
        return Found.RIGHT if answer == row['solution'] and code_ran else Found.RIGHT_CROP
    return Found.WRONG_CROP if any(_says(side) in text for side in _CENTRES) else Found.GUESS


def sample(model: Path, rows: Path, *, each: int) -> Counter[Found]:
    """Asks a checkpoint at temperature 1, outside of the trainer; `MAX_PIXELS` has to be that of training.

    Args:
        model: a checkpoint.
        rows: a file of `Lesson`.
        each: times that each question is asked.
    """
    asked = [json.loads(line) for line in rows.read_text(encoding='utf-8').splitlines()]
    return asyncio.run(_sample(model, [row for row in asked for _ in range(each)]))


async def _sample(model: Path, rows: Sequence[Mapping[str, Any]]) -> Counter[Found]:
    import torch

    engine = {'torch_dtype': torch.float32, 'model_type': 'qwen2_5_vl'}
    thinker = Thinker.load(model, template=TEMPLATE, batch_size=64, engine_kwargs=engine)
    sampling = Sampling(_MAX_TOKENS, 1.0, top_p=1.0, top_k=0)
    try:
        replies = await asyncio.gather(*(thinker.answer(question(row), sampling=sampling) for row in rows))
    finally:
        await thinker.aclose()
    return Counter(
        found(row, ''.join(turn.text for turn in reply.turns), reply.answer, code_ran=_ran(reply.turns))
        for row, reply in zip(rows, replies, strict=True)
    )


def question(row: Mapping[str, Any]) -> Question:
    """A row as `Thinker` asks it, word by word as in training."""
    system, user = row['messages'][:2]
    history = (Message('system', system['content']),)
    return Question(user['content'], (Path(row['images'][0]),), history, trained_system=True)


def _ran(turns: Iterable[Any]) -> bool:
    outcomes = [turn.result.outcome.value for turn in turns if turn.result is not None]
    return bool(outcomes) and set(outcomes) == {'ok'}


def _common() -> dict[str, object]:
    return {
        'model_type': 'qwen2_5_vl',
        'template': TEMPLATE,
        'tuner_type': 'full',
        'freeze_vit': 'true',
        'freeze_aligner': 'false',
        'torch_dtype': 'float32',
        'attn_impl': 'sdpa',
        'max_length': 1024,
        'gradient_accumulation_steps': 1,
        'gradient_checkpointing': 'false',
        'save_strategy': 'steps',
        'save_only_model': 'true',
        'split_dataset_ratio': 0,
        'dataset_num_proc': 1,
        'dataloader_num_workers': 0,
        'logging_steps': 1,
        'report_to': 'none',
        'add_version': 'false',
        'check_model': 'false',
        'load_from_cache_file': 'false',
    }


def _draw(colours: Mapping[str, str], path: Path) -> Path:
    image = Image.new('RGB', _SIZE, 'white')
    for side, colour in colours.items():
        image.paste(_COLOURS[colour], _box(side))
    image.save(path)
    return path


def _box(side: str) -> tuple[int, int, int, int]:
    (x, y), half = _CENTRES[side], _DOT_PX // 2
    return x - half, y - half, x + half, y + half


def _prompt(side: str) -> list[dict[str, str]]:
    size = 'x'.join(map(str, _SIZE))
    asked = f'<image>\n{_asks(side)}\nUser Image Path: "a.png"\nUser Image Size: "{size}"'
    return [{'role': 'system', 'content': SYSTEM}, {'role': 'user', 'content': asked}]


def _asks(side: str) -> str:
    return f'Which colour is the {side} dot?'


def _says(side: str) -> str:
    return f'I crop the {side} dot.'


def _crop(side: str, colour: str) -> str:
    return (
        f'<think>{_says(side)}<code>\nfrom PIL import Image\nim = Image.open("a.png").crop({_box(side)})\n'
        f'im.save("c.png")\nprint("c.png")\n</code><sandbox_output><image></sandbox_output>It is {colour}.</think>\n'
        f'<answer>{colour}</answer>'
    )


def _guess(colour: str) -> str:
    return f'<think>I guess {colour}.</think>\n<answer>{colour}</answer>'
