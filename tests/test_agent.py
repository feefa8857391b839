"""What follows each generation: the stop rules, one trajectory at a time. The sandbox is replaced at its contract."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from swift_thyme.agent import Agent, AgentSettings, Step, is_repetitive
from swift_thyme.errors import SessionDead
from swift_thyme.sandbox import InputImage, Limits, Sandbox, Session
from swift_thyme.types import Outcome, RepetitionRule, SandboxImage, SandboxResult, StopReason


class ScriptedSession(Session):
    """Answers each snippet with the next entry of a script; an exception in it is raised."""

    def __init__(self, script: Sequence[SandboxResult | Exception]) -> None:
        self.script = list(script)
        self.codes: list[str] = []
        self.closed = 0

    async def run(self, code: str, *, timeout_s: float | None = None) -> SandboxResult:
        self.codes.append(code)
        entry = self.script.pop(0)
        if isinstance(entry, Exception):
            raise entry
        return entry

    async def close(self) -> None:
        self.closed += 1

    def close_soon(self) -> None:
        self.closed += 1


class ScriptedSandbox(Sandbox):
    """Opens one scripted session."""

    def __init__(self, *script: SandboxResult | Exception) -> None:
        self.session = ScriptedSession(script)
        self.opened = 0

    async def open(
        self, images: Sequence[InputImage] = (), *, limits: Limits | None = None, output_dir: Path | None = None
    ) -> Session:
        self.opened += 1
        return self.session

    async def aclose(self) -> None:
        pass


PICTURE = SandboxImage('/p.png', 30, 30, 'ab')
OK_TEXT, OK_PICTURE = SandboxResult(Outcome.OK, '42'), SandboxResult(Outcome.OK, 'p.png', (PICTURE,))
CODE = '<code>\n```python\nprint(1)\n```\n</code>'


def drive(sandbox: ScriptedSandbox, *texts: str, cut: bool = False, **settings: object) -> tuple[Agent, list[Step]]:
    agent = Agent(sandbox, settings=AgentSettings(**settings))  # type: ignore[arg-type]
    return agent, [asyncio.run(agent.step(text, cut_by_length=cut)) for text in texts]


def test_code_is_run_and_its_output_comes_back_in_the_same_turn() -> None:
    sandbox = ScriptedSandbox(OK_PICTURE)
    agent, (step, last) = drive(sandbox, f'<think>look{CODE}', 'C</think><answer>C</answer>')
    assert sandbox.session.codes == ['print(1)']
    assert (step.stop, step.output) == (None, '<sandbox_output><image></sandbox_output>')
    assert last.stop is StopReason.ANSWER
    assert agent.text == f'<think>look{CODE}<sandbox_output><image></sandbox_output>C</think><answer>C</answer>'
    assert agent.trajectory().answer == 'C'


def test_no_session_is_opened_for_a_trajectory_without_code() -> None:
    sandbox = ScriptedSandbox()
    drive(sandbox, '<think>easy</think><answer>4</answer>')
    assert sandbox.opened == 0


@pytest.mark.parametrize(
    ('text', 'cut', 'reason'),
    [
        ('<think>a</think><answer>b</answer>', False, StopReason.ANSWER),
        ('<think>a</think> I am done', False, StopReason.END_OF_TURN),
        ('<think>a and on and', True, StopReason.LENGTH),
        ('<think>a</code>', False, StopReason.MALFORMED_CODE),
        ('<think><code>x = 1', True, StopReason.LENGTH),
        ('look at the box. ' * 100, False, StopReason.REPETITION),
    ],
)
def test_every_way_out_without_code_has_its_reason(text: str, cut: bool, reason: StopReason) -> None:
    assert drive(ScriptedSandbox(), text, cut=cut)[1][0].stop is reason


def test_the_last_round_does_not_run_code() -> None:
    sandbox = ScriptedSandbox(OK_TEXT)
    _, steps = drive(sandbox, CODE, CODE, max_rounds=2)
    assert steps[-1].stop is StopReason.ROUND_LIMIT and len(sandbox.session.codes) == 1


def test_too_many_pictures_end_the_trajectory() -> None:
    agent, steps = drive(ScriptedSandbox(OK_PICTURE, OK_PICTURE), CODE, CODE, max_images=1)
    assert steps[-1].stop is StopReason.IMAGE_LIMIT and '<image><image>' not in agent.text


def test_a_failure_of_the_sandbox_is_not_shown_to_the_model() -> None:
    sandbox = ScriptedSandbox(SessionDead('killed from outside'))
    agent, (step,) = drive(sandbox, CODE)
    assert step.stop is StopReason.SANDBOX_FAILURE and 'killed from outside' in step.error
    assert agent.text == CODE


def test_the_session_is_closed_on_every_way_out() -> None:
    for second in ('<answer>b</answer>', 'done', '</code>', CODE):
        sandbox = ScriptedSandbox(OK_TEXT, SessionDead('gone'))
        drive(sandbox, CODE, second)
        assert sandbox.session.closed >= 1


def test_an_ended_trajectory_takes_no_more_text() -> None:
    with pytest.raises(RuntimeError, match='ended already'):
        drive(ScriptedSandbox(), '<answer>b</answer>', 'more')


def test_ordinary_prose_and_code_are_not_repetitive() -> None:
    prose = ' '.join(f'row {i} of the table says {i * 37 % 101} units' for i in range(60))
    assert not is_repetitive(prose, AgentSettings())


REPEATED = 'so on, '
MIXED = ''.join(f'Item {i * 7919 % 9973} weighs {i * 104729 % 7907} grams. ' for i in range(22))[:600] + REPEATED * 57


@pytest.mark.parametrize(
    ('rule', 'text', 'repetitive'),
    [
        (RepetitionRule.PAPER, REPEATED * 80, True),
        (RepetitionRule.PAPER, MIXED, False),
        (RepetitionRule.RELEASE, MIXED, True),
        (RepetitionRule.RELEASE, MIXED + ' answer', False),
        (RepetitionRule.OFF, REPEATED * 80, False),
    ],
)
def test_each_rule_of_repetition_has_its_own_share_and_window(
    rule: RepetitionRule, text: str, repetitive: bool
) -> None:
    assert is_repetitive(text, AgentSettings(repetition_rule=rule)) is repetitive
