"""Asking every judge address questions whose answers are known: do they work, agree, and how fast are they.

Owns the known pairs (`known_pairs.json`, written for this) and the figures. Nothing is taken from or put in the cache.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...config import JudgeSettings
from ...errors import JudgeError
from ..prompts import Task
from .client import JudgeClient, Question


@dataclass(frozen=True)
class KnownPair:
    """A question to the judge and the score that is right."""

    question: Question
    score: int
    shown: str
    """What people are shown of it."""


@dataclass(frozen=True)
class AddressReport:
    """What one address did."""

    address: str
    model: str
    answered: int
    asked: int
    agreed: int
    latency_p50_s: float
    latency_p99_s: float
    disagreements: tuple[str, ...]
    cause: str
    """The last error; empty when all were answered."""


def known_pairs() -> list[KnownPair]:
    """All known pairs."""
    data = json.loads(Path(__file__).with_name('known_pairs.json').read_text(encoding='utf-8'))
    pairs = []
    fields: tuple[tuple[str, str], ...]
    for asked, reference, generated, score in data['correctness']:
        fields = (('question', asked), ('reference_answer', reference), ('generated_answer', generated))
        pairs.append(KnownPair(Question(Task.CORRECTNESS, fields), score, f'{reference!r} / {generated!r}'))
    for process, final, score in data['consistency']:
        fields = (('solution_process', process), ('final_answer', final))
        pairs.append(KnownPair(Question(Task.CONSISTENCY, fields), score, f'{process!r} / {final!r}'))
    return pairs


async def until_a_judge_rules(settings: JudgeSettings) -> None:
    """Returns once a judge has ruled on a known pair; waits for one as a step does.

    Raises:
        JudgeUnavailable: none answered within the limit.
        JudgeUnparsable: its replies hold no verdict.
    """
    client = JudgeClient(replace(settings, cache_dir=''))
    try:
        await client.ask(known_pairs()[0].question)
    finally:
        await client.aclose()


async def check_all(settings: JudgeSettings, limit_s: float) -> list[AddressReport]:
    """Asks every address all known pairs, all addresses at once.

    Args:
        settings: whose addresses are asked.
        limit_s: how long an address that does not answer is waited for.
    """
    quiet = replace(
        settings, cache_dir='', outage_limit_s=limit_s, timeout_s=min(settings.timeout_s, max(limit_s, 1.0))
    )
    return list(await asyncio.gather(*(_check(replace(quiet, addresses=(a,)), known_pairs()) for a in quiet.addresses)))


async def _check(settings: JudgeSettings, pairs: Sequence[KnownPair]) -> AddressReport:
    client = JudgeClient(settings)
    answered, agreed, disagreements, cause = 0, 0, [], ''
    try:
        for pair in pairs:
            try:
                ruling = await client.ask(pair.question)
            except JudgeError as error:
                cause = str(error)
                continue
            answered += 1
            agreed += ruling.scores[0] == pair.score
            if ruling.scores[0] != pair.score:
                disagreements.append(f'{pair.shown}: said {ruling.scores[0]}, known {pair.score}')
        model = await client.model() if answered else ''
    finally:
        await client.aclose()
    figures = client.metrics.take()
    return AddressReport(
        settings.addresses[0],
        model,
        answered,
        len(pairs),
        agreed,
        figures.get('judge/latency_p50_s', 0.0),
        figures.get('judge/latency_p99_s', 0.0),
        tuple(disagreements),
        cause,
    )
