"""One trajectory as the row that must have been trained: ids, loss mask, pictures, from its record alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from .. import protocol
from ..trajectories import Record
from ..types import SegmentKind

IMAGE_TEXT = '<|vision_start|><|image_pad|><|vision_end|>'


@dataclass(frozen=True)
class Row:
    """What was trained of one trajectory."""

    ids: list[int]
    """Image pads repeated for every visual token."""
    trained: list[bool]
    """As long as `ids`."""
    pictures: list[Image.Image]
    """As the model is shown them: RGB, resized."""


class RowBuilder:
    """Builds rows for one tokenizer and one pixel budget."""

    def __init__(self, model: Path, *, budget_px: tuple[int, int] | None = None) -> None:
        """Reads what a checkpoint says of both.

        Args:
            model: folder of a checkpoint of the Qwen-VL family.
            budget_px: fewest and most pixels of a picture; by default the checkpoint's.
        """
        from tokenizers import Tokenizer

        self.model = model
        self._tokenizer = Tokenizer.from_file(str(model / 'tokenizer.json'))
        self.pad_id = int(self._tokenizer.token_to_id('<|image_pad|>') or 0)
        processor = _image_processor(model)
        size = processor.get('size') or {}
        self._budget_px = budget_px or (
            int(size.get('shortest_edge') or processor['min_pixels']),
            int(size.get('longest_edge') or processor['max_pixels']),
        )
        self._factor_px = int(processor['patch_size']) * int(processor['merge_size'])

    def build(self, record: Record, *, trains_code: bool) -> Row:
        """The row of a trajectory that was not quarantined.

        Args:
            record: with the ids that were sampled, and the temperature segments of its turns.
            trains_code: False with `THYME_TRAIN_CODE=mask`.

        Raises:
            ValueError: the record contradicts itself; the text says in what.
        """
        prompt = self._prompt(record)
        parts = [(self.encode(prompt), [False] * len(self.encode(prompt))), *self._turns(record, trains_code)]
        given = [*record.images, *(name for turn in record.turns[:-1] for name in turn.images)]
        pictures = [self.shown(record.folder / name) for name in given]
        ids, trained, at = [], [], 0
        for part_ids, part_trained in parts:
            for token_id, is_trained in zip(part_ids, part_trained, strict=True):
                n = 1
                if token_id == self.pad_id:
                    if at == len(pictures):
                        raise ValueError(f'more image pads than the {at} pictures')
                    n, at = pictures[at].width * pictures[at].height // self._factor_px**2, at + 1
                ids += [token_id] * n
                trained += [is_trained] * n
        if at != len(pictures):
            raise ValueError(f'{at} image pads for {len(pictures)} pictures')
        return Row(ids, trained, pictures)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, special tokens included."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens included."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def shown(self, path: Path) -> Image.Image:
        """A picture as the model is shown it, by the published rule."""
        from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

        with Image.open(path) as image:
            least, most = self._budget_px
            height, width = smart_resize(image.height, image.width, self._factor_px, least, most)
            resized: Image.Image = image.convert('RGB').resize((width, height), Image.Resampling.BICUBIC)
        return resized

    def _prompt(self, record: Record) -> str:
        messages = list(record.messages)
        if not messages or messages[0]['role'] != 'system':
            messages.insert(0, {'role': 'system', 'content': protocol.SYSTEM_PROMPT})
        text = ''.join(f'<|im_start|>{m["role"]}\n{m["content"]}<|im_end|>\n' for m in messages)
        missing = len(record.images) - text.count(protocol.IMAGE_TAG)
        if missing > 0:
            text = text.replace('<|im_start|>user\n', '<|im_start|>user\n' + protocol.IMAGE_TAG * missing, 1)
        return text.replace(protocol.IMAGE_TAG, IMAGE_TEXT) + '<|im_start|>assistant\n'

    def _turns(self, record: Record, trains_code: bool) -> Iterator[tuple[list[int], list[bool]]]:
        at = 0
        for number, turn in enumerate(record.turns, 1):
            kinds = [s.kind for s in turn.segments for _ in range(s.n_tokens)]
            ids = list(record.sampled_ids[at : at + len(kinds)])
            if len(ids) != len(kinds):
                raise ValueError(f'{len(record.sampled_ids)} ids sampled, fewer than the tokens of its turns')
            at += len(kinds)
            yield ids, [trains_code or kind is not SegmentKind.CODE for kind in kinds]
            if number < len(record.turns) and turn.outcome is not None:
                inside = IMAGE_TEXT * len(turn.images) or turn.sandbox_text
                output = self.encode(f'{protocol.SANDBOX_OPEN}{inside}{protocol.SANDBOX_CLOSE}')
                yield output, [False] * len(output)
        if at != len(record.sampled_ids):
            raise ValueError(f'{len(record.sampled_ids)} ids sampled, {at} in its turns')


def _image_processor(model: Path) -> dict[str, Any]:
    """What a checkpoint says of pictures; a trained one has it in `processor_config.json`."""
    newest = model / 'processor_config.json'
    if newest.is_file():
        inside: dict[str, Any] = json.loads(newest.read_text(encoding='utf-8')).get('image_processor') or {}
        if inside:
            return inside
    processor: dict[str, Any] = json.loads((model / 'preprocessor_config.json').read_text(encoding='utf-8'))
    return processor


def read_settings(run: Path) -> dict[str, Any]:
    """The arguments that the host wrote down of a run.

    Raises:
        FileNotFoundError: this is not the output folder of a run.
    """
    settings: dict[str, Any] = json.loads((run / 'args.json').read_text(encoding='utf-8'))
    return settings
