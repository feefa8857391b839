"""Is what is trained what it should be? Checks on real training rows and on finished rollouts.

`TokenRules` looks at token ids and labels as the model gets them, in training (every row) and afterwards (traced
batches). Owns the definition of a sound row; who is told about an unsound one is the caller's business.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from .. import protocol
from ..agent import assistant_text
from ..errors import TrajectoryError
from ..types import SandboxImage, SegmentKind, Turn
from .tokens import TokenRecord
from .trace import IGNORED, TracedRow

IMAGE_IDS_TEXT = '<|vision_start|><|image_pad|><|vision_end|>'
"""How the Qwen-VL families write one picture before its pad is repeated for every visual token."""
_MOST_LOGPROB = 1e-3
"""Log-probs are at most 0, give or take rounding."""
_TURN_START = '<|im_start|>'


@dataclass(frozen=True)
class TokenRules:
    """The ids that carry meaning in a row, for one tokenizer."""

    image_pad_id: int

    def check_row(self, input_ids: Sequence[int], labels: Sequence[int], image_tokens: Sequence[int]) -> None:
        """Checks one encoded row.

        Args:
            input_ids: token ids, pads expanded.
            labels: the id where trained, `IGNORED` elsewhere.
            image_tokens: visual tokens of each picture of the row, from the processor's grids.

        Raises:
            TrajectoryError: a label is not its token; an image pad is trained; pads and pictures disagree.
        """
        if len(input_ids) != len(labels):
            raise TrajectoryError(f'{len(input_ids)} ids but {len(labels)} labels; this is a defect, please report it')
        for token_id, label in zip(input_ids, labels, strict=True):
            if label != IGNORED and (label != token_id or token_id == self.image_pad_id):
                what = (
                    'an image pad is trained'
                    if token_id == self.image_pad_id
                    else f'token {token_id} has label {label}'
                )
                raise TrajectoryError(f'{what}; expected the token itself, or none; this is a defect, please report it')
        runs = self.pad_runs(input_ids)
        if runs != list(image_tokens):
            raise TrajectoryError(
                f'image pads and pictures disagree: got runs of {runs} pads, expected {list(image_tokens)}; every '
                'picture of a rollout must be returned in rollout_infos'
            )

    def pad_runs(self, input_ids: Sequence[int]) -> list[int]:
        """Lengths of the stretches of neighbouring image pads."""
        runs: list[int] = []
        inside = False
        for token_id in input_ids:
            if token_id == self.image_pad_id:
                runs[-1:] = [runs[-1] + 1] if inside else [*runs[-1:], 1]
            inside = token_id == self.image_pad_id
        return runs


def trained_ids(row: TracedRow) -> list[int]:
    """The ids that the loss is computed on, in order."""
    return [label for label in row.labels if label != IGNORED]


def trains_sandbox_output(row: TracedRow, tokenizer: Any) -> bool:
    """Whether any token between (or of) the sandbox's tags in the last turn is trained, by decoding token by token."""
    start = len(row.input_ids) - 1 - row.input_ids[::-1].index(tokenizer.convert_tokens_to_ids(_TURN_START))
    text = ''
    spans: list[tuple[int, int, bool]] = []
    for token_id, label in zip(row.input_ids[start:], row.labels[start:], strict=True):
        piece = tokenizer.decode([token_id])
        spans.append((len(text), len(text) + len(piece), label != IGNORED))
        text += piece
    at = 0
    for segment in protocol.segments(text):
        end = at + len(segment.text)
        if segment.kind.value == 'sandbox' and any(t and low < end and high > at for low, high, t in spans):
            return True
        at = end
    return False


def rollout_problem(record: TokenRecord, turns: Sequence[Turn], tokenizer: Any, picture_ids: Collection[int]) -> str:
    """Why a finished rollout must not be trained on; empty when ids, mask, log-probs, pictures and text agree.

    Args:
        record: its ids.
        turns: its turns; the last one's sandbox output was not shown to the policy.
        tokenizer: the model's.
        picture_ids: ids that stand for pictures or videos.
    """
    shown = [image for turn in turns[:-1] if turn.result is not None for image in turn.result.images]
    pads = sum(token_id in picture_ids for ids in record.outputs for token_id in ids)
    if pads != len(shown):
        return f'{pads} image pads for {len(shown)} returned pictures'
    if len(record.ids) != len(record.mask):
        return f'{len(record.ids)} ids but {len(record.mask)} mask values'
    if record.logprobs and len(record.logprobs) != sum(record.mask):
        return f'{len(record.logprobs)} log-probs for {sum(record.mask)} trained tokens'
    odd = [p for p in record.logprobs if not (math.isfinite(p) and p <= _MOST_LOGPROB)]
    if odd:
        return f'{len(odd)} log-probs are no log-probs, the first is {odd[0]}'
    if _decoded(record, tokenizer) != assistant_text(turns):
        return 'the ids do not decode to the text of the trajectory'
    return next(filter(None, map(_picture_problem, shown)), '')


def generation_text(ids: Sequence[int], tokenizer: Any) -> str:
    """The text of one generation; an end-of-turn token at its end is no text."""
    text = str(tokenizer.decode(ids, skip_special_tokens=False))
    ends = (tokenizer.eos_token, tokenizer.pad_token, '<|im_end|>')
    return next((text.removesuffix(end) for end in ends if end and text.endswith(end)), text)


def _decoded(record: TokenRecord, tokenizer: Any) -> str:
    text = ''
    for kind, ids in record.parts:
        if kind is SegmentKind.SANDBOX:
            text += tokenizer.decode(ids, skip_special_tokens=False).replace(IMAGE_IDS_TEXT, protocol.IMAGE_TAG)
        else:
            text += generation_text(ids, tokenizer)
    return text


def _picture_problem(picture: SandboxImage) -> str:
    try:
        with Image.open(picture.path) as image:
            size = image.size
    except OSError as error:
        return f'a returned picture cannot be read: {error}'
    expected = (picture.width_px, picture.height_px)
    return '' if size == expected else f'a returned picture has size {size}, was {expected}'
