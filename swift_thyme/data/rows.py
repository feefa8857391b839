"""The vocabulary of data preparation: kinds, splits, reasons, fixes, and the row that the host trains on.

Owns names and shapes only; `pictures`, `paths`, `checks` and `lengths` do the work, `prepare` and `validate` drive it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..errors import DataError


class Kind(str, Enum):
    """What a set is for."""

    SFT = 'sft'
    RL = 'rl'


class Split(str, Enum):
    """Where a row belongs; the value is its folder's name, which `host` registers with the host."""

    SINGLE_ROUND = 'single_round'
    TWO_ROUNDS = 'two_rounds'
    COMPUTATION_IMAGES = 'computation_images'
    COMPUTATION_TEXT = 'computation_text'
    RL = 'rl'

    @property
    def folder(self) -> str:
        """The split's folder, relative to the set: the training stage that reads it comes first."""
        return f'{STAGES[self]}/{self.value}' if self in STAGES else self.value


STAGES = {
    Split.SINGLE_ROUND: 'stage1',
    Split.TWO_ROUNDS: 'stage1',
    Split.COMPUTATION_IMAGES: 'stage2',
    Split.COMPUTATION_TEXT: 'stage2',
}
"""Paper: stage 1 learns from image operations in one and two rounds, stage 2 anneals on computation."""


class Reason(str, Enum):
    """Why a row is not kept. Every rejected row has exactly one: the first that is found."""

    MALFORMED_ROW = 'malformed_row'
    """Not a row in any known form: broken JSON, a missing or mistyped column, roles out of order."""
    IMAGE_COUNT = 'image_count'
    """The number of pictures differs from the number of `<image>` tags."""
    UNBALANCED_TAGS = 'unbalanced_tags'
    """A protocol tag is opened and not closed, closed and not opened, or opened twice."""
    SANDBOX_MISSING = 'sandbox_missing'
    """A code block is not followed by a sandbox output."""
    SANDBOX_FOREIGN = 'sandbox_foreign'
    """A sandbox output follows no code block, or a picture of the response stands outside of one."""
    SPECIAL_TOKEN = 'special_token'
    """The text holds a token that the host would read as its own: `<|…|>`, `<video>`, `<audio>`, or a handle."""
    ANSWER_MISSING = 'answer_missing'
    """The response has no closed, non-empty `<answer>` after its last code block."""
    EMPTY_SOLUTION = 'empty_solution'
    PATH_WITHOUT_PICTURE = 'path_without_picture'
    """The prompt names a picture's path, but the row has no picture."""
    UNREADABLE_IMAGE = 'unreadable_image'
    """Not base64, no such file, or not a picture."""
    TRUNCATED_IMAGE = 'truncated_image'
    """A picture whose data ends early."""
    IMAGE_SHAPE = 'image_shape'
    """A side below 28 px or an aspect ratio above 200: the model family cannot see it."""
    OVER_LONG = 'over_long'
    DUPLICATE = 'duplicate'
    CERTIFY_FAILED = 'certify_failed'
    """A code block did not run in the sandbox (only with `--certify --drop failed`)."""
    CERTIFY_DIFFERENT = 'certify_different'
    """A code block gave other pictures than the stored ones (only with `--certify --drop different`)."""
    CHANGED_IMAGE = 'changed_image'
    """A stored picture is not the one its name promises (only in `thyme validate`)."""


class Fix(str, Enum):
    """What was changed in a row that is kept. Counted per row."""

    PROMPT_PATH = 'prompt_path'
    """The foreign path of the prompt became a handle."""
    RESPONSE_PATH = 'response_path'
    """The same picture's path or file name in the response became the handle."""
    OTHER_PATH_READ = 'other_path_read'
    """Code read a picture under a path that the prompt does not name; it became the handle of the first picture."""
    OTHER_PATH_WRITTEN = 'other_path_written'
    """Code wrote a picture to a foreign absolute path; it became one below the sandbox's directory."""
    PROCESSED_DIR = 'processed_dir'
    """A foreign directory of processed pictures became the sandbox's."""
    STEM = 'stem'
    """A file name derived from the picture's own name follows its new name."""
    SIZE_LINE = 'size_line'
    """The prompt stated another size than the picture has."""
    PROMPT_RENDERED = 'prompt_rendered'
    """A bare question was put into the paper's prompt (Table 2)."""
    SYSTEM_ADDED = 'system_added'
    ORIENTATION = 'orientation'
    """EXIF orientation was applied to the pixels."""
    COLOUR_MODE = 'colour_mode'
    """Palette, CMYK, 16-bit or transparent pixels became RGB or grey."""
    FORMAT = 'format'
    """A picture that is neither JPEG, PNG nor WEBP was stored as PNG."""
    SANDBOX_EMPTY = 'sandbox_empty'
    """Not a change, a note: a sandbox output of the response is empty."""


class SystemPolicy(str, Enum):
    """Which system message rows carry; they carry it in full, so that a set does not depend on a template's default."""

    KEEP = 'keep'
    """The source's own where it has one, `protocol.SYSTEM_PROMPT` otherwise."""
    REPLACE = 'replace'
    """`protocol.SYSTEM_PROMPT` in every row."""
    NONE = 'none'
    """No system message: the template's default applies."""


class RowRejected(DataError):
    """One row cannot be used. Caught where rows are converted; becomes a line of the rejected file."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f'{reason.value}: {detail}')
        self.reason = reason
        self.detail = detail


Encoded = bytes | memoryview
"""Picture bytes, or base64 characters, in memory."""


@dataclass(frozen=True)
class PictureSource:
    """One picture as the source gives it: exactly one of the three."""

    base64: Encoded | str | None = None
    data: Encoded | None = None
    path: str | None = None


@dataclass(frozen=True)
class SourceRow:
    """A row of any known form, brought to one shape."""

    user: str
    pictures: Sequence[PictureSource]
    system: str | None = None
    response: str | None = None
    solution: str | None = None
    question: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PreparedRow:
    """What is written: the host reads `messages` and `images`, rewards read the rest."""

    id: str
    """First 24 hexadecimal digits of the content's hash: same messages and pictures, same id."""
    split: Split
    messages: tuple[dict[str, str], ...]
    images: tuple[str, ...]
    """Relative to the set's folder, or absolute in a set made with `--keep-paths`."""
    sizes: tuple[tuple[int, int], ...]
    """Width and height of each picture, px. For the report; not written."""
    source: str
    """`file#row` in the source."""
    rounds: int
    """Code blocks in the response; 0 for RL."""
    solution: str | None = None
    question: str | None = None
    extra: str | None = None
    """Further columns of an RL source row as a JSON object, or None."""
    fixes: tuple[Fix, ...] = ()
    length_tokens: int | None = None
    """Counted only where the row might be over-long. For the report; not written."""
    picture_bytes: int = 0
    """Of all pictures of the row. For the report; not written."""
