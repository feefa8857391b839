"""The page's index: what the list and the filters need of every trajectory, in columns. Owns the flags."""

from __future__ import annotations

from enum import IntFlag
from typing import Any

from ..trajectories import Record

_QUESTION_CHARS, _ANSWER_CHARS = 160, 60


class Flag(IntFlag):
    """What the filters of the page ask for; the page's script has the same numbers."""

    RIGHT = 1
    WRONG = 2
    CODE = 4
    FAILED = 8
    """A snippet was run and failed."""
    REPAIRED = 16
    ASIDE = 32
    """Quarantined."""
    PICTURES = 64
    """Code returned a picture."""
    NO_ANSWER = 128
    FORGED = 256
    """The model wrote sandbox output itself."""


class Index:
    """Grows by one entry a record."""

    def __init__(self) -> None:
        self.size = 0
        self._columns: dict[str, list[Any]] = {
            name: []
            for name in (
                'id',
                'question',
                'answer',
                'flags',
                'stop',
                'kind',
                'group',
                'step',
                'reward',
                'advantage',
                'rounds',
            )
        }
        self._groups: dict[Any, int] = {}
        self._stops: dict[str, int] = {}
        self._copies: dict[str, int] = {}
        self._kinds: dict[str, int] = {}

    def add(self, record: Record, value: dict[str, Any]) -> None:
        """Adds a record.

        Args:
            record: the record.
            value: what the page shows of it (`blocks.shown`).
        """
        self.size += 1
        copies = self._copies[value['id']] = self._copies.get(value['id'], 0) + 1
        if copies > 1:
            value['id'] += f'-{copies}'
        stop = self._stops.setdefault(record.stop, len(self._stops))
        kind = self._kinds.setdefault(' · '.join(filter(None, (record.task, record.condition))), len(self._kinds))
        asked = (
            record.folder,
            record.life,
            record.step,
            record.prompt_id,
            record.item_id,
            record.question,
            record.images,
        )
        known = [reward for reward in value['rewards'].values() if reward is not None]
        entry = {
            'id': value['id'],
            'question': ' '.join(record.question[: 4 * _QUESTION_CHARS].split())[:_QUESTION_CHARS],
            'answer': None if record.answer is None else record.answer[:_ANSWER_CHARS],
            'flags': int(flags(record, value)),
            'stop': stop,
            'kind': kind,
            'group': self._groups.setdefault(asked, len(self._groups)),
            'step': value['step'],
            'reward': round(sum(known), 4) if known else None,
            'advantage': value['advantage'],
            'rounds': len(record.turns),
        }
        for name, column in self._columns.items():
            column.append(entry[name])

    def as_json(self, chunk: int) -> dict[str, Any]:
        """The columns, the names of stop reasons and of kinds (task and condition), and the size of a chunk."""
        return {'n': self.size, 'chunk': chunk, 'stops': list(self._stops), 'kinds': list(self._kinds), **self._columns}


def flags(record: Record, value: dict[str, Any]) -> Flag:
    """The flags of a record."""
    found = Flag(0)
    if record.correct is not None:
        found |= Flag.RIGHT if record.correct else Flag.WRONG
    for flag, holds in (
        (Flag.CODE, record.code_blocks > 0),
        (Flag.FAILED, record.code_failed > 0),
        (Flag.REPAIRED, any(turn.repairs for turn in record.turns)),
        (Flag.ASIDE, record.quarantined),
        (Flag.PICTURES, any(turn.images for turn in record.turns)),
        (Flag.NO_ANSWER, record.answer is None),
        (Flag.FORGED, any(block[0] == 'm' for turn in value['turns'] for block in turn['blocks'])),
    ):
        found |= flag if holds else Flag(0)
    return found
