"""The O3 template: one mixin over the host's Qwen-VL templates.

It adds what a think-with-images turn needs and the host's templates lack: the system prompt and stop words, pictures
inside assistant turns that are given as token ids, the same token borders in training and rollout, sandbox output
kept out of the loss, and the sampling hook. Everything else is the host's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any

from swift.loss_scale import LossScale
from swift.template import StdTemplateInputs, TemplateMeta
from swift.template.templates.qwen import Qwen2_5VLTemplate, Qwen2VLTemplate, Qwen3VLTemplate, QwenTemplateMeta
from swift.template.utils import get_token_backed_response_ids
from transformers import LogitsProcessorList

from .. import picture, protocol
from ..agent import Step
from ..config import SamplingSettings
from ..errors import ConfigError, DataError, TrajectoryError
from ..qwen import TEMPLATES
from ..spans import token_pieces
from ..types import CodeSwitch, TrainCode
from .arguments import host_run
from .budget import settle_budget
from .loss import SandboxGuard
from .patch import greedy_continuations, leave_out_untrained
from .shown import ShowsPictures
from .temperature import CodeTemperature
from .trace import BatchTrace
from .verify import IMAGE_IDS_TEXT, TokenRules

VLLM_PROCESSOR = 'swift_thyme.host.vllm:AdaptiveTemperature'
UNTRAINED = [0]
"""The `loss` of an assistant message that must not be trained (a list, as the host's message type has it)."""
_PICTURE_TOKENS = ['<|image_pad|>', '<|video_pad|>']
_TOKENS_A_MESSAGE = 8
"""At most, around one message's content."""


class O3Mixin(ShowsPictures):
    """Mixed in before a host template class. See the module docstring for what it changes.

    Differs from the release: no copy of the host's template; pictures of later rounds stand where they were returned
    and not in the first user message.
    """

    hf_model_types: tuple[str, ...] = ()
    """`config.json` model types this template is right for."""
    _guarded: tuple[LossScale, SandboxGuard] | None = None

    def init_processor(self, processor: Any) -> None:
        """As the host's, and checks that template and model belong together.

        Raises:
            ConfigError: the model is of another family.
        """
        super().init_processor(processor)
        got = getattr(getattr(self, 'config', None), 'model_type', None)
        if processor is not None and got not in self.hf_model_types:
            right = next((name for name, cls in TEMPLATE_CLASSES.items() if got in cls.hf_model_types), None)
            raise ConfigError(
                f'wrong template for the model: {self.template_meta.template_type} is for '
                f'{" and ".join(self.hf_model_types)}, got a {got} model; '
                + (f'use --template {right}' if right else f'use a model of {", ".join(sorted(TEMPLATE_CLASSES))}')
            )
        if processor is not None:
            self.image_token_id, self.video_token_id = self.tokenizer.convert_tokens_to_ids(_PICTURE_TOKENS)
            settle_budget(processor, self.model_info.model_dir)

    @property
    def loss_scale(self) -> SandboxGuard:
        """The chosen loss scale, guarded so that sandbox output is never trained."""
        inner = super().loss_scale
        if self._guarded is None or self._guarded[0] is not inner:
            self._guarded = (inner, SandboxGuard(inner))
        return self._guarded[1]

    def prepare_engine_kwargs(self) -> dict[str, Any]:
        """Installs adaptive temperature in a vLLM engine.

        With `THYME_TRAIN_CODE=paper` the engine reports log-probs of the model itself, before temperature, top-p and
        processors: what the trainer computes at temperature 1. Otherwise, as the host has it, those after them.
        """
        kwargs: dict[str, Any] = super().prepare_engine_kwargs()
        settings = SamplingSettings.from_env()
        if not settings.adaptive:
            return kwargs
        if settings.switch is CodeSwitch.STOP_WORDS:
            greedy_continuations()
        else:
            kwargs['logits_processors'] = [*kwargs.get('logits_processors', []), VLLM_PROCESSOR]
        if settings.train_code is TrainCode.PAPER:
            kwargs['logprobs_mode'] = 'raw_logprobs'
        return kwargs

    def prepare_generate_kwargs(self, generate_kwargs: dict[str, Any], *, model: Any = None) -> dict[str, Any]:
        """Installs adaptive temperature in one transformers `generate` call, and keeps `top_k` what was asked.

        The host writes None for a `--top_k` that asks for no limit, and transformers then takes the model's own or 50.
        """
        kwargs: dict[str, Any] = super().prepare_generate_kwargs(generate_kwargs, model=model)
        settings, config = SamplingSettings.from_env(), kwargs['generation_config']
        if config.do_sample and config.top_k is None:
            config.top_k = 0
        if settings.adaptive and config.do_sample:
            hook = CodeTemperature(token_pieces(self.tokenizer), settings.scale(config.temperature))
            kwargs['logits_processor'] = LogitsProcessorList([*kwargs.get('logits_processor', []), hook])
        return kwargs

    def encode_output(self, step: Step) -> list[int]:
        """Ids of a step's rendered sandbox output, one image pad for each picture.

        Raises:
            TrajectoryError: the ids hold another number of pads than there are pictures.
        """
        pictures = step.turn.result.images if step.turn.result is not None else ()
        text = step.output.replace(protocol.IMAGE_TAG, IMAGE_IDS_TEXT) if pictures else step.output
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        if ids.count(self.image_token_id) != len(pictures):
            raise TrajectoryError(
                f'sandbox output has {ids.count(self.image_token_id)} image pads for {len(pictures)} pictures: '
                f'{step.output[:200]!r}'
            )
        return ids

    @property
    def picture_ids(self) -> frozenset[int]:
        """Token ids that stand for pictures and videos: sampled by a policy, they would break the row."""
        return frozenset({int(self.image_token_id), int(self.video_token_id)})

    def prompt_tokens(self, request: Any) -> int:
        """At most so many tokens has the prompt of a request, its pictures included.

        Args:
            request: the host's, before the first generation or after it; the turn that is being generated does not
                count, earlier ones of the assistant do.
        """
        messages = [dict(m) for m in request.messages if m['role'] != 'system']
        messages = messages[:-1] if messages[-1]['role'] == 'assistant' else messages
        given = next((m['content'] for m in request.messages if m['role'] == 'system'), None)
        system = self._get_system(
            StdTemplateInputs(messages=messages, system=given, tools=getattr(request, 'tools', None))
        )
        texts = [system or '', *(m['content'] for m in messages if isinstance(m['content'], str))]
        text = sum(len(self.tokenizer.encode(t, add_special_tokens=False)) + _TOKENS_A_MESSAGE for t in texts)
        return text + sum(self.visual_tokens(*picture.size(image)) + 2 for image in request.images)

    def located(self, image: Any) -> Any:
        """A picture of a request with its relative path found below `ROOT_IMAGE_DIR`, as the host finds it."""
        if isinstance(image, Mapping):
            return image if image.get('bytes') else self.located(image.get('path'))
        if not self.root_image_dir or not isinstance(image, str) or picture.is_file(image):
            return image
        below = Path(self.root_image_dir, image)
        return str(below) if picture.is_file(below) else image

    def _encode_truncated(self, inputs: Any) -> Any:
        """As the host's, but no prompt of a rollout is cut or refused: the scheduler counts, and ends with `length`."""
        if self.is_training or not host_run().rolls_out:
            return super()._encode_truncated(inputs)
        whole = copy(self)
        whole.max_length = None
        return super(O3Mixin, whole)._encode_truncated(inputs)

    def _encode(self, inputs: Any) -> dict[str, Any]:
        """As the host's, with the end-of-turn token trained after `</answer>` although that is a stop word."""
        last = inputs.messages[-1] if inputs.messages else {}
        if self.is_training and isinstance(last.get('content'), str):
            inputs.extra_kwargs.setdefault('add_eos', True)
        encoded: dict[str, Any] = super()._encode(inputs)
        if self.is_training and encoded.get('labels') is not None:
            rules = TokenRules(self.image_token_id)
            rules.check_row(encoded['input_ids'], encoded['labels'], self._image_tokens(encoded))
        return encoded

    def data_collator(self, batch: list[dict[str, Any]], **kwargs: Any) -> dict[str, Any]:
        """As the host's; writes the batch out when tracing is on."""
        collated: dict[str, Any] = super().data_collator(batch, **kwargs)
        if self.is_training:
            self._trace.write(collated, merge_size=self._merge_size)
        return collated

    @cached_property
    def _trace(self) -> BatchTrace:
        return BatchTrace.from_env()

    def _image_tokens(self, encoded: dict[str, Any]) -> list[int]:
        grids = encoded.get('image_grid_thw')
        return [] if grids is None else [int(grid.prod()) // self._merge_size**2 for grid in grids]

    def _preprocess_inputs(self, inputs: Any) -> None:
        """As the host's, with a clear error for pictures that are missing, unreadable or too many.

        Raises:
            DataError: a picture cannot be read, or a training row has not as many pictures as places for them.
        """
        if self.is_training and _is_untrained(inputs.messages):
            self._empty(inputs)
        if self.is_training:
            self._check_image_count(inputs)
        given = list(inputs.images)
        try:
            inputs.images = self.shown(inputs)
            super()._preprocess_inputs(inputs)
        except (OSError, ValueError, SyntaxError) as error:
            if isinstance(error, DataError):
                raise
            if not self.is_training and picture.BAD_ROWS.tolerated:
                inputs.images = self.blank_for_unreadable(given)
                super()._preprocess_inputs(inputs)
                return
            raise DataError(
                f"a picture of this row cannot be read: {error}; the row's pictures are "
                f'{[_describe_image(image) for image in given]}; expected readable files or base64; run '
                '`thyme validate` on the data set'
            ) from error

    def _empty(self, inputs: Any) -> None:
        """Leaves the words of the prompt of a row that is kept out of training, and nothing that could break.

        The one label that stays is what the host's collation needs; `patch` takes it out of the loss. That is put
        in place here because nothing else is sure to be in the trainer: with `--async_generate true` the scheduler is
        in the server only, and the rewards may be another's.
        """
        leave_out_untrained()
        inputs.images = []
        for message in inputs.messages:
            if isinstance(message['content'], str):
                message['content'] = message['content'].replace(protocol.IMAGE_TAG, '')
        ends = [self.tokenizer.eos_token_id]
        inputs.messages[-1]['content'] = {'token_ids': ends, 'loss_scale': [1]}

    def _check_image_count(self, inputs: Any) -> None:
        if not inputs.messages or inputs.messages[-1]['role'] != 'assistant' or not inputs.messages[-1]['content']:
            return  # a prompt alone: the host encodes those for its logs, without their pictures
        in_ids = self._n_pads(inputs)
        texts = [m['content'] for m in inputs.messages if isinstance(m['content'], str)]
        in_text = sum(text.count(protocol.IMAGE_TAG) for text in (inputs.system or '', *texts))
        if in_text and in_ids + in_text != len(inputs.images):
            raise DataError(
                f'row has {len(inputs.images)} images but {in_ids + in_text} places for them ({in_text} '
                f'{protocol.IMAGE_TAG} tags, {in_ids} image pads); expected as many; run `thyme validate` on the data '
                f'set. The row begins: {texts[0][:200]!r}'
            )

    def _n_pads(self, inputs: Any) -> int:
        pads: int = sum(ids.count(self.image_token_id) for ids in _backed_ids(inputs.messages))
        return pads

    def _add_default_tags(self, inputs: Any) -> None:
        """As the host's, leaving out the pictures whose pads are inside id-backed turns."""
        images, inputs.images = inputs.images, inputs.images[: len(inputs.images) - self._n_pads(inputs)]
        try:
            super()._add_default_tags(inputs)
        finally:
            inputs.images = images

    def _pre_tokenize_images(
        self, context_list: list[Any], loss_scale_list: list[float], inputs: Any
    ) -> tuple[list[Any], list[float]]:
        """As the host's, and loads the pictures of id-backed stretches in their place in the order."""
        contexts: list[Any] = []
        scales: list[float] = []
        inputs.image_idx = 0
        for context, scale in zip(context_list, loss_scale_list, strict=True):
            if isinstance(context, list):
                for _ in range(context.count(self.image_token_id)):
                    self._place_image(inputs)
                contexts.append(context)
                scales.append(scale)
            elif context == protocol.IMAGE_TAG and inputs.image_idx < len(inputs.images):
                contexts += self._place_image(inputs)
                scales.append(0.0)
            elif _is_sandbox_piece(context):
                contexts.append(self._tokenize(context))
                scales.append(scale)
            else:
                contexts.append(context)
                scales.append(scale)
        return contexts, scales

    def _place_image(self, inputs: Any) -> list[Any]:
        if inputs.image_idx >= len(inputs.images):
            raise TrajectoryError(
                f'more image pads in token ids than pictures: got {len(inputs.images)} pictures, expected at least '
                f'{inputs.image_idx + 1}; the rollout must return every picture in rollout_infos'
            )
        context: list[Any] = self.replace_tag('image', inputs.image_idx, inputs)
        inputs.image_idx += 1
        return context


def _backed_ids(messages: list[dict[str, Any]]) -> Iterator[list[int]]:
    for message in messages:
        content = message['content']
        parts = content if isinstance(content, list) and content and not isinstance(content[0], int) else [content]
        for part in parts:
            ids = get_token_backed_response_ids(part)
            if ids:
                yield ids


def _is_untrained(messages: list[dict[str, Any]]) -> bool:
    last = messages[-1] if messages else {}
    return last.get('loss') == UNTRAINED and not isinstance(last.get('content'), str)


def _describe_image(image: Any) -> str:
    if isinstance(image, dict):
        image = image.get('path') or image.get('bytes')
    if isinstance(image, str) and len(image) < 500:
        return image
    return (
        f'<{type(image).__name__}, {len(image)} characters>' if isinstance(image, (str, bytes)) else repr(image)[:200]
    )


def _is_sandbox_piece(context: Any) -> bool:
    """Whether a stretch of text begins or ends with the border of sandbox output.

    Such stretches are tokenized on their own, because that is how the rollout appends them: joined to their
    neighbours, `</code><sandbox_output>` would become other tokens than the model saw when it was sampled.
    """
    return isinstance(context, str) and (
        context.startswith(protocol.SANDBOX_OPEN) or context.endswith(protocol.SANDBOX_CLOSE)
    )


class ThymeQwen2VLTemplate(O3Mixin, Qwen2VLTemplate):
    """`thyme_qwen2_vl`."""

    hf_model_types = TEMPLATES['thyme_qwen2_vl']


class ThymeQwen2_5VLTemplate(O3Mixin, Qwen2_5VLTemplate):
    """`thyme_qwen2_5_vl`."""

    hf_model_types = TEMPLATES['thyme_qwen2_5_vl']


class ThymeQwen3VLTemplate(O3Mixin, Qwen3VLTemplate):
    """`thyme_qwen3_vl`."""

    hf_model_types = TEMPLATES['thyme_qwen3_vl']


TEMPLATE_CLASSES: dict[str, type[O3Mixin]] = {
    'thyme_qwen2_vl': ThymeQwen2VLTemplate,
    'thyme_qwen2_5_vl': ThymeQwen2_5VLTemplate,
    'thyme_qwen3_vl': ThymeQwen3VLTemplate,
}


def template_meta(template_type: str, template_cls: type[O3Mixin]) -> TemplateMeta:
    """The host's description of one template: ChatML, the paper's system prompt, the protocol's stop words.

    `<code>` is among them with `THYME_SWITCH=stop_words`, which is therefore read when templates are registered.
    """
    settings = SamplingSettings.from_env()
    by_stop_words = settings.adaptive and settings.switch is CodeSwitch.STOP_WORDS
    return QwenTemplateMeta(
        template_type,
        template_cls=template_cls,
        default_system=protocol.SYSTEM_PROMPT,
        stop_words=['<|endoftext|>', *protocol.STOP_STRINGS, *[protocol.CODE_OPEN] * by_stop_words],
    )
