"""A reply as a record: what was done, with what it took and how it was asked."""

from __future__ import annotations

from dataclasses import asdict

from msgspec.structs import replace

from ..trajectories import Record
from ..trajectories.record import record_of
from .question import Question
from .thinker import Reply


def reply_record(reply: Reply, question: Question, *, model: str = '') -> Record:
    """A reply as a record.

    Args:
        reply: a finished one.
        question: what was asked.
        model: name of the model.
    """
    return replace(
        record_of(reply.turns, reply.stop_reason, error=reply.error),
        question=question.text,
        images=tuple(f'{len(i)} bytes' if isinstance(i, bytes) else str(i) for i in question.images),
        model=model,
        usage=reply.usage,
        round_usage=tuple(reply.round_usage),
        sampling=asdict(reply.sampling),
        tools=reply.tools,
        attempts=len(reply.earlier) + 1,
        earlier=tuple(
            {'stop_reason': a.stop_reason.value, 'tools': a.tools, 'temperature': a.temperature} for a in reply.earlier
        ),
        fell_back=reply.fell_back,
    )
