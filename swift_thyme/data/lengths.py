"""How many tokens a row costs: by the model's own tokenizer and pixel budget, without loading the model.

Reads `tokenizer.json` and `preprocessor_config.json` of a Qwen2-VL, Qwen2.5-VL or Qwen3-VL checkpoint and counts what
the host's template makes of a row (ChatML, one placeholder run per picture). A test holds the count against the
host's own encoding. Not here: cutting or splitting rows; an over-long row is rejected.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..protocol import IMAGE_TAG
from ..qwen import resized
from ..types import SegmentKind
from .checks import parts
from .rows import Reason, RowRejected

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PICTURE = '<|vision_start|><|image_pad|><|vision_end|>'
_START, _END = '<|im_start|>', '<|im_end|>'
_MESSAGE_TOKENS = 8
"""At most, around one message's content."""


@dataclass(frozen=True)
class LengthBudget:
    """What a row may cost."""

    model: str
    """A folder, or a Hugging Face model id, with `tokenizer.json` and `preprocessor_config.json`."""
    max_length_tokens: int = 10_240
    """Of the whole conversation, pictures included. Paper: 10240."""
    max_pixels: int = 3_211_264
    """Width × height to which a picture is shrunk. Paper: 3211264 for SFT. Release: 2408448 for RL."""

    def __post_init__(self) -> None:
        if self.max_length_tokens < 1 or self.max_pixels < 28 * 28:
            raise ConfigError(
                f'the length budget cannot work: got {self.max_length_tokens} tokens and {self.max_pixels} pixels; '
                'expected at least 1 and 784; set --max-length and --max-pixels'
            )


@dataclass(frozen=True)
class _Vision:
    factor_px: int
    min_pixels: int
    max_pixels: int


class LengthChecker:
    """Counts rows; one per process, the tokenizer is loaded once."""

    def __init__(self, budget: LengthBudget) -> None:
        """Loads what the model's folder holds.

        Raises:
            ConfigError: the model's files are missing or of another family.
        """
        self._budget = budget
        self._tokenizer = _load_tokenizer(budget.model)
        self._vision = _load_vision(budget)

    def picture_tokens(self, width_px: int, height_px: int) -> int:
        """Placeholder tokens of one picture."""
        height, width = resized(
            height_px, width_px, self._vision.factor_px, self._vision.min_pixels, self._vision.max_pixels
        )
        return (height // self._vision.factor_px) * (width // self._vision.factor_px)

    def count(self, messages: Sequence[dict[str, str]], sizes: Sequence[tuple[int, int]]) -> int:
        """Tokens of a conversation as the host encodes it.

        Args:
            messages: role and content, one `<image>` per picture.
            sizes: width and height of the pictures, px, in order.
        """
        encode = self._tokenizer.encode
        pieces = (piece.replace(IMAGE_TAG, _PICTURE) for piece in _pieces(messages))
        length = sum(len(encode(piece, add_special_tokens=False).ids) for piece in pieces)
        return length + sum(self.picture_tokens(*size) - 1 for size in sizes)

    def check(self, messages: Sequence[dict[str, str]], sizes: Sequence[tuple[int, int]]) -> int | None:
        """Refuses a row that costs more than the budget.

        Returns:
            The row's tokens, or None where they were not counted because the row cannot be over-long: text never
            has more tokens than UTF-8 bytes.

        Raises:
            RowRejected: OVER_LONG.
        """
        bound = sum(self.picture_tokens(*size) + 2 for size in sizes)
        bound += sum(len(message['content'].encode()) + _MESSAGE_TOKENS for message in messages)
        if bound <= self._budget.max_length_tokens:
            return None
        length = self.count(messages, sizes)
        if length > self._budget.max_length_tokens:
            raise RowRejected(Reason.OVER_LONG, f'{length} tokens, at most {self._budget.max_length_tokens}')
        return length


def _pieces(messages: Sequence[dict[str, str]]) -> Iterator[str]:
    """A conversation in the pieces that are tokenized apart: sandbox outputs, and what is between them."""
    text = ''
    for message in messages:
        text += f'{_START}{message["role"]}\n'
        for part in parts(message['content']):
            if part.kind is SegmentKind.SANDBOX and message['role'] == 'assistant':
                yield text
                yield part.text
                text = ''
            else:
                text += part.text
        text += f'{_END}\n'
    yield text


@lru_cache(maxsize=4)
def _load_tokenizer(model: str) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(_model_file(model, 'tokenizer.json')))
    missing = [token for token in (_START, '<|image_pad|>') if tokenizer.token_to_id(token) is None]
    if missing:
        raise ConfigError(
            f'--model {model} cannot count rows: its tokenizer has no {missing}; expected a Qwen2-VL, Qwen2.5-VL or '
            'Qwen3-VL checkpoint; give the model that will be trained'
        )
    return tokenizer


def _load_vision(budget: LengthBudget) -> _Vision:
    config = json.loads(_model_file(budget.model, 'preprocessor_config.json').read_text(encoding='utf-8'))
    size = config.get('size') or {}
    factor = int(config.get('patch_size', 14)) * int(config.get('merge_size', 2))
    smallest = int(config.get('min_pixels') or size.get('shortest_edge') or 4 * factor**2)
    largest = int(config.get('max_pixels') or size.get('longest_edge') or budget.max_pixels)
    return _Vision(factor, smallest, min(largest, budget.max_pixels))


def _model_file(model: str, name: str) -> Path:
    folder = Path(model).expanduser()
    if folder.is_dir():
        if (folder / name).is_file():
            return folder / name
        raise ConfigError(f'--model {model} has no {name}; expected a checkpoint folder; give its path or a model id')
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(model, name))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ConfigError(
            f'--model {model}: {name} cannot be had: {error}; expected a folder or a model id; give a local folder'
        ) from error
