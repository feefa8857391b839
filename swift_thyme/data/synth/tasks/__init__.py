"""Tasks by name. Importing this package enters them all into the registry."""

from __future__ import annotations

from . import (
    attribute,
    chart,
    compute,
    compute_image,
    counting,
    find_read,
    grid,
    low_contrast,
    multi_step,
    no_tool,
    rotated,
    spatial,
    table,
)
from .base import MIXED, TASKS, Order, Task, task_for_row, task_named

__all__ = [
    'MIXED',
    'TASKS',
    'Order',
    'Task',
    'attribute',
    'chart',
    'compute',
    'compute_image',
    'counting',
    'find_read',
    'grid',
    'low_contrast',
    'multi_step',
    'no_tool',
    'rotated',
    'spatial',
    'table',
    'task_for_row',
    'task_named',
]
