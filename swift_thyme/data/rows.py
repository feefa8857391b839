"""The vocabulary of data preparation: kinds, splits, reasons, fixes, and the row that the host trains on.

Owns names, shapes and what each name means in words; `forms`, `pictures`, `paths`, `checks` and `lengths` do the work,
`prepare` and `validate` drive it.
"""

from __future__ import annotations

import json
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


class Told(str, Enum):
    """A name with the sentence that says what it means: the one text for terminal, report and documents."""

    text: str

    def __new__(cls, value: str, text: str = '') -> Told:
        """Makes a member that is looked up by its name alone."""
        member = str.__new__(cls, value)
        member._value_, member.text = value, text
        return member


class Split(Told):
    """Where a row belongs; the value is its folder's name, which `host.datasets` registers with the host."""

    SINGLE_ROUND = 'single_round', 'Stage 1: one code block that works on a picture (or a direct answer about one).'
    TWO_ROUNDS = 'two_rounds', 'Stage 1: two or more code blocks, refinement or correction.'
    COMPUTATION_IMAGES = 'computation_images', 'Stage 2 (annealing): code that calculates, about a picture.'
    COMPUTATION_TEXT = (
        'computation_text',
        'Stage 2 (annealing): code that calculates, no picture. Feed it as a data set of its own.',
    )
    RL = 'rl', 'Questions with solutions for GRPO.'

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


class Reason(Told):
    """Why a row is not kept, said in a sentence. A rejected row has one: the first one found."""

    MALFORMED_ROW = (
        'malformed_row',
        'Not a row in any known form: broken JSON, a missing or mistyped column, roles out of order.',
    )
    UNSUPPORTED_COLUMN = (
        'unsupported_column',
        'A column changes what the row means, and a prepared row has no place for it.',
    )
    IMAGE_COUNT = 'image_count', 'The number of pictures differs from the number of <image> tags.'
    UNBALANCED_TAGS = (
        'unbalanced_tags',
        'A protocol tag is opened and not closed, closed and not opened, or stands inside a block.',
    )
    SANDBOX_MISSING = 'sandbox_missing', 'A code block is not followed by a sandbox output.'
    SANDBOX_FOREIGN = (
        'sandbox_foreign',
        'A sandbox output follows no code block, or a picture of the response stands outside one.',
    )
    SPECIAL_TOKEN = 'special_token', 'The text holds a token that the host would read as its own, or a picture handle.'
    ANSWER_MISSING = 'answer_missing', 'There is no filled <answer>…</answer> after the last sandbox output.'
    EMPTY_SOLUTION = 'empty_solution', 'There is nothing to score an answer against.'
    PATH_WITHOUT_PICTURE = 'path_without_picture', 'The prompt names a picture’s path, but the row has no picture.'
    UNREADABLE_IMAGE = 'unreadable_image', 'Not base64, no such file, not a picture, or damaged inside.'
    TRUNCATED_IMAGE = 'truncated_image', 'The picture’s data ends early.'
    IMAGE_SHAPE = 'image_shape', 'A side below 28 px or an aspect ratio above 200: the model family cannot see it.'
    OVER_LONG = 'over_long', 'The conversation costs more tokens than the given maximum, pictures included.'
    DUPLICATE = 'duplicate', 'The same texts, the system message’s too, and pictures come earlier in the set.'
    CERTIFY_FAILED = (
        'certify_failed',
        'A code block did not run, the row does not say so, and failed rows were to be dropped.',
    )
    CERTIFY_DIFFERENT = (
        'certify_different',
        'Code gave other pictures than the stored ones, and such rows were to be dropped.',
    )
    CERTIFY_OTHER_TEXT = (
        'certify_other_text',
        'Code printed other text than the row says, and such rows were to be dropped.',
    )
    CHANGED_IMAGE = 'changed_image', 'A stored picture’s content is not what its name promises.'


