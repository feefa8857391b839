"""What the rollouts of a step did, in figures: rounds, code, pictures, stop reasons, tokens, time in the sandbox.

Owns counting (on one rank, and over all of them). Who logs the figures is `host.callback`'s business, what they warn of
is `watch`'s; what they are computed from is `rollout_infos['thyme']`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..types import StopReason

TOKEN_KINDS = ('text', 'code', 'sandbox', 'image')


@dataclass
class Tally:
    """Sums over trajectories; of several ranks they add up."""

    trajectories: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    sandbox_s: list[float] = field(default_factory=list)
    """Wall-clock seconds of every snippet."""
    codes: tuple[tuple[int, str], ...] = ()
    """Group and code of every trajectory whose group is known; the code is empty where none was written."""

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.trajectories + other.trajectories,
            self.sums + other.sums,
            [*self.sandbox_s, *other.sandbox_s],
            self.codes + other.codes,
        )


def tally(infos: Sequence[Mapping[str, Any]], groups: Sequence[int] = ()) -> Tally:
    """Counts trajectories.

    Args:
        infos: `rollout_infos['thyme']` of each.
        groups: the group of each, the same number on every rank; empty where they are not known.
    """
    out = Tally(len(infos))
    if groups:
        out.codes = tuple((group, _code(info)) for group, info in zip(groups, infos, strict=True))
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
    out['set_aside_share'] = total.sums['quarantined'] / n
    shared = _same_code_share(total.codes)
    if shared is not None:
        out['same_code_share'] = shared
    out |= {f'stop/{reason.value}': total.sums[f'stop/{reason.value}'] / n for reason in StopReason}
    out |= {f'tokens/{kind}': total.sums[f'tokens/{kind}'] / n for kind in TOKEN_KINDS}
    if total.sandbox_s:
        ordered = sorted(total.sandbox_s)
        out['sandbox_p50_s'] = ordered[len(ordered) // 2]
        out['sandbox_p99_s'] = ordered[round(0.99 * (len(ordered) - 1))]
    return out


def _code(info: Mapping[str, Any]) -> str:
    return '\0'.join(str(turn['code']) for turn in info.get('turns') or [] if turn.get('code') is not None)


def _same_code_share(codes: Sequence[tuple[int, str]]) -> float | None:
    """The share of groups whose members all wrote the same code, of those in which any wrote some; None without any."""
    groups: dict[int, list[str]] = {}
    for group, code in codes:
        groups.setdefault(group, []).append(code)
    with_code = [found for found in groups.values() if len(found) > 1 and any(found)]
    return sum(len(set(found)) == 1 for found in with_code) / len(with_code) if with_code else None
