"""What a trajectory is scored on where no judge is asked."""

from __future__ import annotations

import asyncio

import pytest

from swift_thyme.config import OutagePolicy
from swift_thyme.rewards.scorer import Part, Scorer
from swift_thyme.trajectories import Record, RecordedTurn
from swift_thyme.types import Outcome

RAN, FAILED = (RecordedTurn('t', code='x', outcome=outcome) for outcome in (Outcome.OK, Outcome.CODE_ERROR))


@pytest.mark.parametrize(
    ('turns', 'answer', 'score'),
    [((RAN,), 'B', 1.0), ((RAN, FAILED), 'B', 0.5), ((RAN,), None, 0.0), ((), 'B', 0.0)],
)
def test_code_is_scored_by_the_share_that_ran_of_a_trajectory_with_an_answer(
    turns: tuple[RecordedTurn, ...], answer: str | None, score: float
) -> None:
    record = Record(turns=turns, answer=answer)
    (found,) = asyncio.run(Scorer(None).assess([record], {Part.CODE}, OutagePolicy.STOP))
    assert found.scores == {Part.CODE: score}