class Fix(Told):
    """What was changed in a row that is kept; counted once per row."""

    PROMPT_PATH = 'prompt_path', 'The prompt’s foreign path became a handle.'
    RESPONSE_PATH = 'response_path', 'The same path or file name in the response became the handle.'
    OTHER_PATH_READ = (
        'other_path_read',
        'Code read a picture under a name the prompt does not give; now the first picture’s handle.',
    )
    OTHER_PATH_WRITTEN = 'other_path_written', 'Code wrote a picture to a foreign folder; now the sandbox’s.'
    PROCESSED_DIR = 'processed_dir', 'A foreign folder of processed pictures became the sandbox’s.'
    STEM = 'stem', 'File names made from the picture’s old name follow its new one.'
    SIZE_LINE = 'size_line', 'The prompt stated another size than the picture has; now the true one.'
    PROMPT_RENDERED = 'prompt_rendered', 'A bare question was put into the paper’s prompt (Table 2).'
    SYSTEM_ADDED = 'system_added', 'The row had no system message; the paper’s was added (Table 1).'
    ORIENTATION = 'orientation', 'EXIF orientation was applied to the pixels.'
    COLOUR_MODE = 'colour_mode', 'Palette, CMYK, 16-bit or transparent pixels became RGB or grey.'
    BRIGHTNESS = 'brightness', 'A 16-bit or float picture fills fewer bits than 16; the fewest that hold it are white.'
    FORMAT = 'format', 'A picture that is neither JPEG, PNG nor WEBP was stored as PNG.'
    STRUCTURE = 'structure', 'A picture whose pixels are whole but whose file is not was written anew.'
    SANDBOX_EMPTY = 'sandbox_empty', 'No change, a note: a sandbox output of the response is empty.'


class SystemPolicy(str, Enum):
    """Which system message rows carry; they carry it in full, so that a set does not depend on a template's default."""

    KEEP = 'keep'
    """The source's own where it has one, `protocol.SYSTEM_PROMPT` otherwise."""
    REPLACE = 'replace'
    """`protocol.SYSTEM_PROMPT` in every row."""
    NONE = 'none'
    """No system message: the template's default applies."""


class Verdict(Told):
    """What certification says of a row."""

    AS_WRITTEN = (
        'as_written',
        'Every code block did what the row says as it stands: gave the same, or the error it stores.',
    )
    REPAIRED = 'repaired', 'Every code block ran, at least one after a named repair, and gave what the row says.'
    OTHER_TEXT = 'other_text', 'Every code block ran, but one printed other text than the row says.'
    DIFFERENT = 'different', 'Every code block ran, but one gave other pictures than the stored ones.'
    FAILED = 'failed', 'A code block did not run, repairs or not, and the row does not say so.'


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


def parse_line(line: bytes | str) -> dict[str, Any] | RowRejected:
    """A line of JSON as a row, or why it is none."""
    try:
        return as_row(json.loads(line, object_pairs_hook=read_object))
    except (ValueError, RecursionError) as error:
        return RowRejected(Reason.MALFORMED_ROW, f'not JSON: {error}')


def as_row(value: Any) -> dict[str, Any] | RowRejected:
    """A value of JSON as a row, or why it is none."""
    if isinstance(value, _Ambiguous):
        return RowRejected(Reason.MALFORMED_ROW, f'{", ".join(map(repr, value))} stands twice, with two values')
    return value if isinstance(value, dict) else RowRejected(Reason.MALFORMED_ROW, 'not a JSON object')


class _Ambiguous(dict[str, Any]):
    """An object in which a key stands twice with two values; it holds these keys."""


def read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What `json` calls with the members of an object, so that `as_row` can refuse one with two values of one key."""
    found = dict(pairs)
    twice = {
        key: found[key]
        for key, value in pairs
        if (found[key] is not value and found[key] != value) or _holds_ambiguous(value)  # NaN differs from itself
    }
    return _Ambiguous(twice) if twice else found


def _holds_ambiguous(value: Any) -> bool:
    return isinstance(value, _Ambiguous) or (isinstance(value, list) and any(map(_holds_ambiguous, value)))


@contextmanager
def refusing_odd_values() -> Iterator[None]:
    """Makes one rejected row of what a library raises over the values of one row: nesting, text, numbers, dates.

    Raises:
        RowRejected: MALFORMED_ROW.
    """
    try:
        yield
    except DataError:
        raise
    except RecursionError as error:
        raise RowRejected(Reason.MALFORMED_ROW, 'values are nested too deep to be read') from error
    except (ValueError, TypeError, OverflowError) as error:
        raise RowRejected(Reason.MALFORMED_ROW, f'{type(error).__name__}: {escape_surrogates(str(error))}') from error


def escape_surrogates(text: str) -> str:
    """A text that UTF-8 can hold: half characters written as JSON writes them, `\\ud83d`."""
    return text if text.isascii() else text.encode('utf-8', 'backslashreplace').decode()


@dataclass(frozen=True)
class SourceRow:
    """A row of any known form, brought to one shape."""

    user: str
    pictures: Sequence[Any]
    """As the source spells them; `pictures.read_picture` reads them."""
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
    messages: list[dict[str, str]]
    images: list[str]
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
    chars: int = 0
    """Of all messages. For the report; not written."""
