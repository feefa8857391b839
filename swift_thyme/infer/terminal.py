"""A trajectory on a terminal, as it comes: words, code and results in different colours, where there are colours."""

from __future__ import annotations

from typing import TextIO

from .. import protocol
from ..types import SegmentKind
from .events import AttemptStarted, CodeStarted, Event, SandboxReplied, TextDelta

_RESET = '\x1b[0m'
_COLOURS = {SegmentKind.CODE: '\x1b[36m', SegmentKind.SANDBOX: '\x1b[33m', SegmentKind.TEXT: ''}
_NOTE = '\x1b[2m'
_CONTROL = {i: None for i in (*range(32), *range(127, 160)) if chr(i) not in '\n\t'}


class Painter:
    """Writes events to a stream. What the model or its code writes cannot move the cursor or change colours."""

    def __init__(self, out: TextIO, *, colours: bool | None = None) -> None:
        """
        Args:
            out: where to write.
            colours: by default whether `out` is a terminal.
        """
        self._out = out
        self._colours = out.isatty() if colours is None else colours

    def __call__(self, event: Event) -> None:
        """Shows one event."""
        if isinstance(event, TextDelta):
            self._write(event.text, _COLOURS[event.kind])
        elif isinstance(event, SandboxReplied):
            self._result(event)
        elif isinstance(event, AttemptStarted):
            kind = 'again' if event.tools else 'without tools'
            self._write(f'\n[attempt {event.number}: no answer yet, {kind}]\n', _NOTE)
        elif isinstance(event, CodeStarted):
            self._out.flush()

    def _result(self, event: SandboxReplied) -> None:
        result = event.result
        lines = [f'\n[{image.width_px}x{image.height_px} {image.path}]' for image in result.images]
        body = ''.join(lines) or result.text
        self._write(f'{protocol.SANDBOX_OPEN}{body}{protocol.SANDBOX_CLOSE}', _COLOURS[SegmentKind.SANDBOX])
        if result.repairs:
            self._write(f'[repaired: {", ".join(result.repairs)}]', _NOTE)

    def _write(self, text: str, colour: str) -> None:
        text = harmless(text)
        self._out.write(f'{colour}{text}{_RESET}' if self._colours and colour else text)
        self._out.flush()


def harmless(text: str) -> str:
    """Text without the characters that steer a terminal."""
    return text.translate(_CONTROL)
