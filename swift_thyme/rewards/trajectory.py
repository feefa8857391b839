"""What the rewards see of one trajectory: its text, the question, the reference, and whether it may be scored at all.

Owns reading the host's keyword arguments. Prefers what the scheduler recorded (`rollout_infos['thyme']`) over the text
of the last message, and says clearly which column of the data set is missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .. import protocol
from ..errors import DataError, TrajectoryError
from ..types import SegmentKind, StopReason

_PATH_LABEL = re.compile(r'\buser image', re.IGNORECASE)
THINKING_CHARS = 500
"""How much of the thinking's end the consistency judge sees. Paper: 500."""


class SetAside(str, Enum):
    """Why a trajectory carries no advantage. Never because of what the policy did."""

    SANDBOX_FAILURE = 'sandbox_failure'
    ERROR = 'error'
    QUARANTINED = 'quarantined'
    JUDGE_UNAVAILABLE = 'judge_unavailable'
    QUESTION_REFUSED = 'question_refused'


@dataclass(frozen=True)
class CodeRounds:
    """The code of a trajectory, as the scheduler recorded it."""

    codes: tuple[str, ...]
    ran: int
    """How many of them ended without an error."""
    pictures: tuple[tuple[str, ...], ...] = ()
    """The pictures each round returned, as paths; rounds without any are left out."""


@dataclass(frozen=True)
class Case:
    """One trajectory to score."""

    question: str
    solution: str | None
    text: str
    """The whole assistant turn, sandbox outputs included."""
    request: str
    """Names the trajectory."""
    set_aside: SetAside | None = None
    rounds: CodeRounds | None = None
    """None when the scheduler recorded nothing."""
    images: tuple[Any, ...] = field(default=(), compare=False, hash=False)
    """The pictures of the question as the host hands them over."""

    @property
    def answer(self) -> str | None:
        """The final answer; None where there is none."""
        return protocol.answer_of(self.text)


_NOT_SCORED = {StopReason.SANDBOX_FAILURE: SetAside.SANDBOX_FAILURE, StopReason.ERROR: SetAside.ERROR}


def read_cases(completions: Sequence[Any], columns: Mapping[str, Any]) -> list[Case]:
    """The trajectories of one reward call.

    Args:
        completions: content of the last message of each.
        columns: the host's keyword arguments: column name → one value a trajectory.

    Raises:
        TrajectoryError: there is no text to score.
    """
    return [_read(i, completion, columns) for i, completion in enumerate(completions)]


def _read(i: int, completion: Any, columns: Mapping[str, Any]) -> Case:
    infos = _at(columns, 'rollout_infos', i)
    info = infos.get('thyme') if isinstance(infos, Mapping) else None
    info = info if isinstance(info, Mapping) else {}
    text = info.get('text', completion)
    if not isinstance(text, str):
        raise TrajectoryError(
            f'trajectory {i} has no text to score: got {type(text).__name__} as the last message; expected text, or '
            f"rollout_infos['thyme']['text']; use --multi_turn_scheduler thyme"
        )
    messages = _at(columns, 'messages', i) or []
    question, solution = _at(columns, 'question', i), _at(columns, 'solution', i)
    question = question if isinstance(question, str) else question_of(messages)
    return Case(
        question=question,
        solution=reference_of(solution),
        text=text,
        request=str(_at(columns, 'request_id', i) or i),
        set_aside=set_aside_of(info),
        rounds=_rounds(info),
        images=tuple(_at(columns, 'images', i) or ()),
    )


def reference_of(solution: Any) -> str | None:
    """A `solution` column as one text: a list of accepted answers as JSON; None for what is no answer."""
    if isinstance(solution, list | tuple) and solution and all(isinstance(one, str) for one in solution):
        return json.dumps(list(solution), ensure_ascii=False)
    if isinstance(solution, int | float | list) and not isinstance(solution, bool) and solution != []:
        return str(solution)
    return solution if isinstance(solution, str) else None


def _at(columns: Mapping[str, Any], name: str, i: int) -> Any:
    values = columns.get(name)
    return values[i] if isinstance(values, Sequence) and not isinstance(values, str) and i < len(values) else None


def set_aside_of(info: Mapping[str, Any]) -> SetAside | None:
    """Why a trajectory must not be scored, from the scheduler's record of it (`rollout_infos['thyme']`)."""
    reason = info.get('stop_reason')
    known = _NOT_SCORED.get(StopReason(reason)) if reason in {r.value for r in StopReason} else None
    return known or (SetAside.QUARANTINED if info.get('quarantined') else None)


def _rounds(info: Mapping[str, Any]) -> CodeRounds | None:
    if 'code_blocks' not in info:
        return None
    turns = info.get('turns') or []
    codes = tuple(str(t['code']) for t in turns if t.get('code') is not None)
    pictures = tuple(tuple(t['images']) for t in turns if t.get('images'))
    return CodeRounds(codes, int(info.get('code_ok', 0)), pictures)


def require_solutions(cases: Sequence[Case], columns: Mapping[str, Any]) -> None:
    """Checks that every trajectory that may be scored has a reference answer.

    Raises:
        DataError: one has none; the message names it and the columns there are.
    """
    for i, case in enumerate(cases):
        if case.solution is None or not case.solution.strip():
            names = ', '.join(sorted(k for k in columns if k not in ('trainer_state', 'trajectory_inputs')))
            raise DataError(
                f'row {i} of the batch has no reference answer: got solution={case.solution!r} with columns {names}; '
                f'expected a non-empty `solution`; add it to the data set (question: {case.question[:80]!r})'
            )


def question_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """The user's question in the last user message, without pictures, paths and the output format around it."""
    contents = [m.get('content') for m in messages if m.get('role') == 'user']
    text = next((c for c in reversed(contents) if isinstance(c, str)), '')
    ending = protocol.USER_PROMPT.split('{image_lines}')[1].split('\n')[0]
    text = text.split(ending)[0]
    marks = protocol.prompt_paths(text)
    if marks:
        text = _without_label(text[: marks[0].start])
    return text.replace(protocol.IMAGE_TAG, '').strip()


def _without_label(text: str) -> str:
    """The lines before the one that names a picture, which the path ends or follows."""
    lines = text.split('\n')
    for last in (2, 1):
        if len(lines) >= last and _PATH_LABEL.search(lines[-last]):
            return '\n'.join(lines[:-last])
    return text


def thinking_tail(text: str, chars: int = THINKING_CHARS) -> str:
    """The end of the thinking as the consistency judge sees it: code and what it printed included, pictures left out.

    Paper: the last 500 characters of the thinking.
    """
    pieces: list[str] = []
    for segment in protocol.segments(text):
        body = segment.text
        if segment.kind is SegmentKind.SANDBOX:
            body = body.removeprefix(protocol.SANDBOX_OPEN).removesuffix(protocol.SANDBOX_CLOSE)
        elif segment.kind is SegmentKind.TEXT:
            closed = body.rfind(protocol.THINK_CLOSE)
            opened = body.find(protocol.ANSWER_OPEN)
            cut = closed if closed >= 0 else opened
            if cut >= 0:
                pieces.append(body[:cut])
                break
        pieces.append(body)
    words = ''.join(pieces).replace(protocol.THINK_OPEN, '').replace(protocol.IMAGE_TAG, '')
    return words.strip()[-chars:]
