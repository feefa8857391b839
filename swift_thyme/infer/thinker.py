"""Questions answered: the agent loop over any engine, outside of training.

The same `Agent`, prompts and (on the host's engines) token ids as in a rollout; only who asks for the next generation
differs. Greedy, five rounds, one attempt: what is reported is one policy's answer. Paper: §5. Differs from the release,
which retries with sampling and falls back to a prompt without tools; here both are off unless asked for, and reported.

Example::

    thinker = Thinker.load('out/model')
    reply = thinker.ask('What is the plate number of the blue car?', ['17127.jpg'])
    print(reply.answer)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from .. import protocol
from ..agent import Agent, AgentSettings, Step, assistant_text, given_answer
from ..engines import Conversation, Engine, FinishReason, Generation, Round, Sampling, Usage, load_engine
from ..errors import ContextFull, EngineError
from ..sandbox import Sandbox, shared_sandbox
from ..trajectories import Record
from ..trajectories.record import record_of
from ..types import SandboxResult, Segment, StopReason, Trajectory
from .events import AttemptStarted, CodeStarted, Event, SandboxReplied, Stopped, TextDelta, TextSplitter
from .question import Question

OnEvent = Callable[[Event], None]
Intervene = Callable[[SandboxResult], SandboxResult]
NOT_THE_POLICY = (StopReason.ERROR, StopReason.SANDBOX_FAILURE)
"""Ends that say nothing about the policy: reported apart, and asked again by the next run."""


@dataclass(frozen=True)
class InferSettings:
    """How an answer is generated."""

    sampling: Sampling = field(default_factory=Sampling)
    """Of every generation: 2,048 tokens a round, greedy."""
    agent: AgentSettings = field(default_factory=AgentSettings)
    """Five rounds, ten pictures."""
    retries: int = 0
    """Further attempts while there is no answer, sampled at `retry_temperature`. Release: on."""
    retry_temperature: float = 1.0
    fallback: bool = False
    """When no attempt gave an answer, ask once more without tools. Release: on."""


@dataclass(frozen=True)
class Attempt:
    """An attempt that gave no answer and was followed by another."""

    stop_reason: StopReason
    tools: bool
    temperature: float


@dataclass(frozen=True)
class Reply(Trajectory):
    """The trajectory of the last attempt, and what it took."""

    usage: Usage = field(default_factory=Usage)
    """Summed over all rounds of all attempts."""
    round_usage: tuple[Usage, ...] = ()
    """Of the rounds of this trajectory."""
    tools: bool = True
    """Whether code could run."""
    sampling: Sampling = field(default_factory=Sampling)
    """Of this trajectory."""
    earlier: tuple[Attempt, ...] = ()
    """Attempts before this one; empty unless `retries` or `fallback` were used."""
    error: str = ''
    """What failed, when `stop_reason` is `ERROR` or `SANDBOX_FAILURE`: the machinery, not the policy."""

    @property
    def given_answer(self) -> str:
        """The answer as it is sent on and graded, by the rule of `agent.given_answer`; empty where there is none."""
        return given_answer(assistant_text(self.turns), self.stop_reason)

    @property
    def fell_back(self) -> bool:
        """Whether this is the answer of the prompt without tools after attempts with them."""
        return not self.tools and any(attempt.tools for attempt in self.earlier)

    def record(self, question: Question, *, model: str = '') -> Record:
        """The reply as a record: what was done, with what it took and how it was asked.

        Args:
            question: what was asked.
            model: name of the model.
        """
        return msgspec.structs.replace(
            record_of(self.turns, self.stop_reason, error=self.error),
            question=question.text,
            images=tuple(f'{len(i)} bytes' if isinstance(i, bytes) else str(i) for i in question.images),
            model=model,
            usage=self.usage,
            round_usage=self.round_usage,
            sampling=asdict(self.sampling),
            tools=self.tools,
            attempts=len(self.earlier) + 1,
            earlier=tuple({**asdict(one), 'stop_reason': one.stop_reason.value} for one in self.earlier),
            fell_back=self.fell_back,
        )


class Thinker:
    """A model that answers questions about pictures, with a sandbox at hand. Safe for many calls at a time."""

    def __init__(
        self, engine: Engine, *, settings: InferSettings = InferSettings(), sandbox: Sandbox | None = None
    ) -> None:
        """
        Args:
            engine: what generates.
            settings: defaults of every call.
            sandbox: where code runs; by default the one of this process.
        """
        self.engine = engine
        self.settings = settings
        self.sandbox = sandbox or shared_sandbox()

    @classmethod
    def load(
        cls,
        model: str | Path = '',
        *,
        settings: InferSettings = InferSettings(),
        sandbox: Sandbox | None = None,
        **options: Any,
    ) -> Thinker:
        """Loads a model.

        Args:
            model: as `engines.load_engine` takes it.
            settings: defaults of every call.
            sandbox: where code runs; by default the one of this process.
            options: of `engines.load_engine`: `adapters`, `backend`, `template`, `batch_size`, `engine_kwargs`.

        Raises:
            ConfigError: there is no such model, or no O3 template is right for it.
        """
        return cls(load_engine(model, **options), settings=settings, sandbox=sandbox)

    def ask(self, question: str | Question, images: Sequence[str | Path | bytes] = (), **options: Any) -> Reply:
        """As `answer`, from code that is not asynchronous. Takes the same options."""
        return asyncio.run(self.answer(question, images, **options))

    async def answer(
        self,
        question: str | Question,
        images: Sequence[str | Path | bytes] = (),
        *,
        on_event: OnEvent | None = None,
        output_dir: Path | None = None,
        tools: bool = True,
        sampling: Sampling | None = None,
        seed: int | None = None,
        intervene: Intervene | None = None,
    ) -> Reply:
        """Answers one question. Cancelling stops the generation and closes the sandbox session.

        Args:
            question: the user's words, or a whole `Question` (then `images` stays empty).
            images: pictures, in order: files or encoded bytes.
            on_event: called on this event loop with what happens, as it happens.
            output_dir: where returned pictures are kept; by default they go when the trajectory ends.
            tools: False asks the same policy with the prompts without tools and runs no code.
            sampling: instead of the settings' own.
            seed: instead of that of `sampling`; each retry adds 1.
            intervene: changes every sandbox result before it is recorded and shown to the model.

        Returns:
            The reply. A failure of engine or sandbox is a reply too, with `stop_reason` `ERROR` or `SANDBOX_FAILURE`
            and `error`.

        Raises:
            DataError: a picture is missing or unreadable, or pictures and their places differ in number.
            ContextFull: the question alone is too long for the model.
        """
        if isinstance(question, str):
            question = Question(question, tuple(i if isinstance(i, bytes) else Path(i) for i in images))
        sampling = sampling or self.settings.sampling
        sampling = sampling if seed is None else replace(sampling, seed=seed)
        run = _Run(self, question, on_event or _nothing, output_dir, intervene)
        return await run.attempts(tools, sampling)

    async def aclose(self) -> None:
        """Frees the engine. The sandbox belongs to the process."""
        await self.engine.aclose()


@dataclass
class _Run:
    """One call of `answer`."""

    thinker: Thinker
    question: Question
    show: OnEvent
    output_dir: Path | None
    intervene: Intervene | None

    async def attempts(self, tools: bool, sampling: Sampling) -> Reply:
        settings = self.thinker.settings
        plans = [(tools, sampling)]
        for i in range(1, settings.retries + 1):
            seed = None if sampling.seed is None else sampling.seed + i
            plans.append((tools, replace(sampling, temperature=settings.retry_temperature, seed=seed)))
        if settings.fallback and tools:
            plans.append((False, sampling))
        earlier: list[Attempt] = []
        spent = Usage()
        for number, (with_tools, plan) in enumerate(plans, 1):
            if earlier:
                self.show(AttemptStarted(number, with_tools))
            reply = await self._attempt(with_tools, plan)
            spent += reply.usage
            if reply.answer is not None or reply.stop_reason in NOT_THE_POLICY or number == len(plans):
                break
            earlier.append(Attempt(reply.stop_reason, with_tools, plan.temperature))
        self.show(Stopped(reply.stop_reason, reply.answer))
        return replace(reply, usage=spent, earlier=tuple(earlier))

    async def _attempt(self, tools: bool, sampling: Sampling) -> Reply:
        conversation = self.question.conversation(tools=tools)
        agent = Agent(
            self.thinker.sandbox if tools else None,
            self.question.sandbox_images(),
            self.thinker.settings.agent,
            output_dir=self.output_dir,
            picture_problem=self.thinker.engine.picture_problem,
            intervene=self.intervene,
        )
        if not tools:
            sampling = replace(sampling, stop=(protocol.ANSWER_CLOSE,))
        usage: list[Usage] = []
        error = ''
        try:
            error = await self._rounds(agent, conversation, sampling, usage)
        finally:
            if agent.session is not None:
                agent.session.close_soon()
        done = agent.trajectory()
        return Reply(
            done.turns,
            done.stop_reason,
            done.answer,
            usage=sum(usage, Usage()),
            round_usage=tuple(usage),
            tools=tools,
            sampling=sampling,
            error=error,
        )

    async def _rounds(self, agent: Agent, conversation: Conversation, sampling: Sampling, usage: list[Usage]) -> str:
        """Drives the agent to its end; returns the message of what failed, if anything did."""
        while agent.stop_reason is None:
            try:
                generation = await self._generate(conversation, sampling)
            except ContextFull:
                if not agent.turns:
                    raise
                agent.abandon(StopReason.LENGTH)
                break
            except EngineError as error:
                agent.abandon(StopReason.ERROR)
                return str(error)
            usage.append(generation.usage)
            step = await self._step(agent, generation)
            if step.stop is not None:
                return step.error
            conversation = replace(conversation, rounds=(*conversation.rounds, Round(generation, step)))
            if agent.sandbox is None:  # without tools `max_tokens` is the whole turn's, however often code stops it
                left = sampling.max_tokens - generation.usage.completion_tokens
                if left <= 0:
                    agent.abandon(StopReason.LENGTH)
                sampling = replace(sampling, max_tokens=left)
        return ''

    async def _generate(self, conversation: Conversation, sampling: Sampling) -> Generation:
        splitter = TextSplitter()

        def give(parts: list[Segment]) -> None:
            for part in parts:
                self.show(TextDelta(part.text, part.kind))

        def on_text(piece: str) -> None:
            give(splitter.feed(piece))

        watched = self.show is not _nothing
        generation = await self.thinker.engine.generate(conversation, sampling, on_text if watched else None)
        give(splitter.end())
        return generation

    async def _step(self, agent: Agent, generation: Generation) -> Step:
        code = protocol.code_at_end(generation.text) if agent.sandbox is not None else None
        if code is not None:
            self.show(CodeStarted(code))
        step = await agent.step(generation.text, cut_by_length=generation.finish_reason is FinishReason.LENGTH)
        if step.turn.result is not None:
            self.show(SandboxReplied(step.turn.result, step.output))
        return step


def _nothing(event: Event) -> None:
    """Shows nothing."""
