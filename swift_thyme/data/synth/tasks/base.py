"""The registry of tasks, and what a task is given.

A task is one module with one function, entered here by `@task`. It returns an `Item`: a picture, a question, the
truth, and the plan that a good solver follows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ....errors import ConfigError
from ..difficulty import Level
from ..scenes import SCENES, Brief, Scene
from ..seeds import Split
from ..types import Item


@dataclass(frozen=True)
class Order:
    """What one row asks of a task."""

    rng: random.Random
    width: int
    """Canvas, pixels."""
    height: int
    level: Level
    split: Split
    """What the row is for; a question without a picture is asked in one split only."""
    allow_absent: bool = False
    """Whether the question may ask for something that is not there (multiple choice only)."""

    def scene(self, *names: str) -> Scene:
        """Draws one of the named scenes, chosen at random."""
        return SCENES[self.rng.choice(names)](Brief(self.rng, self.width, self.height, self.level))


class Demand(str, Enum):
    """What a task asks of a solver."""

    POINTING = 'pointing'
    """To find a place by looking: nothing in the words says where it is."""
    COMPUTING = 'computing'
    """Arithmetic: of a region's edges, or of the answer."""
    ROTATING = 'rotating'
    ENHANCING = 'enhancing'
    COUNTING = 'counting'
    READING = 'reading'
    SEEING = 'seeing'
    """To name a thing, a colour or a scene."""


TaskBuilder = Callable[[Order], Item]


@dataclass(frozen=True)
class Task:
    """One registry entry."""

    name: str
    help: str
    build: TaskBuilder
    demands: tuple[Demand, ...]
    """What is asked of a solver, in the order it is needed."""
    share: int = 1
    """Weight in a mixed set."""
    pictures: bool = True
    """Whether its rows have a picture. Rows without one are written to a file of their own."""


TASKS: dict[str, Task] = {}
"""Task name → task, in the order of registration."""
MIXED = 'mixed'


def task(
    name: str, help: str, *, demands: tuple[Demand, ...], share: int = 1, pictures: bool = True
) -> Callable[[TaskBuilder], TaskBuilder]:
    """Enters a builder into the registry."""

    def enter(build: TaskBuilder) -> TaskBuilder:
        TASKS[name] = Task(name, help, build, demands, share, pictures)
        return build

    return enter


def task_named(name: str) -> Task:
    """A task of the registry.

    Raises:
        ConfigError: there is none of this name.
    """
    if name not in TASKS:
        raise ConfigError(f'no task {name!r}; expected one of {", ".join([*TASKS, MIXED])}')
    return TASKS[name]


def task_for_row(name: str, rng: random.Random) -> Task:
    """The task of one row: the named one, or of a mixed set one drawn by its share."""
    if name != MIXED:
        return task_named(name)
    tasks = list(TASKS.values())
    return rng.choices(tasks, weights=[t.share for t in tasks])[0]
