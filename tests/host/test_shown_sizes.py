"""What can be shown at a pixel budget: what is not refused can be encoded, with the tokens that are counted."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from qwen_vl_utils import vision_process
from swift.infer_engine.protocol import RolloutInferRequest

from swift_thyme import protocol
from swift_thyme.host.scheduler import ThymeScheduler
from swift_thyme.host.shown import shown_pictures

from .test_scheduler import started, turn

FACTOR_PX = 28
BUDGETS = (3_136, 6_272, 50_176, 156_800, 602_112, 2_408_448, 12_845_056)
MODES = ('RGB', 'L', 'RGBA', 'P', '1', 'CMYK')


def drawn(draw: random.Random, budget: int) -> tuple[int, int]:
    """A size that the sandbox takes, narrow ones as often as others, and not much larger than the budget."""
    short = draw.choice([28, 29, 30, 41, 42, draw.randrange(28, 600)])
    ratio = draw.choice([1.0, 200.0, draw.uniform(1, 200), draw.uniform(1, 4)])
    long = max(short, min(int(short * ratio), 200 * short, max(2048, 4 * budget // short)))
    return (short, long) if draw.random() < 0.5 else (long, short)


@pytest.mark.parametrize('budget', BUDGETS)
def test_what_is_not_refused_is_encoded_with_the_tokens_that_were_counted(
    o3_template: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    monkeypatch.setattr(vision_process, 'IMAGE_MAX_TOKEN_NUM', budget // FACTOR_PX**2)
    template, draw = o3_template(), random.Random(budget)
    turn_ids = template.tokenizer.encode('a<|vision_start|><|image_pad|><|vision_end|>b')
    for n in range(24):
        size = drawn(draw, budget)
        problem = template.picture_problem(*size)
        if problem:
            assert f'{size[0]}x{size[1]} is too narrow' in problem
            continue
        path = tmp_path / f'{n}.png'
        Image.new('RGB', size).convert(draw.choice(MODES[:5])).save(path)
        messages = [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': {'token_ids': turn_ids}}]
        for mode in ('train', 'transformers'):
            shown_pictures.cache_clear()
            template.set_mode(mode)
            if mode != 'train':
                template.show(str(path))
            encoded = template.encode({'messages': messages, 'images': [str(path)]})
            pads = encoded['input_ids'].count(template.image_token_id)
            assert pads == template.visual_tokens(*size), (size, mode)


STRIP = '<code>\nfrom PIL import Image\nImage.new("RGB", (2048, 30)).save("s.png")\nprint("s.png")\n</code>'


@pytest.fixture
def scheduler(o3_template: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ThymeScheduler:
    monkeypatch.setenv('THYME_IMAGE_DIR', str(tmp_path / 'images'))
    template = o3_template()
    return ThymeScheduler(template=template, tokenizer=template.tokenizer, max_turns=4)


def test_a_picture_that_cannot_be_shown_is_refused_as_the_sandbox_refuses_pictures(
    scheduler: ThymeScheduler, picture: Path
) -> None:
    request = started(scheduler, picture)
    goes_on, made = turn(scheduler, request, STRIP)
    assert goes_on == {}
    step = scheduler.step(request, made, 1)
    shown = scheduler.tokenizer.decode(step['response_token_ids'][len(made.token_ids) :])
    said = 'ImageError: s.png: 2048x30 is too narrow to be shown at 50176 pixels'
    assert shown == f'<sandbox_output>{said}</sandbox_output>'
    assert request.images == [str(picture)]


def test_a_question_whose_picture_cannot_be_shown_ends_only_its_own_trajectory(
    scheduler: ThymeScheduler, tmp_path: Path
) -> None:
    Image.new('RGB', (2048, 30)).save(tmp_path / 'strip.png')
    prompt = protocol.render_user_prompt('Which?', [protocol.PromptImage('images/1.png', 2048, 30)])
    request = RolloutInferRequest([{'role': 'user', 'content': prompt}], images=[str(tmp_path / 'strip.png')])
    asyncio.run(scheduler.on_trajectory_start([request]))
    scheduler._o3.set_mode('vllm')
    assert scheduler._o3.encode(request)['input_ids']
    ended, _ = turn(scheduler, request, STRIP)
    info = ended['rollout_infos']['thyme']
    assert info['stop_reason'] == 'error' and 'too narrow' in info['error']
