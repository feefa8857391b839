"""Keeps the global batch the same for any number of processes, by deriving the accumulation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError


@dataclass(frozen=True)
class Batch:
    """How one optimizer step is put together."""

    per_device: int
    """Rows (SFT) or trajectories (GRPO) of one forward pass on one device."""
    processes: int
    accumulation: int
    """Forward passes of a step on each device."""

    @property
    def total(self) -> int:
        """Rows or trajectories of one optimizer step."""
        return self.per_device * self.processes * self.accumulation


def derive(wanted: int, processes: int, per_device: int = 1, *, multiple_of: int = 1) -> Batch:
    """The accumulation that comes closest to a global batch.

    Args:
        wanted: rows or trajectories of one optimizer step. Paper: 128 for SFT, 256 for RL.
        processes: devices of the whole job.
        per_device: of one forward pass.
        multiple_of: what the total must be a multiple of; the group size for GRPO.

    Returns:
        The nearest batch that can be had; of two equally near ones the larger.

    Raises:
        ConfigError: a number is below 1.
    """
    if min(wanted, processes, per_device, multiple_of) < 1:
        raise ConfigError(
            f'batch sizes must be >= 1: got a global batch of {wanted}, {processes} processes, {per_device} a device, '
            f'groups of {multiple_of}; correct the one below 1'
        )
    once = per_device * processes
    step = multiple_of // math.gcd(once, multiple_of)  # accumulation counts in steps of this many
    low = max(step, wanted // (once * step) * step)
    return min(
        (Batch(per_device, processes, n) for n in (low, low + step)), key=lambda b: (abs(b.total - wanted), -b.total)
    )


def hostfile_processes(path: Path) -> int:
    """Devices named in a DeepSpeed hostfile (`host slots=8` a line).

    Raises:
        ConfigError: the file cannot be read, or a line names no slots.
    """
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except OSError as error:
        raise ConfigError(f'--hostfile {path} cannot be read: {error}; expected `host slots=8` lines') from error
    total = 0
    for number, line in enumerate(lines, 1):
        words = line.partition('#')[0].split()
        if not words:
            continue
        slots = next((word[6:] for word in words[1:] if word.startswith('slots=')), '')
        if not slots.isdigit():
            raise ConfigError(f'{path}:{number} cannot be read: got {line!r}; expected `host slots=8`')
        total += int(slots)
    if total == 0:
        raise ConfigError(f'{path} names no device: expected at least one `host slots=8` line; add one')
    return total
