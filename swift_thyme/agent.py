"""The loop of a think-with-images trajectory: what happens after each generation. Host-free.

Training rollouts, inference, serving and evaluation all drive an `Agent`: they generate, hand it the text, and do
what its `Step` says. It owns the stop rules and the sandbox session; it knows nothing of token ids, engines or
rewards, and it never writes a word into the trajectory that is not the sandbox's own output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import protocol
from .errors import SandboxError
from .sandbox.base import InputImage, Limits, Sandbox, Session
from .types import Outcome, RepetitionRule, SandboxResult, StopReason, Trajectory, Turn

_RELEASE_TAIL_CHARS, _RELEASE_SHARE = 1000, 0.3
_RELEASE_EXEMPT = (protocol.CODE_OPEN, 'answer', 'sandbox_output')


@dataclass(frozen=True)
class AgentSettings:
    """Bounds of one trajectory."""

    max_rounds: int = 5
    """Generations. Release: 5 (inference)."""
    max_images: int = 10
    """Pictures returned by code over the whole trajectory. Release: 10."""
    repetition_share: float = 0.5
    """A trajectory is halted when copies of one substring cover more than this share of a generation. Paper: 0.5."""
    repetition_window_chars: int = 20
    """Length of that substring, characters."""
    repetition_min_chars: int = 400
    """Shorter generations are never called repetitive."""
    repetition_rule: RepetitionRule = RepetitionRule.PAPER


@dataclass(frozen=True)
class Step:
    """What to do after one generation."""

    turn: Turn
    stop: StopReason | None
    """Why the trajectory ends here; None: append `output` to the assistant turn and generate again."""
    output: str = ''
    """Rendered sandbox output, one `<image>` per entry of `turn.result.images`; empty when stopping."""
    error: str = ''
    """The message of the sandbox's own failure, for logs; never for the model."""


@dataclass
class Agent:
    """One trajectory. Not shared between trajectories; may be driven from changing event loops, one call at a time."""

    sandbox: Sandbox | None
    """Where code runs; None: it stays words, nothing is appended and the model goes on."""
    images: Sequence[InputImage] = ()
    settings: AgentSettings = AgentSettings()
    limits: Limits | None = None
    output_dir: Path | None = None
    """Where returned pictures are kept beyond the session's life; None: they live as long as the session."""
    turns: list[Turn] = field(default_factory=list)
    stop_reason: StopReason | None = None
    session: Session | None = None
    on_open: Callable[[Session], None] | None = None
    """Called with the session once it is open, so that an owner can tie its life to something else."""
    picture_problem: Callable[[int, int], str] | None = None
    """Says why the model cannot be shown a picture of this width and height, px; empty where it can."""
    intervene: Callable[[SandboxResult], SandboxResult] | None = None
    """Changes a result before it is recorded and shown to the model: for audits (a blanked or a wrong picture)."""

    async def step(self, text: str, *, cut_by_length: bool = False) -> Step:
        """Decides what follows one generation, running the code at its end if there is any.

        Args:
            text: what was sampled since the last call, tags included.
            cut_by_length: the engine ended the generation because a token budget was used up.

        Returns:
            The step. After one with a `stop` the session is closed and further calls raise RuntimeError.
        """
        if self.stop_reason is not None:
            raise RuntimeError(f'the trajectory has ended already: {self.stop_reason.value}')
        step = self._stop_without_code(text, cut_by_length)
        if step is None:
            code = protocol.code_at_end(text)
            step = await self._run_code(text, code) if code is not None else Step(Turn(text), _no_code(text))
        self.turns.append(step.turn)
        if step.stop is not None:
            self.stop_reason = step.stop
            await self.close()
        return step

    async def end(self, reason: StopReason, text: str | None = None) -> Step:
        """Ends the trajectory from outside the rules of `step`, for a bound that only the caller knows.

        Args:
            reason: why.
            text: what was sampled since the last step; None when the last step is to be the last one after all.
        """
        if text is not None:
            self.turns.append(Turn(text))
        self.stop_reason = reason
        await self.close()
        return Step(self.turns[-1], reason)

    def _stop_without_code(self, text: str, cut_by_length: bool) -> Step | None:
        if is_repetitive(text, self.settings):
            return Step(Turn(text), StopReason.REPETITION)
        if protocol.answer_of(text) is not None:
            return Step(Turn(text), StopReason.ANSWER)
        if cut_by_length:
            return Step(Turn(text), StopReason.LENGTH)
        if protocol.code_at_end(text) is not None and len(self.turns) + 1 >= self.settings.max_rounds:
            return Step(Turn(text, protocol.code_at_end(text)), StopReason.ROUND_LIMIT)
        return None

    async def _run_code(self, text: str, code: str) -> Step:
        if self.sandbox is None:
            return Step(Turn(text, code), None)
        try:
            if self.session is None:
                most = self.settings.max_images + 1  # counted here, where one too many is seen
                limits = replace(self.limits or self.sandbox.default_limits, images=most)
                self.session = await self.sandbox.open(self.images, limits=limits, output_dir=self.output_dir)
                if self.on_open is not None:
                    self.on_open(self.session)
            result = await self.session.run(code)
        except SandboxError as error:
            return Step(Turn(text, code), StopReason.SANDBOX_FAILURE, error=f'{type(error).__name__}: {error}')
        result = self._without_refused(result)
        if self.intervene is not None:
            result = self.intervene(result)
        turn = Turn(text, code, result)
        if self.n_images + len(result.images) > self.settings.max_images:
            return Step(turn, StopReason.IMAGE_LIMIT)
        return Step(turn, None, protocol.render_sandbox_output(result))

    def _without_refused(self, result: SandboxResult) -> SandboxResult:
        """A result without the pictures that the model cannot be shown; as the sandbox refuses pictures."""
        if self.picture_problem is None or not result.images:
            return result
        problems = [self.picture_problem(image.width_px, image.height_px) for image in result.images]
        kept = tuple(i for i, problem in zip(result.images, problems, strict=True) if not problem)
        if kept:
            return replace(result, images=kept)
        lines = (f'{i.source or "picture"}: {p}' for i, p in zip(result.images, problems, strict=True))
        return replace(result, images=(), outcome=Outcome.BAD_IMAGE, text='ImageError: ' + '\n'.join(lines))

    @property
    def results(self) -> list[SandboxResult]:
        """The sandbox's results so far, in order."""
        return [turn.result for turn in self.turns if turn.result is not None]

    @property
    def n_images(self) -> int:
        """Pictures returned so far."""
        return sum(len(result.images) for result in self.results)

    @property
    def text(self) -> str:
        """The assistant turn so far: what was sampled, with the sandbox's output between."""
        return assistant_text(self.turns)

    def trajectory(self) -> Trajectory:
        """The trajectory as it stands.

        Raises:
            RuntimeError: it has not ended yet.
        """
        if self.stop_reason is None:
            raise RuntimeError('the trajectory has not ended yet')
        return Trajectory(tuple(self.turns), self.stop_reason, protocol.answer_of(self.text))

    async def close(self) -> None:
        """Closes the session, if one was opened. Any number of times."""
        if self.session is not None:
            await self.session.close()

    def abandon(self, reason: StopReason) -> None:
        """Ends the trajectory from outside (engine error, cancelled request); the session closes on its own."""
        if self.stop_reason is None:
            self.stop_reason = reason
        if self.session is not None:
            self.session.close_soon()


