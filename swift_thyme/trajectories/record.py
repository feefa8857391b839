"""Trajectories on disk: what a training run did, one folder a step, readable while it runs.

`OUTPUT_DIR/trajectories/step-000012/` holds one JSON line a trajectory (`rank-0.jsonl`) and the pictures its code
returned. A line is complete or not there; a step's pictures are written before its lines. Older steps are removed once
the folder outgrows its bound. The lines' schema is `SCHEMA`; docs/trajectories.md describes it.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import picture, protocol
from ..agent import Agent, Step, assistant_text
from ..errors import DataError
from ..types import Outcome, Trajectory, Turn

SCHEMA = 1
FOLDER = 'trajectories'
EVAL_FOLDER = 'trajectories-eval'
"""Of `--eval_strategy`: the same, of trajectories that nothing is learnt from."""


@dataclass(frozen=True)
class Scores:
    """What training made of one trajectory."""

    rewards: Mapping[str, float]
    """Name of a reward → its value, before `--reward_weights`."""
    advantage: float
    group: int
    """Trajectories of one group were compared with each other; numbered within the batch."""


class Recorder:
    """Writes the trajectories of one rank, batch by batch."""

    def __init__(self, root: Path, *, rank: int = 0, max_bytes: int = 1 << 30) -> None:
        self._root, self._name, self._max_bytes = root, f'rank-{rank}.jsonl', max_bytes
        self._step, self._groups = -1, 0
        """Groups that were written for this step, those of other ranks included."""

    def write(self, rows: Sequence[tuple[Mapping[str, Any], Scores]], step: int, groups: int) -> None:
        """Writes a batch. The first one of a run removes what an earlier life wrote of this step and later ones.

        Args:
            rows: of each trajectory the columns that rewards see, and its scores; those without a record of the
                scheduler are left out.
            step: the trainer's global step.
            groups: how many the batch has, over all ranks.
        """
        if self._step < 0:
            self._forget_from(step)
        if self._step != step:
            self._step, self._groups = step, 0
        folder = self._root / f'step-{step:06d}'
        (folder / 'images').mkdir(parents=True, exist_ok=True)
        lines = []
        for columns, scores in rows:
            info = (columns.get('rollout_infos') or {}).get('thyme')
            if isinstance(info, Mapping):
                placed = replace(scores, group=self._groups + scores.group)
                lines.append(json.dumps(_line(info, columns, placed, step, folder), ensure_ascii=False))
        with (folder / self._name).open('a', encoding='utf-8') as file:
            file.write(''.join(f'{line}\n' for line in lines))
        self._groups += groups
        self._trim()

    def _forget_from(self, step: int) -> None:
        for folder in self._root.glob('step-*'):
            if int(folder.name.removeprefix('step-')) >= step:
                (folder / self._name).unlink(missing_ok=True)

    def _trim(self) -> None:
        steps = sorted(self._root.glob('step-*'))
        sizes = {step: _bytes_in(step) for step in steps}
        while len(steps) > 1 and sum(sizes[step] for step in steps) > self._max_bytes:
            shutil.rmtree(steps.pop(0), ignore_errors=True)


def _line(
    info: Mapping[str, Any], columns: Mapping[str, Any], scores: Scores, step: int, folder: Path
) -> dict[str, Any]:
    turns = [dict(turn) for turn in info['turns']]
    pictures = list(columns.get('images') or info.get('input_images') or [])
    first_returned = len(pictures) - sum(len(turn.get('images', ())) for turn in turns[:-1])
    kept = [_keep(reference, folder) for reference in pictures]
    at = first_returned
    for turn in turns[:-1]:
        n = len(turn.get('images', ()))
        if n:
            turn['images'], at = kept[at : at + n], at + n
    if turns and turns[-1].get('images'):  # the trajectory ended before the policy saw these
        turns[-1]['images'] = [_keep(path, folder) for path in turns[-1]['images']]
    return {
        'schema': SCHEMA,
        'step': step,
        'request_id': columns.get('request_id'),
        'prompt_id': f'prompt_{scores.group}',
        'messages': [m for m in columns.get('messages') or [] if m.get('role') != 'assistant'],
        'question': columns.get('question'),
        'solution': columns.get('solution'),
        'images': kept[:first_returned],
        **{key: value for key, value in info.items() if key != 'turns'},
        'turns': turns,
        'answer': protocol.answer_of(info['text']),
        'rewards': {name: None if math.isnan(value) else value for name, value in scores.rewards.items()},
        'advantage': scores.advantage,
    }


def _bytes_in(folder: Path) -> int:
    """The size of what a folder holds; other ranks write to it and remove from it meanwhile."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += os.stat(os.path.join(parent, name)).st_size
    return size


