"""Asking every judge address questions whose answers are known: do they work, agree, and how fast are they.

Owns the known pairs (`known_pairs.json`, written for this) and the figures. Nothing is taken from or put in the cache.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...config import JudgeSettings
from ...errors import JudgeError
from ..prompts import Task
from .client import JudgeClient, Question
from .transport import EndpointFault, Transport

_FIELDS = {
    Task.CORRECTNESS: ('question', 'reference_answer', 'generated_answer'),
    Task.CONSISTENCY: ('solution_process', 'final_answer'),
}


@dataclass(frozen=True)
class KnownPair:
    """A question to the judge and the score that is right."""

    question: Question
    score: int

    @property
    def shown(self) -> str:
        """What people are shown of it."""
        return ' / '.join(repr(text) for _, text in self.question.data[-2:])


@dataclass
class AddressReport:
    """What one address did."""

    address: str
    asked: int
    model: str = ''
    answered: int = 0
    latency_p50_s: float = 0.0
    latency_p99_s: float = 0.0
    disagreements: list[str] = field(default_factory=list)
    cause: str = ''
    """The last error; empty when all were answered."""


def known_pairs() -> list[KnownPair]:
    """All known pairs."""
    data = json.loads(Path(__file__).with_name('known_pairs.json').read_text(encoding='utf-8'))
    return [
        KnownPair(Question(task, tuple(zip(fields, texts, strict=True))), score)
        for task, fields in _FIELDS.items()
        for *texts, score in data[task.value]
    ]


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


async def first_models(settings: JudgeSettings, limit_s: float) -> tuple[dict[str, str], dict[str, str]]:
    """The first model that each address lists, and why the others list none; both by the address as it may be shown.

    Args:
        settings: whose addresses are asked, all at once.
        limit_s: how long each is waited for.

    Raises:
        ConfigError: `THYME_JUDGE_CA_FILE` cannot be used.
    """
    transport = Transport(settings)
    models, causes = dict[str, str](), dict[str, str]()

    async def ask(address: str, shown: str) -> None:
        try:
            models[shown] = await asyncio.wait_for(transport.first_model(address), limit_s)
        except EndpointFault as error:
            causes[shown] = str(error)
        except asyncio.TimeoutError:
            causes[shown] = f'no reply within {limit_s:g} s'

    try:
        await asyncio.gather(*map(ask, settings.addresses, settings.shown))
    finally:
        await transport.aclose()
    return models, causes


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
    report = AddressReport(settings.shown[0], len(pairs))
    try:
        for pair in pairs:
            try:
                score = (await client.ask(pair.question)).scores[0]
            except JudgeError as error:
                report.cause = str(error)
                continue
            report.answered += 1
            if score != pair.score:
                report.disagreements.append(f'{pair.shown}: said {score}, known {pair.score}')
        if report.answered:
            report.model = await client.model()
            figures = client.metrics.take()
            report.latency_p50_s, report.latency_p99_s = figures['judge/latency_p50_s'], figures['judge/latency_p99_s']
    finally:
        await client.aclose()
    return report
