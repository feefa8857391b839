"""Tasks by name. Importing this package enters them all into the registry."""

from __future__ import annotations

from . import (
    attribute,
    by_color,
    chart,
    compute,
    compute_image,
    counting,
    find_read,
    grid,
    low_contrast,
    multi_step,
    no_tool,
    region,
    rotated,
    spatial,
    table,
)
from .base import MIXED, TASKS, Demand, Order, Task, task_for_row, task_named

__all__ = [
    'MIXED',
    'TASKS',
    'Demand',
    'Order',
    'Task',
    'attribute',
    'by_color',
    'chart',
    'compute',
    'compute_image',
    'counting',
    'find_read',
    'grid',
    'low_contrast',
    'multi_step',
    'no_tool',
    'region',
    'rotated',
    'spatial',
    'table',
    'task_for_row',
    'task_named',
]
