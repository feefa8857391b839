"""What the rollouts of a step did, in figures: rounds, code, pictures, stop reasons, tokens, time in the sandbox.

Owns counting (on one rank, over all of them, and in files). Who logs the figures is `host.callback`'s business, what
they warn of is `watch`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from .. import protocol
from ..sandbox.times import p50_p99
from ..types import SegmentKind, StopReason
from .model import Record

TOKEN_KINDS = ('text', 'code', 'sandbox', 'image')


@dataclass
class Tally:
    """Sums over trajectories; of several ranks they add up."""

    trajectories: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    """By name; `stop/…`, `outcome/…`, `repair/…` and `tokens/…` (or `characters/…`) have one for each of a kind."""
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

    def add(self, record: Record) -> None:
        """Counts one trajectory."""
        ran = [turn for turn in record.turns if turn.outcome is not None]
        written = [turn.ran_as_written for turn in ran]
        self.trajectories += 1
        self.sums.update(
            rounds=len(record.turns),
            code_blocks=record.code_blocks,
            code_run=len(ran),
            code_ok=record.code_ok,
            ran_as_written=written.count(True),
            told_as_written=len(written) - written.count(None),
            repaired=sum(bool(turn.repairs) for turn in ran),
            images=sum(len(turn.images) for turn in record.turns),
            used_tool=bool(record.codes),
            quarantined=record.quarantined,
            judged=record.correct is not None,
            right=record.correct is True,
        )
        self.sums[f'stop/{record.stop or "not recorded"}'] += 1
        self.sums.update(f'outcome/{turn.outcome.value}' for turn in ran if turn.outcome)
        self.sums.update(f'repair/{name}' for turn in ran for name in turn.repairs)
        self.sums.update({f'{unit}/{kind}': n for (unit, kind), n in _lengths(record).items()})
        self.sandbox_s += [turn.elapsed_s for turn in ran if turn.elapsed_s is not None]


def tally(records: Sequence[Record], groups: Sequence[int] = ()) -> Tally:
    """Counts trajectories.

    Args:
        records: of each.
        groups: the group of each, the same number on every rank; empty where they are not known.
    """
    out = Tally()
    if groups:
        out.codes = tuple((n, '\0'.join(record.codes)) for n, record in zip(groups, records, strict=True))
    for record in records:
        out.add(record)
    return out


def _lengths(record: Record) -> Counter[tuple[str, str]]:
    """Tokens by kind; sampled characters by kind where nobody recorded tokens."""
    found = Counter({('tokens', kind): n for kind, n in record.tokens.items()})
    for turn in record.turns if not record.tokens else ():
        for stretch in turn.segments:
            found['tokens', stretch.kind.value] += stretch.n_tokens
        for segment in protocol.segments(turn.text) if not turn.segments else ():
            kind = SegmentKind.CODE if segment.kind is SegmentKind.CODE else SegmentKind.TEXT
            found['characters', kind.value] += len(segment.text)
    return found


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
    return out | p50_p99('sandbox', total.sandbox_s)


def _same_code_share(codes: Sequence[tuple[int, str]]) -> float | None:
    """The share of groups whose members all wrote the same code, of those in which any wrote some; None without any."""
    groups: dict[int, list[str]] = {}
    for group, code in codes:
        groups.setdefault(group, []).append(code)
    with_code = [found for found in groups.values() if len(found) > 1 and any(found)]
    return sum(len(set(found)) == 1 for found in with_code) / len(with_code) if with_code else None
