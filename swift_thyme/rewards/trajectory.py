"""What the rewards see of one trajectory: the record of it, made from what the host hands over.

Owns reading the host's keyword arguments. Prefers what the scheduler recorded (`rollout_infos['thyme']`) over the text
of the last message, and says clearly which column of the data set is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from .. import protocol
from ..errors import DataError, TrajectoryError
from ..trajectories import Record, from_json, reference_of
from ..types import SegmentKind

INFO = 'thyme'
"""Under this name the scheduler hands its record on, in the host's `rollout_infos`."""
THINKING_CHARS = 500
"""How much of the thinking's end the consistency judge sees. Paper: 500."""


def records_of(completions: Sequence[Any], columns: Mapping[str, Any]) -> list[Record]:
    """The trajectories of one reward call.

    Args:
        completions: content of the last message of each.
        columns: the host's keyword arguments: column name → one value a trajectory.

    Raises:
        TrajectoryError: there is no text to score.
    """
    lists = {name: c for name, c in columns.items() if isinstance(c, Sequence) and not isinstance(c, str)}
    rows = ({name: column[i] for name, column in lists.items() if i < len(column)} for i in range(len(completions)))
    return [
        record_of_row(row, completion, i) for i, (row, completion) in enumerate(zip(rows, completions, strict=True))
    ]


def rollout_of(infos: Any) -> Record | None:
    """What the scheduler recorded of a trajectory, from the host's `rollout_infos`; None where it recorded nothing."""
    info = infos.get(INFO) if isinstance(infos, Mapping) else None
    return from_json(info, "rollout_infos['thyme']") if isinstance(info, Mapping) else None


def record_of_row(row: Mapping[str, Any], completion: Any = '', number: int = 0) -> Record:
    """One trajectory: what the scheduler recorded, with what the host's row says of its question.

    Args:
        row: column name → value.
        completion: content of the last message, for a trajectory that no scheduler recorded.
        number: of the row within its batch.

    Raises:
        TrajectoryError: there is no text to score.
    """
    rollout = rollout_of(row.get('rollout_infos'))
    if rollout is None and not isinstance(completion, str):
        raise TrajectoryError(
            f'trajectory {number} has no text to score: got {type(completion).__name__} as the last message; expected '
            f"text, or rollout_infos['thyme']['text']; use --multi_turn_scheduler thyme"
        )
    rollout = rollout or Record(text=completion)
    returned = sum(len(turn.images) for turn in rollout.turns[:-1])
    images = tuple(row.get('images') or ())
    question = row.get('question')
    return replace(
        rollout,
        question=question if isinstance(question, str) else '',
        solution=reference_of(row.get('solution')),
        messages=tuple(m for m in row.get('messages') or () if m.get('role') != 'assistant'),
        images=images[: max(0, len(images) - returned)] or rollout.images,
        request_id=str(row.get('request_id') or number),
    )


def require_solutions(records: Sequence[Record], columns: Mapping[str, Any]) -> None:
    """Checks that every trajectory that may be scored has a reference answer.

    Raises:
        DataError: one has none; the message names it and the columns there are.
    """
    for i, record in enumerate(records):
        if record.solution is None or not record.solution.strip():
            names = ', '.join(sorted(k for k in columns if k not in ('trainer_state', 'trajectory_inputs')))
            raise DataError(
                f'row {i} of the batch has no reference answer: got solution={record.solution!r} with columns {names}; '
                f'expected a non-empty `solution`; add it to the data set (question: {record.question[:80]!r})'
            )


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
