"""The O3 mixin does the same over each of the three model families, forward pass included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from swift.model import get_model_processor
from swift.rlhf_trainers.utils import replace_assistant_response_with_ids
from swift.template import get_template

from swift_thyme.demo.tiny import Family, build_tiny
from swift_thyme.host.register import register_all

from .test_template import IGNORED, collate, parts_of, runs, sft_row


@pytest.fixture(scope='module', params=list(Family), ids=lambda family: family.value)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Model and O3 template of one family."""
    out = tmp_path_factory.mktemp(request.param.value)
    build_tiny(out, family=request.param)
    register_all()
    model, processor = get_model_processor(str(out), model_type=request.param.value, torch_dtype=torch.float32)
    template = get_template(processor, template_type=f'thyme_{request.param.value}', loss_scale='thyme')
    template.set_mode('train')
    template.model = model
    return model, template


def test_masks_are_those_of_the_option(loaded: tuple[Any, Any], picture: Path) -> None:
    template = loaded[1]
    ids, labels = collate(template, sft_row(2, picture))
    expected = [part for part in parts_of(2) if not part.startswith('<sandbox_output>')]
    expected[-1] += '<|im_end|>\n'
    assert runs(template, ids, labels, trained=True) == expected


def test_pictures_of_id_backed_turns_reach_the_model(loaded: tuple[Any, Any], picture: Path) -> None:
    model, template = loaded
    sampled = template.tokenizer.encode('<think>crop<code>x</code>')
    output = template.tokenizer.encode('<sandbox_output><|vision_start|><|image_pad|><|vision_end|></sandbox_output>')
    messages = [{'role': 'user', 'content': '<image>Which?'}, {'role': 'assistant', 'content': ''}]
    mask = [1] * len(sampled) + [0] * len(output)
    messages = replace_assistant_response_with_ids(messages, [sampled + output], [mask])
    encoded = template.encode({'messages': messages, 'images': [str(picture)] * 2, 'add_eos': False})
    assert [i for i in encoded['labels'] if i != IGNORED] == sampled
    assert len(encoded['image_grid_thw']) == 2
    batch = template.data_collator([encoded])
    batch.pop('labels')
    batch = {k: v for k, v in template.pre_forward_hook(model, None, batch)[1].items() if k != 'text_position_ids'}
    with torch.no_grad():
        logits = model(**batch).logits
    assert logits.shape[:2] == (1, len(encoded['input_ids'])) and bool(logits.isfinite().all())
