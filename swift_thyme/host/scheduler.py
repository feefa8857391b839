"""The multi-turn scheduler `thyme`: drives an `Agent` from the host's rollout loops, with exact token ids.

The host appends what the engine sampled, asks `on_turn_end` what became of it, and takes from `step` the ids to go on
with. The assistant turn stays one turn: sandbox output is appended to it as ids with loss mask 0, one image pad for
each picture, and is never decoded and encoded again. Works in all three ways the host generates (transformers engine,
vLLM colocate, vLLM server); what the trajectory gave travels in `rollout_infos`.

Paper: §4. Differs from the release: no re-tokenization, no text appended that the next prompt would lose.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from swift.rollout import MultiTurnScheduler
from swift.utils import get_logger

from .. import picture, protocol
from ..agent import Agent, AgentSettings, Step
from ..config import SamplingSettings
from ..errors import ConfigError, DataError, MachineryDown, ThymeError, TrajectoryError
from ..rewards.trajectory import INFO
from ..sandbox import InputImage, Session
from ..spans import token_pieces
from ..trajectories import Stretch, as_json
from ..trajectories.record import record_of
from ..types import StopReason, Turn
from .patch import encode_ahead, leave_out_untrained, watch_scoring
from .state import RunState, run_state
from .template import UNTRAINED, O3Mixin
from .tokens import TokenRecord, kept_after_stop
from .verify import generation_text, rollout_problem

logger = get_logger()

SCHEDULER = 'thyme'
"""The name on the command line."""


@dataclass
class _Rollout:
    """What the scheduler keeps of one trajectory between the host's calls."""

    agent: Agent
    record: TokenRecord
    step: Step | None = None
    """Of the last generation; None while a generation is open at `<code>`."""
    opened: str = ''
    """Text of a generation that stopped at `<code>`; the next one goes on with it."""
    prompt_tokens: int = 0
    segments: list[list[Stretch]] = field(default_factory=list)
    """For each turn, its runs of one temperature."""

    def fail(self, text: str, error: Exception, known_turns: int) -> None:
        """Ends the trajectory because of an error that is not the policy's."""
        if len(self.agent.turns) == known_turns:
            self.agent.turns.append(Turn(text, protocol.code_at_end(text)))
        self.agent.abandon(StopReason.ERROR)
        self.step = Step(self.agent.turns[-1], StopReason.ERROR, error=f'{type(error).__name__}: {error}')


