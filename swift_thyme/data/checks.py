"""Checks of a row's text: tags, sandbox outputs, answer, picture count. They hold for sources and for prepared sets.

Each check raises `RowRejected` with one reason, or returns. Tags are read through `protocol` alone. Not here: pictures
(`pictures`), lengths (`lengths`), duplicates (they need the whole set).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from ..protocol import (
    ANSWER_CLOSE,
    ANSWER_OPEN,
    CODE_CLOSE,
    CODE_OPEN,
    IMAGE_TAG,
    SANDBOX_CLOSE,
    SANDBOX_OPEN,
    THINK_CLOSE,
    THINK_OPEN,
    PromptPath,
    answer_of,
    prompt_paths,
    segments,
)
from ..types import Segment, SegmentKind
from .rows import Fix, Reason, RowRejected

_PAIRS = (
    (CODE_OPEN, CODE_CLOSE),
    (SANDBOX_OPEN, SANDBOX_CLOSE),
    (THINK_OPEN, THINK_CLOSE),
    (ANSWER_OPEN, ANSWER_CLOSE),
)
_ENDS = {SegmentKind.CODE: CODE_CLOSE, SegmentKind.SANDBOX: SANDBOX_CLOSE}
_HOST_TOKEN = re.compile(r'<\|[^<>|\s]{1,64}\|>|<(?:video|audio|start-image|bbox|ref-object)>|<img>.+?</img>')


@lru_cache(maxsize=4)
def parts(text: str) -> tuple[Segment, ...]:
    """`protocol.segments`, remembered for the text at hand: one row asks several times."""
    return segments(text)


@lru_cache(maxsize=4)
def paths_in(text: str) -> tuple[PromptPath, ...]:
    """`protocol.prompt_paths`, remembered likewise."""
    return prompt_paths(text)


def check_picture_count(texts: list[str], pictures: int) -> None:
    """The number of pictures is the number of `<image>` tags of all texts together.

    Raises:
        RowRejected: IMAGE_COUNT.
    """
    tags = sum(text.count(IMAGE_TAG) for text in texts)
    if tags != pictures:
        raise RowRejected(Reason.IMAGE_COUNT, f'{pictures} pictures, {tags} image tags')


def check_unicode(texts: Mapping[str, str | None]) -> None:
    """No text holds half a character, which no file and no tokenizer can hold.

    Args:
        texts: by column.

    Raises:
        RowRejected: MALFORMED_ROW.
    """
    for name, text in texts.items():
        try:
            (text or '').encode()
        except UnicodeEncodeError as error:
            half = f'{error.object[error.start]!r} at character {error.start}'
            raise RowRejected(
                Reason.MALFORMED_ROW, f'{name} holds half a character: a lone surrogate {half}'
            ) from error


def check_host_tokens(texts: list[str]) -> None:
    """No text holds a token that the host would encode as its own.

    Raises:
        RowRejected: SPECIAL_TOKEN.
    """
    for text in texts:
        found = _HOST_TOKEN.search(text)
        if found:
            raise RowRejected(Reason.SPECIAL_TOKEN, f'{found.group()[:80]!r} at character {found.start()}')


def check_user(text: str) -> None:
    """The prompt names no picture it does not have, and holds no sandbox output of its own (empty tags may be named).

    Raises:
        RowRejected: PATH_WITHOUT_PICTURE or SANDBOX_FOREIGN.
    """
    paths = paths_in(text)
    if paths and IMAGE_TAG not in text:
        raise RowRejected(Reason.PATH_WITHOUT_PICTURE, f'the prompt names {paths[0].path!r}, but has no picture')
    for part in parts(text) if SANDBOX_OPEN in text else ():
        if part.kind is SegmentKind.SANDBOX and part.text[len(SANDBOX_OPEN) : -len(SANDBOX_CLOSE)].strip():
            raise RowRejected(Reason.SANDBOX_FOREIGN, 'a sandbox output stands in the question')


def check_response(text: str) -> tuple[Fix, ...]:
    """A response follows the protocol: balanced tags, one sandbox output after each code block, an answer.

    Returns:
        Notes on a response that is kept.

    Raises:
        RowRejected: UNBALANCED_TAGS, SANDBOX_MISSING, SANDBOX_FOREIGN or ANSWER_MISSING, in this order.
    """
    stretches = parts(text)
    _check_balance(stretches)
    _check_order(stretches)
    answered = answer_of(text)
    if not answered:
        raise RowRejected(Reason.ANSWER_MISSING, 'no answer tag' if answered is None else 'the answer is empty')
    last = max((i for i, part in enumerate(stretches) if part.kind is not SegmentKind.TEXT), default=-1)
    if ANSWER_CLOSE not in ''.join(part.text for part in stretches[last + 1 :]):
        raise RowRejected(Reason.ANSWER_MISSING, 'no answer after the last sandbox output')
    empty = any(part.kind is SegmentKind.SANDBOX and not _inside(part).strip() for part in stretches)
    return (Fix.SANDBOX_EMPTY,) if empty else ()


def _inside(part: Segment) -> str:
    return part.text[len(SANDBOX_OPEN) : -len(SANDBOX_CLOSE)]


def _check_balance(stretches: tuple[Segment, ...]) -> None:
    for part in stretches:
        if part.kind is not SegmentKind.TEXT and not part.text.endswith(_ENDS[part.kind]):
            raise RowRejected(Reason.UNBALANCED_TAGS, f'a {part.kind.value} block is not closed')
        opened = CODE_OPEN if part.kind is SegmentKind.CODE else SANDBOX_OPEN
        if part.kind is not SegmentKind.TEXT and any(
            tag in part.text[len(opened) : -len(_ENDS[part.kind])] for pair in _PAIRS for tag in pair
        ):
            raise RowRejected(Reason.UNBALANCED_TAGS, f'a protocol tag stands inside a {part.kind.value} block')
    words = ''.join(part.text for part in stretches if part.kind is SegmentKind.TEXT)
    for opening, closing in _PAIRS:
        if words.count(opening) != words.count(closing):
            raise RowRejected(
                Reason.UNBALANCED_TAGS, f'{words.count(opening)} x {opening}, {words.count(closing)} x {closing}'
            )
        if 0 <= words.find(closing) < words.find(opening):
            raise RowRejected(Reason.UNBALANCED_TAGS, f'{closing} comes before {opening}')


def _check_order(stretches: tuple[Segment, ...]) -> None:
    waiting = False
    for part in stretches:
        if part.kind is SegmentKind.TEXT:
            if IMAGE_TAG in part.text:
                raise RowRejected(Reason.SANDBOX_FOREIGN, 'a picture of the response stands outside a sandbox output')
            if waiting and part.text.strip():
                break
        elif part.kind is SegmentKind.CODE:
            if waiting:
                break
            waiting = True
        elif waiting:
            waiting = False
        else:
            raise RowRejected(Reason.SANDBOX_FOREIGN, 'a sandbox output follows no code block')
    if waiting:
        raise RowRejected(Reason.SANDBOX_MISSING, 'a code block is not followed by a sandbox output')
