"""The vocabulary of data preparation: kinds, splits, reasons, fixes, and the row that the host trains on.

Owns names and shapes only; `pictures`, `paths`, `checks` and `lengths` do the work, `prepare` and `validate` drive it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..errors import DataError


class Kind(str, Enum):
    """What a set is for."""

    SFT = 'sft'
    RL = 'rl'


class Split(str, Enum):
    """Where a row belongs; the value is its folder's name, which `host.datasets` registers with the host."""

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
    """Why a row is not kept, told in words by `explain.REASON_TEXT`. A rejected row has one: the first one found."""

    MALFORMED_ROW = 'malformed_row'
    UNSUPPORTED_COLUMN = 'unsupported_column'
    IMAGE_COUNT = 'image_count'
    UNBALANCED_TAGS = 'unbalanced_tags'
    SANDBOX_MISSING = 'sandbox_missing'
    SANDBOX_FOREIGN = 'sandbox_foreign'
    SPECIAL_TOKEN = 'special_token'
    ANSWER_MISSING = 'answer_missing'
    EMPTY_SOLUTION = 'empty_solution'
    PATH_WITHOUT_PICTURE = 'path_without_picture'
    UNREADABLE_IMAGE = 'unreadable_image'
    TRUNCATED_IMAGE = 'truncated_image'
    IMAGE_SHAPE = 'image_shape'
    OVER_LONG = 'over_long'
    DUPLICATE = 'duplicate'
    CERTIFY_FAILED = 'certify_failed'
    CERTIFY_DIFFERENT = 'certify_different'
    CERTIFY_OTHER_TEXT = 'certify_other_text'
    CHANGED_IMAGE = 'changed_image'


class Fix(str, Enum):
    """What was changed in a row that is kept; `explain.FIX_TEXT` says it in words. Counted once per row."""

    PROMPT_PATH = 'prompt_path'
    RESPONSE_PATH = 'response_path'
    OTHER_PATH_READ = 'other_path_read'
    OTHER_PATH_WRITTEN = 'other_path_written'
    PROCESSED_DIR = 'processed_dir'
    STEM = 'stem'
    SIZE_LINE = 'size_line'
    PROMPT_RENDERED = 'prompt_rendered'
    SYSTEM_ADDED = 'system_added'
    ORIENTATION = 'orientation'
    COLOUR_MODE = 'colour_mode'
    FORMAT = 'format'
    STRUCTURE = 'structure'
    SANDBOX_EMPTY = 'sandbox_empty'


class SystemPolicy(str, Enum):
    """Which system message rows carry; they carry it in full, so that a set does not depend on a template's default."""

    KEEP = 'keep'
    """The source's own where it has one, `protocol.SYSTEM_PROMPT` otherwise."""
    REPLACE = 'replace'
    """`protocol.SYSTEM_PROMPT` in every row."""
    NONE = 'none'
    """No system message: the template's default applies."""


class Verdict(str, Enum):
    """What certification says of a row."""

    AS_WRITTEN = 'as_written'
    REPAIRED = 'repaired'
    OTHER_TEXT = 'other_text'
    DIFFERENT = 'different'
    FAILED = 'failed'
    NO_CODE = 'no_code'


DROPPABLE = {
    Verdict.FAILED: Reason.CERTIFY_FAILED,
    Verdict.DIFFERENT: Reason.CERTIFY_DIFFERENT,
    Verdict.OTHER_TEXT: Reason.CERTIFY_OTHER_TEXT,
}
"""Verdicts whose rows can be dropped, and the reason they are then rejected for."""


class RowRejected(DataError):
    """One row cannot be used. Caught where rows are converted; becomes a line of the rejected file."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f'{reason.value}: {detail}')
        self.reason = reason
        self.detail = detail
        self.row: dict[str, Any] = {}
        """The columns that could be read, where the row itself could not."""


@contextmanager
def refusing_odd_values() -> Iterator[None]:
    """Makes one rejected row of what a library raises over the values of one row: nesting, text, numbers, dates.

    Raises:
        RowRejected: MALFORMED_ROW.
    """
    try:
        yield
    except RowRejected:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise RowRejected(Reason.MALFORMED_ROW, f'{type(error).__name__}: {escape_surrogates(str(error))}') from error


def escape_surrogates(text: str) -> str:
    """A text that UTF-8 can hold: half characters written as JSON writes them, `\\ud83d`."""
    return text if text.isascii() else text.encode('utf-8', 'backslashreplace').decode()


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
    ignored: tuple[str, ...] = ()
    """Columns that say something and are left out."""


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
    carried: tuple[str, ...] = ()
    """Names of the columns in `extra`. For the report; not written."""
    ignored: tuple[str, ...] = ()
    """Names of the columns that are left out. For the report; not written."""
    fixes: tuple[Fix, ...] = ()
    length_tokens: int | None = None
    """Counted only where the row might be over-long. For the report; not written."""
    picture_bytes: int = 0
    """Of all pictures of the row. For the report; not written."""
