"""The multi-turn scheduler `thyme`: drives an `Agent` from the host's rollout loops, with exact token ids.

The host appends what the engine sampled, asks `on_turn_end` what became of it, and takes from `step` the ids to go on
with. The assistant turn stays one turn: sandbox output is appended to it as ids with loss mask 0, one image pad for
each picture, and is never decoded and encoded again. Works in all three ways the host generates (transformers engine,
vLLM colocate, vLLM server); what the trajectory gave travels in `rollout_infos`.

Paper: §4. Differs from the release: no re-tokenization, no text appended that the next prompt would lose.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swift.rollout import MultiTurnScheduler
from swift.utils import get_logger

from . import picture, protocol
from .agent import Agent, AgentSettings, Step
from .config import RolloutSettings
from .errors import ConfigError, ThymeError
from .record import turn_json
from .sandbox import InputImage, Session, local_sandbox
from .template import O3Mixin
from .types import Outcome, StopReason, Turn

logger = get_logger()


@dataclass
class _Rollout:
    """What the scheduler keeps of one trajectory between the host's calls."""

    agent: Agent
    step: Step | None = None
    sampled_ids: list[int] = field(default_factory=list)
    """Every id the engine sampled, in order: what training must see unmasked."""


class ThymeScheduler(MultiTurnScheduler):
    """`--multi_turn_scheduler thyme`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        template = self._template or getattr(self.infer_engine, 'template', None)
        if not isinstance(template, O3Mixin):
            raise ConfigError(
                f'--multi_turn_scheduler thyme needs a template that keeps pictures inside assistant turns, got '
                f'{type(template).__name__}; use --template thyme_qwen2_5_vl (or thyme_qwen2_vl, thyme_qwen3_vl)'
            )
        self._o3 = template
        self._settings = RolloutSettings.from_env()
        self._rollouts: dict[str, _Rollout] = {}
        self._image_dir = _image_dir(self._settings)

    # Hooks of the host, in the order it calls them.

    async def on_trajectory_start(self, requests: list[Any]) -> None:
        """Makes an agent for every request; sessions open later, with the first code."""
        for request in requests:
            request.uuid = request.uuid or uuid.uuid4().hex
            agent = Agent(
                sandbox=local_sandbox(),
                images=(),
                settings=AgentSettings(
                    max_rounds=self.max_turns or AgentSettings.max_rounds,
                    max_images=self._settings.max_images,
                    repetition_share=self._settings.repetition_share,
                ),
                output_dir=self._image_dir / request.uuid,
                on_open=_closer(request),
            )
            self._rollouts[request.uuid] = _Rollout(agent)
            weakref.finalize(request, self._rollouts.pop, request.uuid, None)

    async def on_turn_end(self, infer_request: Any, response_choice: Any, current_turn: int) -> dict[str, Any]:
        """Runs the code of one generation and decides whether the trajectory goes on.

        One trajectory's failure ends that trajectory: the host awaits all of a batch together, so nothing is raised.
        """
        rollout = self._rollouts[infer_request.uuid]
        text = _sampled_text(response_choice)
        rollout.sampled_ids += response_choice.token_ids or []
        try:
            if not rollout.agent.images:
                rollout.agent.images = input_images(infer_request)
            rollout.step = await rollout.agent.step(text, cut_by_length=response_choice.finish_reason == 'length')
        except (ThymeError, OSError) as error:
            rollout.agent.turns.append(Turn(text))
            rollout.agent.abandon(StopReason.ERROR)
            rollout.step = Step(Turn(text), StopReason.ERROR, error=f'{type(error).__name__}: {error}')
        if rollout.step.error:
            logger.warning(f'trajectory {infer_request.uuid} set aside: {rollout.step.error}')
        if rollout.step.stop is None:
            return {}
        return {'done': True, 'rollout_infos': self._infos(infer_request, rollout)}

    def check_finished(self, infer_request: Any, response_choice: Any, current_turn: int) -> bool:
        """Never: `on_turn_end` says when a trajectory is done."""
        return False

    def step(self, infer_request: Any, response_choice: Any, current_turn: int) -> dict[str, Any]:
        """Appends the sandbox's output to the assistant turn as masked ids, and its pictures to the request."""
        rollout = self._rollouts[infer_request.uuid]
        step = rollout.step
        assert step is not None and step.turn.result is not None  # the host calls on_turn_end first
        sampled_ids, sampled_mask, logprobs = self.prepare_response_continuation(response_choice)
        output_ids = self._o3.encode_output(step)
        infer_request.images = [*infer_request.images, *(image.path for image in step.turn.result.images)]
        return {
            'infer_request': infer_request,
            'response_token_ids': sampled_ids + output_ids,
            'response_loss_mask': sampled_mask + [0] * len(output_ids),
            'rollout_logprobs': logprobs,
            'rollout_infos': {'images': list(infer_request.images)},
        }

    # Helpers.

    def _infos(self, request: Any, rollout: _Rollout) -> dict[str, Any]:
        agent, step = rollout.agent, rollout.step
        assert step is not None and step.stop is not None
        info = {**trajectory_info(agent, step), 'sampled_ids': rollout.sampled_ids}
        return {'images': list(request.images), 'thyme': info}


def trajectory_info(agent: Agent, step: Step) -> dict[str, Any]:
    """A finished trajectory as plain JSON values, for rewards, metrics and files (`rollout_infos['thyme']`)."""
    assert step.stop is not None
    results = agent.results
    return {
        'text': agent.text,
        'stop_reason': step.stop.value,
        'error': step.error,
        'quarantined': step.stop in (StopReason.SANDBOX_FAILURE, StopReason.ERROR),
        'code_blocks': sum(turn.code is not None for turn in agent.turns),
        'code_ok': sum(result.outcome is Outcome.OK for result in results),
        'sandbox_s': sum(result.elapsed_s for result in results),
        'turns': [turn_json(turn) for turn in agent.turns],
    }


def input_images(request: Any) -> list[InputImage]:
    """The pictures of a request as the sandbox takes them, each with the path by which the prompt calls it.

    Raises:
        DataError: a picture is neither a file, nor base64, nor something the host can load.
    """
    user = next((m['content'] for m in request.messages if m['role'] == 'user' and isinstance(m['content'], str)), '')
    paths = protocol.prompt_image_paths(user)
    images = []
    for i, image in enumerate(request.images):
        images.append(InputImage(picture.resolve(image), paths[i] if i < len(paths) else None))
    return images


def _sampled_text(response_choice: Any) -> str:
    content = response_choice.message.content
    return content if isinstance(content, str) else ''


def _closer(request: Any) -> Callable[[Session], None]:
    """Ties a session to its request: when the host drops the request on any way out, the session closes."""
    alive = weakref.ref(request)

    def tie(session: Session) -> None:
        owner = alive()
        if owner is not None:
            weakref.finalize(owner, session.close_soon)

    return tie


_default_image_dir: Path | None = None
_image_dir_lock = threading.Lock()


def _image_dir(settings: RolloutSettings) -> Path:
    global _default_image_dir
    if settings.image_dir:
        return Path(settings.image_dir)
    with _image_dir_lock:
        if _default_image_dir is None:
            _default_image_dir = Path(tempfile.mkdtemp(prefix='thyme-images-'))
            atexit.register(shutil.rmtree, _default_image_dir, ignore_errors=True)
    return _default_image_dir
