"""Is what is trained what it should be? Checks on real training rows and on finished rollouts.

`TokenRules` looks at token ids and labels as the model gets them, in training (every row) and afterwards (traced
batches). Owns the definition of a sound row; who is told about an unsound one is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import protocol
from .errors import TrajectoryError
from .trace import IGNORED, TracedRow

_TURN_START = '<|im_start|>'


@dataclass(frozen=True)
class TokenRules:
    """The ids that carry meaning in a row, for one tokenizer."""

    image_pad_id: int
    turn_start_id: int

    @classmethod
    def of(cls, tokenizer: Any, image_pad_id: int) -> TokenRules:
        """The rules for a tokenizer of the Qwen family."""
        return cls(image_pad_id, tokenizer.convert_tokens_to_ids(_TURN_START))

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
