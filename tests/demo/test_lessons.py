"""The lesson teaches what the sandbox returns, asks as users ask, and keeps what it holds out from RL."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from swift_thyme import protocol
from swift_thyme.demo.lessons import Lesson
from swift_thyme.infer.batch import read_rows
from swift_thyme.sandbox import InputImage, shared_sandbox
from swift_thyme.types import SandboxResult


@pytest.fixture
def lesson(tmp_path: Path) -> Lesson:
    lesson = Lesson(tmp_path)
    lesson.write()
    return lesson


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rl_and_held_out_questions_are_about_other_pictures(lesson: Lesson) -> None:
    asked, held_out = ({row['images'][0] for row in read(path)} for path in (lesson.rl, lesson.held_out))
    assert len(asked) == 8 and len(held_out) == 4 and not asked & held_out


def test_right_and_wrong_crops_are_taught_equally_often(lesson: Lesson) -> None:
    def right(row: dict[str, Any]) -> bool:
        *_, asked, told = (message['content'] for message in row['messages'])
        return ('left' if 'the left dot?' in asked else 'right') in told

    assert Counter(map(right, read(lesson.crops))) == {True: 48, False: 48}


def test_a_file_of_questions_is_asked_word_for_word_as_in_training(lesson: Lesson) -> None:
    for row in read_rows(lesson.held_out):
        asked = [{'role': m.role, 'content': m.content} for m in row.question.conversation().messages]
        assert asked == row.columns['messages']


def test_the_sandbox_returns_the_pictures_that_are_taught(lesson: Lesson, tmp_path: Path) -> None:
    taught = {row['images'][1]: row for row in read(lesson.crops)}
    assert len(taught) == 4
    for number, (crop, row) in enumerate(taught.items()):
        (code,) = protocol.code_blocks(row['messages'][-1]['content'])
        result = asyncio.run(sandboxed(code, Path(row['images'][0]), tmp_path / str(number)))
        assert not result.repairs, result
        (returned,) = result.images
        with Image.open(returned.path) as got, Image.open(crop) as expected:
            assert got.size == expected.size and ImageChops.difference(got, expected).getbbox() is None


async def sandboxed(code: str, picture: Path, out: Path) -> SandboxResult:
    session = await shared_sandbox().open([InputImage(picture, 'images/1.png')], output_dir=out)
    try:
        return await session.run(code)
    finally:
        await session.close()
