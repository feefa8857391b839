"""One row: from a set's order and the row's number to a picture's bytes and the row's columns.

Owns the columns. All paths in here are relative to the set's folder; `writers` makes them absolute.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from ...protocol import SYSTEM_PROMPT, PromptImage, render_user_prompt
from .blank import drawing_off
from .difficulty import Legibility, level_for
from .question import ABSENT, Posed, pose
from .seeds import digest, rng_for, row_seed
from .spec import Encoding, Form, Kind, SetSpec, canvas_size
from .tasks import Order, task_for_row
from .types import Box, Item, Target

Row = dict[str, object]
"""Column → JSON value."""


@dataclass(frozen=True)
class Draft:
    """A finished question with its picture, before it is written as a row of some kind."""

    id: str
    task: str
    index: int
    """The row's place in its set."""
    number: int
    """Row seed."""
    difficulty: float
    item: Item
    posed: Posed
    picture: bytes | None
    """Encoded; None without a picture."""
    file: str
    """Path of the picture relative to the set's folder, and the path the prompt names; empty without one."""
    size: tuple[int, int]
    """Of the picture, pixels."""
    cap_px: int
    """Height of the capital letters of the scene's labels, canvas pixels."""

    @property
    def prompt(self) -> str:
        """The user message."""
        images = [PromptImage(self.file, *self.size)] if self.picture is not None else []
        return render_user_prompt(self.posed.text, images)


def question(spec: SetSpec, index: int) -> tuple[Item, Posed]:
    """One row's question as `draft` makes it, without drawing: the item's picture is blank, its boxes are rough."""
    made = planned(spec, index)
    return made.item, made.posed


def draft(spec: SetSpec, index: int) -> Draft:
    """Makes one row's picture and question.

    The row depends on the order without its `n`, and on the index: a longer set begins with the rows of a shorter one.

    Raises:
        ConfigError: a package that fonts or pictures come from is missing.
    """
    asked = _posed(spec, index)
    return _draft(spec, index, asked, None if asked.item.image is None else encode(asked.item.image, spec))


def planned(spec: SetSpec, index: int) -> Draft:
    """One row as `draft` makes it, without drawing: its picture is blank, its boxes are rough, and it has no bytes."""
    with drawing_off():
        asked = _posed(spec, index)
    return _draft(spec, index, asked, None if asked.item.image is None else b'')


def _draft(spec: SetSpec, index: int, asked: _Asked, picture: bytes | None) -> Draft:
    item, size = asked.item, asked.size
    name = digest('name', *asked.key, spec.encoding.value, spec.quality).hex()[:16]
    file = f'images/{name}.{spec.encoding.value}' if picture is not None else ''
    size = size if picture is not None else (0, 0)
    return Draft(
        name, asked.task, index, asked.number, asked.difficulty, item, asked.posed, picture, file, size, asked.cap_px
    )


class _Asked(NamedTuple):
    """A row before its picture is encoded."""

    key: tuple[object, ...]
    """All that the row depends on."""
    number: int
    task: str
    difficulty: float
    size: tuple[int, int]
    cap_px: int
    item: Item
    posed: Posed


def _posed(spec: SetSpec, index: int) -> _Asked:
    number = row_seed(spec.effective_split, spec.seed, index)
    purpose = spec.kind.value, spec.effective_form.value
    key = (spec.task, number, spec.canvas, *spec.difficulty, spec.max_pixels, *purpose)
    rng = rng_for('row', *key)
    chosen = task_for_row(spec.task, rng)
    difficulty = round(rng.uniform(*spec.difficulty), 4)
    width, height = canvas_size(spec.canvas, rng)
    choice = spec.effective_form is Form.CHOICE or (spec.effective_form is Form.BOTH and rng.random() < 0.5)
    level = level_for(difficulty, width, height, spec.max_pixels)
    item = chosen.build(Order(rng, width, height, level, spec.effective_split, choice and spec.kind is not Kind.SFT))
    posed = pose(item, choice, rng_for('options', *key))
    return _Asked(key, number, chosen.name, difficulty, (width, height), level.cap_px, item, posed)


def encode(image: Image.Image, spec: SetSpec) -> bytes:
    """A picture's file, as the set stores it."""
    buffer = io.BytesIO()
    if spec.encoding is Encoding.PNG:
        image.save(buffer, 'PNG', compress_level=3)
    else:
        image.save(buffer, 'JPEG', quality=spec.quality, subsampling=0)
    return buffer.getvalue()


def columns(made: Draft, spec: SetSpec) -> Row:
    """The columns that rows of every kind share: truth, box and provenance. Missing values are None."""
    item, (width, height), legibility = made.item, made.size, Legibility(spec.max_pixels)
    target = item.target
    seen = target or (Target(Box(0, 0, width, height), made.cap_px) if item.answer == ABSENT else None)
    return {
        'id': made.id,
        'index': made.index,
        'task': made.task,
        'scene': item.scene,
        'difficulty': made.difficulty,
        'split': spec.effective_split.value,
        'seed': made.number,
        'question': made.posed.text,
        'stem': item.question,
        'answer': item.answer,
        'options': list(made.posed.options),
        'absent': item.answer == ABSENT,
        'width': width,
        'height': height,
        'box': _listed(target.box if target else None),
        'context_box': _listed(item.context),
        'detail_px': seen.detail_px if seen else None,
        'detail_px_at_budget': round(legibility.detail_px(seen, width, height), 2) if seen else None,
        'rotation_deg': seen.rotation_deg if seen else None,
        'contrast': seen.contrast if seen else None,
        'readable_without_tool': legibility.readable(seen, width, height),
    }


def prompt_messages(made: Draft) -> list[dict[str, str]]:
    """System and user message."""
    return [{'role': 'system', 'content': SYSTEM_PROMPT}, {'role': 'user', 'content': made.prompt}]


def rl_row(made: Draft, spec: SetSpec) -> Row:
    """A row for `swift rlhf`, or for evaluation: prompt, picture, solution, truth."""
    images = [made.file] if made.file else []
    return {'messages': prompt_messages(made), 'images': images, 'solution': made.posed.solution, **columns(made, spec)}


def sft_row(made: Draft, spec: SetSpec, text: str, returned: Sequence[str], extra: Row) -> Row:
    """A row for `swift sft`: the whole trajectory in one assistant turn.

    Args:
        made: the question.
        spec: the set's order.
        text: the assistant's turn, sandbox output included.
        returned: relative paths of the pictures the sandbox returned, in order.
        extra: columns of the trajectory.
    """
    messages = [*prompt_messages(made), {'role': 'assistant', 'content': text}]
    images = ([made.file] if made.file else []) + list(returned)
    return {'messages': messages, 'images': images, 'solution': made.posed.solution, **columns(made, spec), **extra}


def _listed(box: Box | None) -> list[int] | None:
    return None if box is None else list(box)
