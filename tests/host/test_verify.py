"""A rollout is trained only where ids, mask, log-probs, pictures and text agree; each way to disagree is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from swift_thyme.config import SamplingSettings
from swift_thyme.host.tokens import TokenRecord
from swift_thyme.host.verify import rollout_problem
from swift_thyme.spans import token_pieces
from swift_thyme.types import Outcome, SandboxImage, SandboxResult, Turn

CODE, ANSWER = '<think>I crop. <code>print(1)</code>', 'Red. </think><answer>red</answer>'


class Rollout:
    """A sound one: code, a returned picture, an answer."""

    def __init__(self, tokenizer: Any, folder: Path) -> None:
        self.tokenizer, self.pad = tokenizer, tokenizer.convert_tokens_to_ids('<|image_pad|>')
        path = folder / 'crop.png'
        Image.new('RGB', (30, 20)).save(path)
        self.record = TokenRecord(token_pieces(tokenizer), SamplingSettings())
        for text in (CODE, ANSWER):
            ids = tokenizer.encode(text, add_special_tokens=False)
            self.record.sampled(ids, [-0.5] * len(ids), 1.0)
            if text is CODE:
                shown = '<sandbox_output><|vision_start|><|image_pad|><|vision_end|></sandbox_output>'
                self.record.output(tokenizer.encode(shown, add_special_tokens=False), 4)
        result = SandboxResult(Outcome.OK, '', (SandboxImage(str(path), 30, 20, ''),))
        self.turns = [Turn(CODE, 'print(1)', result), Turn(ANSWER)]

    @property
    def problem(self) -> str:
        return rollout_problem(self.record, self.turns, self.tokenizer, {self.pad})

    def image(self, **changes: Any) -> None:
        result = self.turns[0].result
        assert result is not None
        self.turns[0] = replace(self.turns[0], result=replace(result, images=(replace(result.images[0], **changes),)))


def test_a_sound_rollout_has_no_problem(tokenizer: Any, tmp_path: Path) -> None:
    assert Rollout(tokenizer, tmp_path).problem == ''


@pytest.mark.parametrize(
    ('spoil', 'said'),
    [
        (lambda r: r.record.logprobs.__setitem__(3, 0.01), 'are no log-probs, the first is 0.01'),
        (lambda r: r.record.logprobs.__setitem__(3, float('nan')), 'are no log-probs'),
        (lambda r: r.record.logprobs.__setitem__(3, float('-inf')), 'are no log-probs'),
        (lambda r: r.record.logprobs.pop(), 'log-probs for'),
        (lambda r: r.record.mask.pop(), 'mask values'),
        (lambda r: r.record.outputs.clear(), '0 image pads for 1 returned pictures'),
        (lambda r: r.record.parts[-1][1].pop(), 'do not decode to the text'),
        (lambda r: r.image(width_px=31), 'has size (30, 20), was (31, 20)'),
        (lambda r: r.image(path='/nowhere/crop.png'), 'cannot be read'),
    ],
)
def test_every_disagreement_is_found(
    tokenizer: Any, tmp_path: Path, spoil: Callable[[Rollout], object], said: str
) -> None:
    rollout = Rollout(tokenizer, tmp_path)
    spoil(rollout)
    assert said in rollout.problem
