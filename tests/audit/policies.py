"""Policies whose true dependence on the tool is known. They look at the pixels they are shown, as a model would."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import numpy as np
from PIL import Image

from swift_thyme import protocol
from swift_thyme.engines import Conversation
from swift_thyme.evaluate.items import Box, Item

from ..evaluate.scripted import Speak, answering, asked_text


class Kind(Enum):
    NEEDS = 'answers right only when it sees the target in a returned picture'
    KNOWS = 'answers right whatever it is shown'
    HARMED = 'answers right unless code has returned a picture'
    NEVER = 'never answers right'


def margin(item: Item, by: int = 40) -> Box:
    """The target with room around it, inside the picture: not below the side that the sandbox would widen to."""
    assert item.box is not None
    with Image.open(item.images[0].path) as image:
        width, height = image.size
    left, top, right, bottom = item.box
    return max(0, left - by), max(0, top - by), min(width, right + by), min(height, bottom + by)


def dependent(items: list[Item], kinds: Mapping[str, Kind], miss: frozenset[str] = frozenset()) -> Speak:
    """Crops the target (or, for items of `miss`, the corner), looks, and answers as its kind does."""

    def speak(conversation: Conversation) -> str:
        item = next(i for i in items if i.question in asked_text(conversation))
        kind, tools = kinds[item.id], protocol.SANDBOX_OPEN in conversation.messages[0].content
        box = (0, 0, 90, 80) if item.id in miss else margin(item)
        if tools and not conversation.rounds:
            cut = f'Image.open(image_path).crop({box}).resize(({2 * (box[2] - box[0])}, {2 * (box[3] - box[1])}))'
            code = f'from PIL import Image\npart = {cut}\npart.save("part.png")\nprint("part.png")'
            return f'<think>I look closer. <code>\n```python\n{code}\n```\n</code>'
        shown = [image.path for part in conversation.rounds for image in part.images]
        right = {
            Kind.NEEDS: any(shows(path, item) for path in shown),
            Kind.KNOWS: True,
            Kind.HARMED: not shown,
            Kind.NEVER: False,
        }[kind]
        return answering(letter_of(item, asked_text(conversation), right))

    return speak


def letter_of(item: Item, text: str, right: bool) -> str:
    lines = [line for line in text.splitlines() if line[1:3] == '. ']
    return next(line[0] for line in lines if (line[3:] == item.answer) == right)


def shows(path: str, item: Item) -> bool:
    """Whether a picture shows the target: its pixels are those around the target's box."""
    with Image.open(path) as opened, Image.open(item.images[0].path) as whole:
        seen = np.asarray(opened.convert('L').resize((64, 64)), float)
        there = np.asarray(whole.convert('L').crop(margin(item)).resize((64, 64)), float)
    return float(np.abs(seen - there).mean()) < 8
