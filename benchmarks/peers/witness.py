"""Stands in a peer's process: has it wait before each step, times the parts of one, writes down what happened.

A trace has a line of JSON for each step that ended: the ids of each trajectory's generations (`sampled`), the pictures
of its tool results (`returned`), of each loss (`trained`) the rows, ids and mask, and their pictures' visual tokens.
"""

import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

EVENTS, TRACE = 'PEERS_EVENTS', 'PEERS_TRACE'
"""Variables: a file descriptor for what the harness is told, a file for the trace."""


class Witness:
    """One in a process."""

    def __init__(self) -> None:
        os.set_inheritable(int(os.environ[EVENTS]), False)
        self._parts, self.counts = Counter[str](), Counter[str]()
        self._inside: list[float] = []

    def watch(self, owner: Any, name: str, part: str, after: Callable[..., None] = lambda *_, **__: None) -> None:
        """Adds the seconds of a method to a part, less those of watched ones inside; `after` gets what it gave."""
        original = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            begin = _now()
            self._inside.append(0.0)
            gave = original(*args, **kwargs)
            took = _now() - begin
            self._parts[part] += took - self._inside.pop()
            self._inside[-1:] = [inside + took for inside in self._inside[-1:]]
            after(gave, *args, **kwargs)
            return gave

        setattr(owner, name, watched)

    def sampled(self, trajectory: int | str, ids: Iterable[int]) -> None:
        """A generation, as the engine gave it."""
        self._line['sampled'].setdefault(str(trajectory), []).extend(ids := list(ids))
        self.counts['sampled'] += len(ids)

    def returned(self, trajectory: int | str, pictures: int) -> None:
        """A tool's result."""
        self._line['returned'].setdefault(str(trajectory), []).append(pictures)

    def trained(self, input_ids: Any, attention: Any, loss_mask: Any, grids: Any) -> None:
        """What a loss is given: shapes (rows, length), the same with 0 for padding, (rows, last n), (pictures, 3)."""
        n, rows = loss_mask.shape[1], []
        for ids, there, mask in zip(input_ids, attention.bool(), loss_mask, strict=True):
            rows.append([ids[there].tolist(), [0] * int(there[:-n].sum()) + mask.int()[there[-n:]].tolist()])
        self._line['trained'].append([rows, [] if grids is None else (grids.prod(-1) // 4).tolist()])

    def gate(self) -> None:
        """Has every `Trainer` wait before its steps, and tell of them after."""
        from transformers import Trainer, TrainerCallback

        train = Trainer.train
        hooks = {'on_step_begin': lambda *_, **__: self._begin(), 'on_step_end': lambda *_, **__: self._end()}

        def gated(trainer: Any, *args: Any, **kwargs: Any) -> Any:
            trainer.add_callback(type('Gate', (TrainerCallback,), hooks))
            return train(trainer, *args, **kwargs)

        Trainer.train = gated

    def _begin(self) -> None:
        _tell(ready=True)
        if not os.read(sys.stdin.fileno(), 1):  # the harness is gone
            os._exit(0)
        self._parts.clear()
        self.counts.clear()
        self._line: dict[str, Any] = {'sampled': {}, 'returned': {}, 'trained': []}
        self._begun = _now()

    def _end(self) -> None:
        import torch

        seconds, peak_gib = _now() - self._begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        if torch.cuda.is_available():
            peak_gib = torch.cuda.max_memory_reserved() / 2**30
            torch.cuda.empty_cache()  # the next peer's step needs it
            torch.cuda.reset_peak_memory_stats()
        self._parts['rest'] += seconds - self._parts.total()
        with Path(os.environ[TRACE]).open('a') as trace:
            trace.write(json.dumps(self._line) + '\n')
        _tell(**self._parts, **self.counts, **{'s': seconds, 'peak GiB': peak_gib})


def _tell(**told: Any) -> None:
    os.write(int(os.environ[EVENTS]), json.dumps(told).encode() + b'\n')


def _now() -> float:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
