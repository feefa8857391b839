"""Certification of one SFT row: its code is run in the sandbox, block by block, and compared with what the row says.

An error that the row itself stores is what its code should do: the row corrects it in its next block, which is run too.
What the row's code does is a verdict; what the sandbox itself fails at is an exception and never one. Not here: which
rows, in what order, and what becomes of them (`prepare.certification`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..protocol import IMAGE_TAG, SANDBOX_CLOSE, SANDBOX_OPEN, code_blocks
from ..sandbox.base import InputImage, Sandbox, Session
from ..types import Outcome, SegmentKind
from .checks import parts
from .likeness import alike
from .rows import Verdict

_ERROR = re.compile(
    r'\s*(?:Error: )?(?P<type>(?:\w+\.)*'
    r'(?:[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Iteration|Warning)|error))(?=:|\s|$)'
)
"""How a line begins that names an error, in a traceback's last line, too."""
_LINE = re.compile(r' \(line \d+\)')


@dataclass(frozen=True)
class BlockReport:
    """What became of one code block."""

    outcome: Outcome
    repairs: tuple[str, ...]
    error: str
    """The line that names the error, or empty."""
    distances: tuple[int, ...]
    """Of returned pictures from the stored ones, bits of 64."""
    same_pictures: bool
    same_text: bool
    as_stored: bool = False
    """The block failed, and with an error of the type that the row stores."""

    @property
    def failed(self) -> bool:
        """Whether it did not run, and the row does not say so."""
        return self.outcome is not Outcome.OK and not self.as_stored


@dataclass(frozen=True)
class RowReport:
    """What became of one row."""

    verdict: Verdict
    blocks: tuple[BlockReport, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, for files."""
        blocks = [{**asdict(block), 'outcome': block.outcome.value} for block in self.blocks]
        return {'verdict': self.verdict.value, 'blocks': blocks}


async def certify_row(row: Mapping[str, Any], sandbox: Sandbox) -> RowReport:
    """Runs every code block of a resolved SFT row in one session.

    Args:
        row: `messages` and `images` with real paths (see `paths.resolve`).
        sandbox: any backend.

    Raises:
        SandboxError: the sandbox failed; nothing is known of the row.
        DataError: a picture of the row cannot be read.
    """
    by_role = {message['role']: message['content'] for message in row['messages']}
    response = by_role['assistant']
    blocks = code_blocks(response)
    in_prompt = by_role['user'].count(IMAGE_TAG)
    images = [str(path) for path in row['images']]
    expected = _expected(response, images[in_prompt:])
    inputs = [InputImage(path, prompt_path=path) for path in images[:in_prompt]]
    reports = []
    session = await sandbox.open(inputs)
    try:
        for code, (text, stored) in zip(blocks, expected, strict=False):
            reports.append(await _certify_block(session, code, text, stored))
            if reports[-1].failed:
                break
    finally:
        await session.close()
    return RowReport(_verdict(reports), tuple(reports))


def _expected(response: str, pictures: Sequence[str]) -> Iterator[tuple[str, list[Path]]]:
    """Text and pictures of each sandbox output, in order."""
    at = 0
    for part in parts(response):
        if part.kind is SegmentKind.SANDBOX:
            inside = part.text[len(SANDBOX_OPEN) : -len(SANDBOX_CLOSE)]
            count = inside.count(IMAGE_TAG)
            yield inside, [Path(path) for path in pictures[at : at + count]]
            at += count


async def _certify_block(session: Session, code: str, text: str, stored: list[Path]) -> BlockReport:
    result = await session.run(code)
    ran = result.outcome is Outcome.OK
    same, distances = True, list[int]()
    error = '' if ran else _error_of(result.own_text)
    as_stored = (
        not ran and not stored and (_same_type(_error_of(text), error) or text.split() == result.own_text.split())
    )
    if ran:
        same, distances = alike([Path(image.path) for image in result.images], stored)
    return BlockReport(
        outcome=result.outcome,
        repairs=result.repairs,
        error=error,
        distances=tuple(distances),
        same_pictures=same,
        same_text=bool(stored) or bool(result.images) or _same_text(text, result.own_text, error),
        as_stored=as_stored,
    )


def _error_of(text: str) -> str:
    """The line of a sandbox output that names an error, the last one of a traceback; the first line where none does."""
    lines = text.strip().splitlines()
    named = [line for line in lines if _ERROR.match(line)]
    return [*named[-1:], *lines[:1], ''][0].strip()[:200]


def _same_type(stored: str, got: str) -> bool:
    types = [found['type'].rpartition('.')[2] for found in map(_ERROR.match, (stored, got)) if found]
    return len(types) == 2 and types[0] == types[1]


def _same_text(stored: str, got: str, error: str) -> bool:
    """Whether a row says what was printed; of an error the message counts, not where it stood."""
    if not error:
        return stored.split() == got.split()
    return _message_of(_error_of(stored)) == _message_of(error)


def _message_of(line: str) -> list[str]:
    found = _ERROR.match(line)
    return _LINE.sub('', line[found.end() :] if found else line).split()


def _verdict(blocks: Sequence[BlockReport]) -> Verdict:
    if any(block.failed for block in blocks):
        return Verdict.FAILED
    if not all(block.same_pictures for block in blocks):
        return Verdict.DIFFERENT
    if not all(block.same_text for block in blocks):
        return Verdict.OTHER_TEXT
    return Verdict.REPAIRED if any(block.repairs for block in blocks) else Verdict.AS_WRITTEN
