"""What the rollouts of a step did, in figures: rounds, code, pictures, stop reasons, tokens, time in the sandbox.

Owns counting (on one rank, and over all of them) and noticing that the policy gives up its tools. Who logs the
figures is `host.callback`'s business; what they are computed from is `rollout_infos['thyme']`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..types import StopReason

logger = logging.getLogger(__name__)
TOKEN_KINDS = ('text', 'code', 'sandbox', 'image')


@dataclass
class Tally:
    """Sums over trajectories; of several ranks they add up."""

    trajectories: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    sandbox_s: list[float] = field(default_factory=list)
    """Wall-clock seconds of every snippet."""

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.trajectories + other.trajectories, self.sums + other.sums, [*self.sandbox_s, *other.sandbox_s]
        )


def tally(infos: Sequence[Mapping[str, Any]]) -> Tally:
    """Counts trajectories.

    Args:
        infos: `rollout_infos['thyme']` of each.
    """
    out = Tally(len(infos))
    for info in infos:
        turns = info.get('turns') or []
        ran = [turn for turn in turns if 'outcome' in turn]
        out.sums['rounds'] += len(turns)
        out.sums['code_blocks'] += info.get('code_blocks', 0)
        out.sums['code_run'] += len(ran)
        out.sums['code_ok'] += sum(turn['outcome'] == 'ok' for turn in ran)
        out.sums['repaired'] += sum(bool(turn.get('repairs')) for turn in ran)
        out.sums['images'] += sum(len(turn.get('images', ())) for turn in ran)
        out.sums['used_tool'] += bool(info.get('code_blocks'))
        out.sums['quarantined'] += bool(info.get('quarantined'))
        out.sums[f'stop/{info.get("stop_reason")}'] += 1
        for kind in TOKEN_KINDS:
            out.sums[f'tokens/{kind}'] += (info.get('tokens') or {}).get(kind, 0)
        out.sandbox_s += [float(turn['elapsed_s']) for turn in ran if 'elapsed_s' in turn]
    return out


def figures(total: Tally) -> dict[str, float]:
    """The figures of a tally, by the names under which they are logged; means are over trajectories."""
    n = max(1, total.trajectories)
    out = {name: total.sums[name] / n for name in ('rounds', 'code_blocks', 'images')}
    out['tool_use_rate'] = total.sums['used_tool'] / n
    if total.sums['code_run']:
        out['code_ok_rate'] = total.sums['code_ok'] / total.sums['code_run']
        out['repaired_rate'] = total.sums['repaired'] / total.sums['code_run']
    out['quarantined'] = float(total.sums['quarantined'])
    out |= {f'stop/{reason.value}': total.sums[f'stop/{reason.value}'] / n for reason in StopReason}
    out |= {f'tokens/{kind}': total.sums[f'tokens/{kind}'] / n for kind in TOKEN_KINDS}
    if total.sandbox_s:
        ordered = sorted(total.sandbox_s)
        out['sandbox_p50_s'] = ordered[len(ordered) // 2]
        out['sandbox_p99_s'] = ordered[round(0.99 * (len(ordered) - 1))]
    return out


class CollapseWatch:
    """Notices when the policy stops using its tools, or when its code stops running.

    Compares a running mean with the best one so far; one warning a collapse, and another only after recovery.
    """

    def __init__(self, *, drop: float = 0.5, memory: float = 0.9, warm_up: int = 5) -> None:
        """Sets when to warn.

        Args:
            drop: share of its best value below which a rate has collapsed.
            memory: weight of the past in the running mean.
            warm_up: steps before the first warning.
        """
        self._drop, self._memory, self._warm_up = drop, memory, warm_up
        self._means: dict[str, float] = {}
        self._best: dict[str, float] = {}
        self._seen: Counter[str] = Counter()
        self._warned: set[str] = set()

    def observe(self, found: Mapping[str, float]) -> list[str]:
        """Takes one step's figures; returns the warnings, which are also logged."""
        warnings = []
        for name, what in (('tool_use_rate', 'the policy gives up its tools'), ('code_ok_rate', 'code stops running')):
            if name not in found:
                continue
            mean = self._memory * self._means.get(name, found[name]) + (1 - self._memory) * found[name]
            self._means[name] = mean
            self._seen[name] += 1
            best = self._best[name] = max(self._best.get(name, 0.0), mean)
            low = mean < self._drop * best
            if low and name not in self._warned and self._seen[name] > self._warm_up:
                self._warned.add(name)
                warnings.append(
                    f'{what}: {name} fell to {mean:.2f} from {best:.2f} (running means); look at the trajectories, '
                    'at the rewards and at the learning rate before training on'
                )
            elif not low:
                self._warned.discard(name)
        for warning in warnings:
            logger.warning(warning)
        return warnings
