"""Chart value: the value of one point in one chart of a page full of charts."""

from __future__ import annotations

from ..scenes.report import random_value
from ..types import Item, Plan, Step, Target
from .base import Demand, Order, task

_ASK = (
    'What value does the chart "{title}" show for {label}?',
    'In the chart titled "{title}", what is the value for {label}?',
    'Read the value for {label} from the chart "{title}".',
)


@task('chart', 'read one value from one of several charts', demands=(Demand.POINTING, Demand.READING))
def build(order: Order) -> Item:
    """The chart is named by its title and the point by its label."""
    rng = order.rng
    scene = order.scene('report')
    chart = rng.choice(scene.charts)
    mark = rng.choice(chart.marks)
    near = {m.value for m in chart.marks} | {m.value for c in scene.charts for m in c.marks if m.label == mark.label}
    wrong = rng.sample(sorted(near - {mark.value}), min(3, len(near) - 1))
    while len(wrong) < 3:
        value = random_value(rng)
        if value not in (*wrong, mark.value):
            wrong.append(value)
    return Item(
        scene=scene.name,
        question=rng.choice(_ASK).format(title=chart.title, label=mark.label),
        answer=mark.value,
        wrong=tuple(wrong),
        plan=Plan(
            (Step.CROP,),
            f'in the chart "{chart.title}" the label at {mark.label} says {mark.value}',
            f'the {mark.label} value of the chart "{chart.title}"',
        ),
        image=scene.image,
        target=Target(mark.box, order.level.cap_px, 0, chart.contrast),
        context=mark.box.union(mark.tick_box).union(chart.title_box),
        absent_option=False,
    )
