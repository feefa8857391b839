"""What happens while a question is answered, as the messages of a chat. Host-free; knows no Gradio.

Model text is shown as plain text: every character that Markdown or HTML would read is escaped, and code stands in
fences that it cannot close.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...infer import AttemptStarted, CodeStarted, Event, SandboxReplied, Stopped, TextDelta
from ...types import WHY_NO_ANSWER, Outcome, SandboxResult, StopReason
from ...view.blocks import blocks

Message = dict[str, Any]
"""A chat message in the form of both Gradio versions: role, content, and metadata for a part that folds."""

_MARKS = re.compile(r'([\\`*_{}\[\]()#+\-.!|~$:&"\'=^@<>])')
_SAID = {
    Outcome.OK: 'ran',
    Outcome.CODE_ERROR: 'failed',
    Outcome.TIMEOUT: 'ran out of time',
    Outcome.OUT_OF_MEMORY: 'ran out of memory',
    Outcome.BAD_IMAGE: 'gave a picture that was refused',
    Outcome.REFUSED: 'asked for what the sandbox refuses',
    Outcome.DIED: 'ended its process',
}


@dataclass
class _Round:
    text: str = ''
    running: bool = False
    result: SandboxResult | None = None


@dataclass
class Transcript:
    """One question and what has become of it so far."""

    question: str
    images: Sequence[Path] = ()
    rounds: list[_Round] = field(default_factory=lambda: [_Round()])
    stop: StopReason | None = None
    answer: str | None = None
    note: str = ''
    """Said at the end: what failed, or that it was stopped."""

    def feed(self, event: Event) -> None:
        """Takes one event."""
        if isinstance(event, TextDelta):
            if self.rounds[-1].result is not None:
                self.rounds.append(_Round())
            self.rounds[-1].text += event.text
        elif isinstance(event, CodeStarted):
            self.rounds[-1].running = True
        elif isinstance(event, SandboxReplied):
            self.rounds[-1].result, self.rounds[-1].running = event.result, False
        elif isinstance(event, AttemptStarted):
            self.rounds = [_Round()]
        elif isinstance(event, Stopped):
            self.stop, self.answer = event.reason, event.answer

    def messages(self) -> list[Message]:
        """The chat as it stands."""
        found: list[Message] = [{'role': 'user', 'content': {'path': str(image)}} for image in self.images]
        found.append({'role': 'user', 'content': plain(self.question)})
        for number, one in enumerate(self.rounds, 1):
            found += _round(number, one)
        if self.note:
            found.append({'role': 'assistant', 'content': plain(self.note)})
        return found

    @property
    def said_answer(self) -> str:
        """The answer, or why there is none; empty while it may still come."""
        if self.stop is None or self.answer is not None:
            return self.answer or ''
        return f'(none: {WHY_NO_ANSWER.get(self.stop, "the answer is empty")})'

    @property
    def status(self) -> str:
        """One line on where it stands."""
        if self.note:
            return self.note
        if self.stop is None:
            return 'running the code…' if self.rounds[-1].running else 'thinking…'
        code = sum(one.result is not None for one in self.rounds)
        return f'rounds: {len(self.rounds)}, code run: {code}, stopped by: {self.stop.value}'


def plain(text: str) -> str:
    """Text as Markdown that shows exactly this text."""
    lines = _MARKS.sub(r'\\\1', text).split('\n')
    return '\n'.join(re.sub(r'^[ \t]+|^(?=\d+\\\.)', _indent, line) for line in lines)


def _indent(match: re.Match[str]) -> str:
    return '\u00a0' * len(match.group().expandtabs(4))


def fenced(text: str, language: str = '') -> str:
    """Text in a code fence that is longer than any in it."""
    longest = max((len(run) for run in re.findall(r'`+', text)), default=0)
    fence = '`' * max(3, longest + 1)
    return f'{fence}{language}\n{text}\n{fence}'


def _round(number: int, one: _Round) -> list[Message]:
    found: list[Message] = []
    for piece in blocks(one.text):
        if piece[0] == 'w':
            found.append(_said(plain(piece[1])))
        elif piece[0] == 'a':
            found.append(_said(f'**Answer:** {plain(piece[1])}'))
        elif piece[0] == 'm':
            found.append(_folded('Written by the model, not by the sandbox', fenced(piece[1])))
        elif piece[0] == 'c':
            found.append(_code(number, one, ''.join(piece[2][1::2])))
    if one.result is not None:
        found += _output(one.result)
    return found


def _code(number: int, one: _Round, code: str) -> Message:
    title = f'Code {number}'
    if one.result is None:
        return _folded(f'{title} · running' if one.running else title, fenced(code, 'python'), done=False)
    said = f'{title} · {_SAID[one.result.outcome]} in {one.result.elapsed_s:.2f} s'
    if one.result.repairs:
        said += f' · repaired: {", ".join(one.result.repairs)}'
    return _folded(said, fenced(code, 'python'))


def _output(result: SandboxResult) -> list[Message]:
    pictures = [{'role': 'assistant', 'content': {'path': image.path}} for image in result.images]
    if pictures:
        return pictures
    return [_folded('Printed' if result.outcome is Outcome.OK else 'Error', fenced(result.text or '(nothing)'))]


def _said(content: str) -> Message:
    return {'role': 'assistant', 'content': content}


def _folded(title: str, content: str, *, done: bool = True) -> Message:
    metadata = {'title': title, 'status': 'done' if done else 'pending'}
    return {'role': 'assistant', 'content': content, 'metadata': metadata}