class ThymeScheduler(MultiTurnScheduler):
    """`--multi_turn_scheduler thyme`."""

    def __init__(self, *args: Any, state: RunState | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._state = state or run_state()
        template = self._template or getattr(self.infer_engine, 'template', None)
        if not isinstance(template, O3Mixin):
            raise ConfigError(
                f'--multi_turn_scheduler thyme needs a template that keeps pictures inside assistant turns, got '
                f'{type(template).__name__}; use --template thyme_qwen2_5_vl (or thyme_qwen2_vl, thyme_qwen3_vl)'
            )
        self._o3 = template
        self._settings = self._state.rollouts
        self._image_dir = self._state.image_dir
        self._sampling = SamplingSettings.from_env()
        self._rollouts: dict[str, _Rollout] = {}
        self._max_prompt_tokens: int | None = template.max_length
        self._state.learn(max_context_tokens=getattr(self.infer_engine, 'max_model_len', None), rolls_out=True)
        picture.BAD_ROWS.tolerated = True
        if self.infer_engine is None:  # in the trainer's process: a host that is not known ends the run here
            leave_out_untrained()
            watch_scoring()
            encode_ahead()

    # Hooks of the host, in the order it calls them.

    async def run(self, infer_request: Any, request_config: Any, **kwargs: Any) -> Any:
        """One trajectory in server mode: the host's loop, with the request's temperature noted."""
        self._state.learn(text_temperature=request_config.temperature)
        return await super().run(infer_request, request_config, **kwargs)

    async def on_trajectory_start(self, requests: list[Any]) -> None:
        """Makes an agent for every request; sessions open later, with the first code."""
        for request in requests:
            request.images = [self._o3.located(image) for image in request.images]
            request.uuid = request.uuid or uuid.uuid4().hex
            agent = Agent(
                sandbox=self._state.sandbox,
                images=(),
                settings=AgentSettings(
                    max_rounds=self.max_turns or AgentSettings.max_rounds,
                    max_images=self._settings.max_images,
                    repetition_share=self._settings.repetition_share,
                    repetition_rule=self._settings.repetition_rule,
                ),
                output_dir=self._image_dir / request.uuid,
                on_open=_closer(request),
                picture_problem=self._o3.picture_problem,
            )
            record = TokenRecord(token_pieces(self.tokenizer), self._sampling)
            self._rollouts[request.uuid] = _Rollout(agent, record)
            weakref.finalize(request, self._rollouts.pop, request.uuid, None)
        await self._o3.show_all(image for request in requests for image in request.images)

    async def on_turn_end(self, infer_request: Any, response_choice: Any, current_turn: int) -> dict[str, Any]:
        """Runs the code of one generation and decides whether the trajectory goes on.

        One trajectory's failure ends that trajectory: the host awaits all of a batch together. What will fail for all
        of them is raised.

        Raises:
            ConfigError: a setting cannot work.
            MachineryDown: no sandbox works, for longer than a run waits for one.
        """
        rollout = self._rollouts[infer_request.uuid]
        known_turns, text = len(rollout.agent.turns), ''
        try:
            text, drew = _take(
                rollout.record,
                response_choice,
                self.tokenizer,
                self._o3.picture_ids,
                self._state.facts.text_temperature,
            )
            await self._advance(infer_request, rollout, text, response_choice, current_turn, drew=drew)
        except (ConfigError, MachineryDown):
            raise
        except (ThymeError, OSError) as error:
            rollout.fail(rollout.opened + text, error, known_turns)
        if len(rollout.agent.turns) > known_turns:
            rollout.segments.append(rollout.record.take_segments())
        if rollout.step is None or rollout.step.stop is None:
            return {}
        response_choice.finish_reason = 'length' if rollout.step.stop is StopReason.LENGTH else 'stop'
        return {'done': True, 'rollout_infos': self._finish(infer_request, rollout, rollout.step)}

    def check_finished(self, infer_request: Any, response_choice: Any, current_turn: int) -> bool:
        """Never: `on_turn_end` says when a trajectory is done."""
        return False

    def step(self, infer_request: Any, response_choice: Any, current_turn: int) -> dict[str, Any]:
        """Appends the sandbox's output to the assistant turn as masked ids, and its pictures to the request."""
        rollout = self._rollouts[infer_request.uuid]
        sampled, output_ids = rollout.record.last, []
        if rollout.step is not None and rollout.step.turn.result is not None:
            output_ids = rollout.record.outputs[-1]
            infer_request.images = [*infer_request.images, *(i.path for i in rollout.step.turn.result.images)]
        return {
            'infer_request': infer_request,
            'response_token_ids': sampled.ids + output_ids,
            'response_loss_mask': sampled.mask + [0] * len(output_ids),
            'rollout_logprobs': sampled.logprobs,
            'rollout_infos': {'images': list(infer_request.images)},
        }

    def get_response_token_data(
        self,
        infer_request: Any,
        response_choice: Any,
        is_continuation: bool = False,
        response_token_ids: list[int] | None = None,
        response_loss_mask: list[int] | None = None,
    ) -> tuple[list[int], list[int]]:
        """As the host's, with the mask of this generation (`THYME_TRAIN_CODE`) where the host has none of its own."""
        if response_token_ids is None and infer_request.uuid in self._rollouts:
            last = self._rollouts[infer_request.uuid].record.last
            response_token_ids, response_loss_mask = last.ids, last.mask
        data: tuple[list[int], list[int]] = super().get_response_token_data(
            infer_request, response_choice, is_continuation, response_token_ids, response_loss_mask
        )
        return data

    # Helpers.

    async def _advance(
        self, request: Any, rollout: _Rollout, text: str, choice: Any, current_turn: int, *, drew: bool
    ) -> None:
        agent, cut = rollout.agent, choice.finish_reason == 'length'
        if not agent.turns and not rollout.opened:
            reason = picture.BAD_ROWS.reason(request.images)
            if reason is not None:
                raise DataError(reason)
        text, rollout.opened, rollout.step = rollout.opened + text, '', None
        if drew:
            rollout.step = await agent.end(StopReason.PICTURE_TOKEN, text)
            return
        last = bool(self.max_turns) and current_turn >= self.max_turns
        if not cut and protocol.opens_code(text) and choice.token_ids[-1:] != [self.tokenizer.eos_token_id]:
            if last:
                rollout.step = await agent.end(StopReason.ROUND_LIMIT, text)
            else:
                rollout.opened = text
            return
        if not agent.images:
            agent.images = input_images(request)
        if last:
            agent.settings = replace(agent.settings, max_rounds=len(agent.turns) + 1)
        rollout.step = await agent.step(text, cut_by_length=cut)
        if rollout.step.stop is None:
            await self._append_output(request, rollout, rollout.step)

    async def _append_output(self, request: Any, rollout: _Rollout, step: Step) -> None:
        """Takes the sandbox's output into the record, or ends the trajectory where the next prompt would be too long.

        `--max_length` bounds a prompt; the engine's context bounds a prompt and a short answer to it.
        """
        assert step.turn.result is not None  # a step that goes on has run code
        output_ids = self._o3.encode_output(step)
        tokens = sum(self._o3.visual_tokens(i.width_px, i.height_px) for i in step.turn.result.images)
        rollout.prompt_tokens = rollout.prompt_tokens or self._o3.prompt_tokens(request)
        needed = rollout.prompt_tokens + rollout.record.expanded_length + len(output_ids) + tokens
        context = self._state.facts.max_context_tokens
        bounds = [self._max_prompt_tokens, None if context is None else context - self._settings.min_round_tokens]
        if any(bound is not None and needed > bound for bound in bounds):
            rollout.step = await rollout.agent.end(StopReason.LENGTH)
            return
        rollout.record.output(output_ids, tokens)
        await self._o3.show_all(image.path for image in step.turn.result.images)

    def _finish(self, request: Any, rollout: _Rollout, step: Step) -> dict[str, Any]:
        agent, record = rollout.agent, rollout.record
        problem = step.error or rollout_problem(record, agent.turns, self.tokenizer, self._o3.picture_ids)
        logprobs = record.sampled_logprobs
        assert step.stop is not None
        made = msgspec.structs.replace(
            record_of(agent.turns, step.stop, error=step.error, segments=rollout.segments),
            sampled_ids=tuple(record.sampled_ids),
            sampled_mask=tuple(record.sampled_mask),
            sampled_logprobs=tuple(logprobs) if len(logprobs) == len(record.sampled_ids) else (),
            tokens=dict(record.counts),
            quarantined=bool(problem),
            quarantine_reason=problem or '',
        )
        images = list(request.images)
        if problem:
            logger.warning(f'trajectory {request.uuid} is kept out of training: {problem}')
            n_returned = sum(len(turn.images) for turn in made.turns[:-1])
            made = msgspec.structs.replace(made, images=tuple(_paths(images[: len(images) - n_returned])))
            next(m for m in reversed(request.messages) if m['role'] == 'assistant')['loss'] = UNTRAINED
            images = []
        return {'images': images, INFO: as_json(made)}


def _take(
    record: TokenRecord, choice: Any, tokenizer: Any, picture_ids: Collection[int], text_temperature: float
) -> tuple[str, bool]:
    """Records one generation, cut after its stop string or before a picture token, which only the sandbox may give.

    The choice is changed in place to what was recorded: in server mode the host reads the last one from it.

    Returns:
        The generation's text, from its ids, and whether the policy sampled a picture token.

    Raises:
        TrajectoryError: the engine gave another number of log-probs than of ids.
    """
    ids = list(choice.token_ids or [])
    content = (choice.logprobs or {}).get('content') or []
    if content and len(content) != len(ids):
        raise TrajectoryError(f'the engine gave {len(content)} log-probs for {len(ids)} ids; expected one for each')
    stopped = kept_after_stop(ids, record.pieces, record.kind)
    n = next((i for i, token_id in enumerate(ids[:stopped]) if token_id in picture_ids), stopped)
    drew = n < stopped
    if drew:
        choice.finish_reason = 'stop'
    sampled = record.sampled(ids[:n], [item['logprob'] for item in content[:n]], text_temperature)
    choice.token_ids = sampled.ids
    if content:
        kept = [item for item, trained in zip(content[:n], sampled.mask, strict=True) if trained]
        choice.logprobs = {**choice.logprobs, 'content': kept}
    return generation_text(sampled.ids, tokenizer), drew


def _paths(images: Sequence[Any]) -> list[str]:
    return [image if isinstance(image, str) and picture.is_file(image) else '' for image in images]


def input_images(request: Any) -> list[InputImage]:
    """The pictures of a request as the sandbox takes them, each with the path by which the prompt calls it.

    Raises:
        DataError: a picture is neither a file, nor base64, nor something the host can load.
    """
    user = next((m['content'] for m in request.messages if m['role'] == 'user' and isinstance(m['content'], str)), '')
    paths = protocol.prompt_image_paths(user)
    images = []
    for i, image in enumerate(request.images):
        images.append(InputImage(picture.plain(picture.resolve(image)), paths[i] if i < len(paths) else None))
    return images


def _closer(request: Any) -> Callable[[Session], None]:
    """Ties a session to its request: when the host drops the request on any way out, the session closes."""
    alive = weakref.ref(request)

    def tie(session: Session) -> None:
        owner = alive()
        if owner is not None:
            weakref.finalize(owner, session.close_soon)

    return tie
