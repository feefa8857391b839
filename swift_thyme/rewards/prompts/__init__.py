"""The judge's prompts: filling them, their version, and what a reply to each must hold.

Owns the `.txt` files beside it. What is filled in goes through JSON, in one pass: text from the model can neither close
its string, nor fake a section of the prompt, nor be taken for a slot.

Differs from the release: it replaces the names of its slots one after another, so that an answer which contains
`ref_answer` or `input_question` changes the prompt.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from ... import protocol

FIELD_CHARS = 8000
"""A longer field is cut in the middle with a visible mark, so that no answer can push the rest out of the context."""

_DATA_SLOT = '{{data}}'


class Task(str, Enum):
    """What a judge is asked. The value is the name of the prompt's file."""

    CORRECTNESS = 'correctness'
    CONSISTENCY = 'consistency'
    CODE = 'code'
    PROCESS = 'process'
    CROPS = 'crops'


@dataclass(frozen=True)
class Scale:
    """The keys of a verdict, each a whole number within the bounds."""

    keys: tuple[str, ...]
    low: int
    high: int

    def holds(self, scores: Sequence[int]) -> bool:
        """Whether these are scores of it."""
        return len(scores) == len(self.keys) and all(self.low <= score <= self.high for score in scores)

    def schema(self) -> dict[str, Any]:
        """The JSON schema of a verdict."""
        number = {'type': 'integer', 'enum': list(range(self.low, self.high + 1))}
        return {
            'type': 'object',
            'properties': dict.fromkeys(self.keys, number),
            'required': list(self.keys),
            'additionalProperties': False,
        }


SCALES = {
    Task.CORRECTNESS: Scale(('Correctness',), 0, 1),
    Task.CONSISTENCY: Scale(('Consistency',), 0, 1),
    Task.CODE: Scale(('Usefulness',), 0, 1),
    Task.PROCESS: Scale(('Process', 'Text'), 1, 10),
    Task.CROPS: Scale(('Validity',), 0, 1),
}


@cache
def template(task: Task) -> str:
    """The text of a prompt, with one `{{data}}` slot."""
    return Path(__file__).with_name(f'{task.value}.txt').read_text(encoding='utf-8').strip()


@cache
def version(task: Task) -> str:
    """A short hash of the prompt's text: verdicts are cached under it, so that an edited prompt starts afresh."""
    return hashlib.sha256(template(task).encode()).hexdigest()[:12]


def fill(task: Task, data: dict[str, str]) -> str:
    """The prompt with its data as one line of JSON.

    Args:
        task: which prompt.
        data: field → text; tags and special tokens in it are made harmless, long text is cut in the middle.
    """
    before, after = template(task).split(_DATA_SLOT)
    return before + encode(data) + after


def encode(data: dict[str, str]) -> str:
    """The data as one line of JSON, safe to stand in a prompt."""
    clean = {key: protocol.neutralize(_cut(text)) for key, text in data.items()}
    return re.sub(r'[\u2028\u2029\x85]', ' ', json.dumps(clean, ensure_ascii=False))


def decode(prompt: str) -> tuple[Task, dict[str, str]] | None:
    """The task and data of a prompt that `fill` wrote; None for any other text. For the embedded judge."""
    for task in Task:
        before, after = template(task).split(_DATA_SLOT)
        if prompt.startswith(before) and prompt.endswith(after):
            try:
                data = json.loads(prompt[len(before) : len(prompt) - len(after)])
            except ValueError:
                return None
            return (task, {str(k): str(v) for k, v in data.items()}) if isinstance(data, dict) else None
    return None


def _cut(text: str) -> str:
    if len(text) <= FIELD_CHARS:
        return text
    half = FIELD_CHARS // 2
    return f'{text[:half]} […{len(text) - 2 * half} characters left out…] {text[-half:]}'