def _keep(reference: Any, folder: Path) -> str:
    """Puts a picture under the step's folder by content; returns its path relative to the folder, or what it was."""
    if not reference:
        return ''
    try:
        found = picture.plain(picture.resolve(reference))
    except DataError:
        return str(reference)[:500]
    content = found if isinstance(found, bytes) else found.read_bytes()
    return str(picture.save(content, folder / 'images').relative_to(folder))


def trajectory_json(trajectory: Trajectory, *, question: str, images: Sequence[str] = ()) -> dict[str, Any]:
    """A trajectory outside of training as a record of the same schema.

    Args:
        trajectory: a finished one.
        question: the user's words.
        images: paths of the question's pictures.
    """
    results = [turn.result for turn in trajectory.turns if turn.result is not None]
    return {
        'schema': SCHEMA,
        'question': question,
        'images': list(images),
        'text': assistant_text(trajectory.turns),
        'stop_reason': trajectory.stop_reason.value,
        'code_blocks': sum(turn.code is not None for turn in trajectory.turns),
        'code_ok': sum(result.outcome is Outcome.OK for result in results),
        'sandbox_s': sum(result.elapsed_s for result in results),
        'turns': [turn_json(turn) for turn in trajectory.turns],
        'answer': trajectory.answer,
    }


def turn_json(turn: Turn) -> dict[str, Any]:
    """One turn as plain JSON values."""
    info: dict[str, Any] = {'text': turn.text, 'code': turn.code}
    if turn.result is not None:
        info |= {
            'outcome': turn.result.outcome.value,
            'raw_outcome': turn.result.raw_outcome.value if turn.result.raw_outcome else None,
            'sandbox_text': turn.result.text,
            'images': [image.path for image in turn.result.images],
            'repairs': list(turn.result.repairs),
            'repairs_seen': list(turn.result.repairs_seen),
            'elapsed_s': turn.result.elapsed_s,
        }
    return info


def read_trajectories(root: Path) -> list[dict[str, Any]]:
    """Every trajectory below a folder, in the order of steps; a line that is still being written is left out.

    Each gets `folder`, to which its picture paths are relative.
    """
    out = []
    for path in sorted(root.rglob('*.jsonl')):
        for line in path.read_text(encoding='utf-8').splitlines(keepends=True):
            if line.endswith('\n') and line.strip():
                record = json.loads(line)
                if isinstance(record, dict) and record.get('schema') == SCHEMA:
                    out.append({**record, 'folder': str(path.parent)})
    return out


def trajectory_info(agent: Agent, step: Step) -> dict[str, Any]:
    """A finished trajectory as plain JSON values, for rewards, metrics and files (`rollout_infos['thyme']`)."""
    assert step.stop is not None
    results = agent.results
    return {
        'text': agent.text,
        'stop_reason': step.stop.value,
        'error': step.error,
        'quarantined': False,
        'code_blocks': sum(turn.code is not None for turn in agent.turns),
        'code_ok': sum(result.outcome is Outcome.OK for result in results),
        'sandbox_s': sum(result.elapsed_s for result in results),
        'turns': [turn_json(turn) for turn in agent.turns],
    }
