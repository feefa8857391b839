"""What the host's two engines have in common: requests with exact token ids, and text from ids as they come."""

from __future__ import annotations

import base64
import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import picture
from ..errors import ConfigError, ContextFull, DataError, ThymeError
from ..host.template import O3Mixin
from ..types import Usage
from .base import Conversation, Engine, FinishReason, Generation, Sampling
from .checkpoint import Checkpoint

if TYPE_CHECKING:
    from swift.infer_engine import InferRequest, RequestConfig


class HostBackend(Engine):
    """An engine of the host with an O3 template, as one of ours."""

    decodes_pictures = True

    def __init__(self, engine: Any, checkpoint: Checkpoint | None = None) -> None:
        """
        Args:
            engine: of the host.
            checkpoint: what was loaded into it.

        Raises:
            ConfigError: its template is another.
        """
        if not isinstance(engine.template, O3Mixin):
            raise ConfigError(
                f'the engine has template {type(engine.template).__name__}, expected an O3 template; load it with '
                'template_type thyme_qwen2_5_vl (or thyme_qwen2_vl, thyme_qwen3_vl)'
            )
        self._engine, self._template = engine, engine.template
        adapter = checkpoint.adapter if checkpoint is not None else ''
        self.name = checkpoint.name if checkpoint is not None and adapter else str(engine.model_name)
        if checkpoint is not None:
            self.weights = (str(engine.model_dir), *filter(None, [adapter]))

    def tokens_of(self, text: str) -> list[int] | None:
        """See `Engine.tokens_of`."""
        return list(self._template.tokenizer.encode(text, add_special_tokens=False))

    def picture_problem(self, width_px: int, height_px: int) -> str:
        """See `Engine.picture_problem`."""
        return self._template.picture_problem(width_px, height_px)


def check_arguments(kwargs: Mapping[str, Any], *takers: Callable[..., Any]) -> None:
    """Refuses arguments that no function of the host names: its own loader drops them without a word.

    Raises:
        ConfigError: with the nearest that exist.
    """
    known = {name for taker in takers for name in inspect.signature(taker).parameters}
    for name in kwargs:
        if name not in known:
            near = ', '.join(difflib.get_close_matches(name, sorted(known), cutoff=0.5))
            raise ConfigError(
                f'--engine-kwargs: the engine takes no {name!r}; '
                + (f'the nearest are {near}; ' if near else '')
                + 'correct or remove it'
            )


def with_template(engine_class: type[Any], template_type: str) -> type[Any]:
    """An engine class of the host that uses a template type for every checkpoint.

    The host's own takes that of the checkpoint's `args.json`, where there is one, and drops the one it is given. All
    else that is in `args.json` is used as the host uses it.
    """

    class WithTemplate(engine_class):  # type: ignore[misc]
        def _get_template(self, processor: Any, **_: Any) -> Any:
            from swift.arguments import BaseArguments
            from swift.model import get_ckpt_dir
            from swift.template import get_template

            folder = get_ckpt_dir(processor.model_info.model_dir, self.adapters)
            if folder is None:
                return get_template(processor, template_type=template_type)
            return BaseArguments.from_pretrained(folder).get_template(processor, template_type=template_type)

    return WithTemplate


def template_type_of(checkpoint: Checkpoint, given: str | None) -> str:
    """The O3 template type to load a checkpoint with: the given one, that of its training, or that of its family.

    Raises:
        ConfigError: the given one is no O3 template, or there is none for the model.
    """
    from swift.template import TEMPLATE_MAPPING

    from .family import template_for

    known = [name for name, meta in TEMPLATE_MAPPING.items() if issubclass(meta.template_cls, O3Mixin)]
    if given is not None and given not in known:
        raise ConfigError(f'no O3 template: got --template {given}; expected one of {", ".join(sorted(known))}')
    trained = next((args['template'] for args in checkpoint.arguments if args.get('template') in known), None)
    found = given or trained or template_for(checkpoint.model, ask_hub=True)
    assert found is not None  # the hub was asked
    return found


def host_request(conversation: Conversation, template: O3Mixin) -> InferRequest:
    """A conversation as the host takes it: the assistant turn as token ids, never decoded and encoded again."""
    from swift.infer_engine import InferRequest

    messages: list[dict[str, Any]] = [{'role': m.role, 'content': m.content} for m in conversation.messages]
    images = [_host_image(image) for image in conversation.images]
    ids: list[int] = []
    for part in conversation.rounds:
        ids += part.generation.token_ids or ()
        ids += template.encode_output(part.step)
        images += [image.path for image in part.images]
    if ids:
        messages.append({'role': 'assistant', 'content': ids})
    return InferRequest(messages=messages, images=images)


def _host_image(image: Path | bytes) -> str:
    return base64.b64encode(image).decode('ascii') if isinstance(image, bytes) else str(image)


def host_config(sampling: Sampling) -> RequestConfig:
    """Sampling as the host takes it."""
    from swift.infer_engine import RequestConfig

    return RequestConfig(
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        repetition_penalty=sampling.repetition_penalty,
        seed=sampling.seed,
        return_details=True,
    )


def generation(
    text: str, token_ids: Sequence[int], prompt_ids: Sequence[int], *, cut: bool, template: O3Mixin
) -> Generation:
    """The result of one generation, with its tokens counted."""
    usage = Usage(len(prompt_ids), len(token_ids), list(prompt_ids).count(template.image_token_id))
    return Generation(text, FinishReason.LENGTH if cut else FinishReason.STOP, usage, tuple(token_ids))


def prompt_error(error: Exception, conversation: Conversation) -> ThymeError | None:
    """What is wrong with a conversation that the host could not encode; None where the conversation is not to blame."""
    from swift.template import MaxLengthError

    if isinstance(error, DataError):
        return error
    if isinstance(error, MaxLengthError):
        return ContextFull(f'the conversation is longer than the model reads: {error}; shorten it')
    for image in conversation.images:
        try:
            picture.check(image)
        except DataError as cause:
            return cause
    return None


class TextOfIds:
    """The text of token ids that come a few at a time; a character that is not complete yet is held back."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._hidden = {tokenizer.eos_token_id, tokenizer.pad_token_id}
        self._ids: list[int] = []
        self._start = self._read = 0
        self.shown = ''
        """All text given out so far."""

    def feed(self, ids: Sequence[int]) -> str:
        """Takes further ids; returns what can be shown of them. Ends of turn and padding are not shown."""
        self._ids += [token_id for token_id in ids if token_id not in self._hidden]
        before = self._decode(self._ids[self._start : self._read])
        text = self._decode(self._ids[self._start :])
        if text.endswith('\N{REPLACEMENT CHARACTER}') or len(text) <= len(before):
            return ''
        self._start, self._read = self._read, len(self._ids)
        self.shown += text[len(before) :]
        return text[len(before) :]

    def rest(self, whole: str) -> str:
        """What is still to be shown of the final text."""
        return whole[len(self.shown) :] if whole.startswith(self.shown) else ''

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, spaces_between_special_tokens=False)
        return text
