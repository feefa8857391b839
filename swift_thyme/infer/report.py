"""A reply as a record: the schema of `record.trajectory_json`, with what it took and how it was asked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..engines import Usage
from ..trajectories.record import trajectory_json
from .question import Question
from .thinker import Reply


def reply_json(reply: Reply, question: Question, *, model: str = '') -> dict[str, Any]:
    """A reply as plain JSON values.

    Args:
        reply: a finished one.
        question: what was asked.
        model: name of the model.

    Returns:
        A record of schema `record.SCHEMA` that also has `model`, `usage`, `round_usage`, `sampling`, `tools`,
        `attempts`, `earlier`, `fell_back` and `error`.
    """
    images = [f'{len(i)} bytes' if isinstance(i, bytes) else str(i) for i in question.images]
    return {
        **trajectory_json(reply, question=question.text, images=images),
        'model': model,
        'usage': usage_json(reply.usage),
        'round_usage': [usage_json(usage) for usage in reply.round_usage],
        'sampling': asdict(reply.sampling),
        'tools': reply.tools,
        'attempts': len(reply.earlier) + 1,
        'earlier': [
            {'stop_reason': a.stop_reason.value, 'tools': a.tools, 'temperature': a.temperature} for a in reply.earlier
        ],
        'fell_back': reply.fell_back,
        'error': reply.error,
    }


def usage_json(usage: Usage) -> dict[str, int | None]:
    """Token counts as plain JSON values."""
    return asdict(usage)
