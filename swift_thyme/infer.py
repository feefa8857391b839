"""One question about one picture: the agent loop over the host's engines, outside of training.

The same `Agent`, template and token ids as in a rollout; only who asks for the next generation differs. Greedy, five
rounds, one attempt: what is reported is one policy's answer. Paper: §5. Differs from the release, which retries with
sampling and falls back to a prompt without tools.

Example::

    thinker = Thinker.load('out/model')
    trajectory = thinker.ask('What is the plate number of the blue car?', ['17127.jpg'])
    print(trajectory.answer)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from . import protocol
from .agent import Agent, AgentSettings, Step
from .errors import ConfigError, DataError
from .sandbox import InputImage, Sandbox, local_sandbox
from .types import Trajectory


@dataclass(frozen=True)
class InferSettings:
    """How an answer is generated."""

    max_tokens: int = 2048
    """New tokens a round. Release: 2,048."""
    temperature: float = 0.0
    """Of text; code has its own (`config.SamplingSettings`). 0 is greedy. Paper: greedy."""
    agent: AgentSettings = field(default_factory=AgentSettings)


class Thinker:
    """A model that answers questions about pictures, with a sandbox at hand."""

    def __init__(
        self, engine: Any, *, settings: InferSettings = InferSettings(), sandbox: Sandbox | None = None
    ) -> None:
        """Wraps an engine of the host whose template is one of the O3 templates.

        Raises:
            ConfigError: its template is another.
        """
        from .template import O3Mixin

        template = engine.template
        if not isinstance(template, O3Mixin):
            raise ConfigError(
                f'the engine has template {type(template).__name__}, expected an O3 template; '
                'load it with template_type thyme_qwen2_5_vl (or thyme_qwen2_vl, thyme_qwen3_vl)'
            )
        self._engine, self._template = engine, template
        self._settings = settings
        self._sandbox = sandbox or local_sandbox()

    @classmethod
    def load(cls, model: str | Path, *, template: str | None = None, **kwargs: Any) -> Thinker:
        """Loads a checkpoint on the transformers engine.

        Args:
            model: folder or hub id.
            template: template type; found from the checkpoint's `config.json` by default.
            kwargs: of `__init__`, and `engine_kwargs` for the host's `TransformersEngine`.

        Raises:
            ConfigError: no O3 template is right for the model.
        """
        from swift.infer_engine import TransformersEngine

        from .register import register_all

        register_all()
        engine_kwargs = kwargs.pop('engine_kwargs', {})
        engine = TransformersEngine(str(model), template_type=template or template_for(model), **engine_kwargs)
        return cls(engine, **kwargs)

    def ask(
        self,
        question: str,
        images: Sequence[str | Path] = (),
        *,
        on_step: Callable[[Step], None] | None = None,
        output_dir: Path | None = None,
    ) -> Trajectory:
        """Answers one question.

        Args:
            question: the user's words.
            images: paths of the pictures, in order.
            on_step: called after every round, with what was generated and what the sandbox returned.
            output_dir: where returned pictures are kept; by default they go when the trajectory ends.

        Raises:
            DataError: a picture is missing or unreadable.
        """
        return asyncio.run(self._ask(question, [Path(image) for image in images], on_step, output_dir))

    async def _ask(
        self, question: str, images: list[Path], on_step: Callable[[Step], None] | None, output_dir: Path | None
    ) -> Trajectory:
        from swift.infer_engine import InferRequest, RequestConfig

        user = protocol.render_user_prompt(question, [prompt_image(path) for path in images])
        agent = Agent(
            self._sandbox,
            [InputImage(path, str(path)) for path in images],
            self._settings.agent,
            output_dir=output_dir,
        )
        config = RequestConfig(
            max_tokens=self._settings.max_tokens, temperature=self._settings.temperature, return_details=True
        )
        request = InferRequest(messages=[{'role': 'user', 'content': user}], images=[str(path) for path in images])
        ids: list[int] = []
        try:
            while agent.stop_reason is None:
                (response,) = await asyncio.to_thread(self._engine.infer, [request], config, use_tqdm=False)
                choice = response.choices[0]
                step = await agent.step(choice.message.content, cut_by_length=choice.finish_reason == 'length')
                if on_step is not None:
                    on_step(step)
                if step.stop is None and step.turn.result is not None:
                    ids += [*choice.token_ids, *self._template.encode_output(step)]
                    request.messages = [*request.messages[:1], {'role': 'assistant', 'content': ids}]
                    request.images = [*request.images, *(image.path for image in step.turn.result.images)]
        finally:
            await agent.close()
        return agent.trajectory()


def template_for(model: str | Path) -> str:
    """The O3 template type for a checkpoint, by the model type in its `config.json`.

    Raises:
        ConfigError: there is none.
    """
    from transformers import AutoConfig

    from .template import TEMPLATE_CLASSES

    found = AutoConfig.from_pretrained(str(model)).model_type
    for template_type, template_cls in TEMPLATE_CLASSES.items():
        if found in template_cls.hf_model_types:
            return template_type
    raise ConfigError(
        f'no O3 template for a {found} model; expected one of {", ".join(TEMPLATE_CLASSES)}; name another'
    )


def prompt_image(path: Path) -> protocol.PromptImage:
    """What the prompt says of a picture file: its path and size.

    Raises:
        DataError: the file is missing or no picture.
    """
    try:
        with Image.open(path) as image:
            width_px, height_px = image.size
    except OSError as error:
        raise DataError(
            f'picture cannot be read: got {str(path)!r}: {error}; expected an image file; check it'
        ) from error
    return protocol.PromptImage(str(path), width_px, height_px)