def assistant_text(turns: Sequence[Turn]) -> str:
    """Joins turns to the assistant message that the model saw: the last turn's output was never shown to it."""
    parts = []
    for i, turn in enumerate(turns):
        parts.append(turn.text)
        if turn.result is not None and i + 1 < len(turns):
            parts.append(protocol.render_sandbox_output(turn.result))
    return ''.join(parts)


ANSWER_RULE = (
    'the words between the answer tags; of a turn that the model ended without them, what it said in plain words'
)
"""What counts as an answer, as reports state it: see `given_answer`."""


def given_answer(text: str, stop_reason: StopReason) -> str:
    """What a model answered, wherever an answer is sent on or graded: server, harness, evaluation.

    The words between the answer tags. A model that ended its turn without tags has answered in plain words: what it
    said after its thoughts, or all it said. A turn that a limit cut off has no answer.

    Args:
        text: the whole assistant turn.
        stop_reason: why it ended.

    Returns:
        The answer; empty where there is none.
    """
    tagged = protocol.answer_of(text)
    if tagged is not None or stop_reason is not StopReason.END_OF_TURN:
        return tagged or ''
    return protocol.without_tools(text).rpartition(protocol.THINK_CLOSE)[2].strip()


def _no_code(text: str) -> StopReason:
    stray = protocol.CODE_CLOSE in protocol.without_tools(text)
    return StopReason.MALFORMED_CODE if stray else StopReason.END_OF_TURN


def is_repetitive(text: str, settings: AgentSettings) -> bool:
    """Whether copies of one fixed-length substring cover more than the allowed share of `text`.

    Every window of `repetition_window_chars` characters is counted by hash (Rabin-Karp's idea; Python's own string
    hash of a slice stands in for the rolling one), overlapping copies only once.

    Paper: §4, early stopping. The release's rule (`RepetitionRule.RELEASE`) looks at the last 1,000 characters only,
    at a share of 0.3, and not at all when they hold a tag.
    """
    share = settings.repetition_share
    if settings.repetition_rule is RepetitionRule.OFF:
        return False
    if settings.repetition_rule is RepetitionRule.RELEASE:
        text, share = text[-_RELEASE_TAIL_CHARS:], _RELEASE_SHARE
        if any(word in text for word in _RELEASE_EXEMPT):
            return False
    size = settings.repetition_window_chars
    if len(text) < max(settings.repetition_min_chars, size):
        return False
    return _most_copies(text, size) * size > share * len(text)


def _most_copies(text: str, size: int) -> int:
    """How often the most frequent window of `size` characters occurs without overlap; 0 when none occurs twice."""
    copies: dict[str, list[int]] = {}
    for start in range(len(text) - size + 1):
        window = text[start : start + size]
        seen = copies.get(window)
        if seen is None:
            copies[window] = [1, start + size]
        elif start >= seen[1]:
            seen[0] += 1
            seen[1] = start + size
    most = max(count for count, _ in copies.values())
    return most if most > 1 else 0
