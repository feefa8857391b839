"""Small specs shared by the tests: 1K pictures are drawn in hundredths of a second."""

from __future__ import annotations

from swift_thyme.data.synth import Form, Kind, SetSpec
from swift_thyme.data.synth.rows import Draft, draft

SEEDS = 1 << 20


def drafted(task: str, seed: int, difficulty: float, *, form: Form = Form.CHOICE, kind: Kind = Kind.EVAL) -> Draft:
    spec = SetSpec(task=task, n=1, seed=seed, kind=kind, canvas='1k', difficulty=(difficulty, difficulty), form=form)
    return draft(spec, 0)
