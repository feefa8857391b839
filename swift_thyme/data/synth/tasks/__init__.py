"""Tasks by name. Importing this package enters them all into the registry."""

from __future__ import annotations

from . import attribute, counting, find_read
from .base import MIXED, TASKS, Order, Task, task_for_row, task_named

__all__ = ['MIXED', 'TASKS', 'Order', 'Task', 'attribute', 'counting', 'find_read', 'task_for_row', 'task_named']
