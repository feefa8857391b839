"""Computation without a picture: questions that a few lines of Python settle exactly."""

from __future__ import annotations

from ..sums import question_for
from ..types import Item, Plan, Step
from .base import Demand, Order, task
from .reading import numbers_around


@task('compute', 'a computation without a picture', demands=(Demand.COMPUTING,), pictures=False)
def build(order: Order) -> Item:
    """One of many kinds of exact computation; difficulty makes the numbers larger."""
    rng = order.rng
    question, template, numbers = question_for(rng, 1 + round(5 * order.level.difficulty), order.split)
    answer = template.answer(numbers)
    near = template.neighbours(numbers, rng) or numbers_around(
        answer, (1, 2, 3, 5, 10, answer // 40, answer // 20), rng
    )
    wrong = tuple(map(str, near))
    plan = Plan((Step.COMPUTE,), f'the result is {answer}', program=template.programs(numbers))
    return Item('none', question, str(answer), wrong, plan, absent_option=False)
