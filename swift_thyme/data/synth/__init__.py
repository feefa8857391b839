"""Synthetic tasks with known truth: a seeded generator of evaluation, RL and SFT rows.

Start with `generate(SetSpec(task='find_read', n=100, kind=Kind.RL), 'out')`, or on the command line `thyme synth`.
"""

from __future__ import annotations

from .generate import SetReport, generate
from .seeds import Split
from .spec import Encoding, Form, Kind, SetSpec
from .tasks import TASKS
from .writers import relocate

__all__ = ['TASKS', 'Encoding', 'Form', 'Kind', 'SetReport', 'SetSpec', 'Split', 'generate', 'relocate']
