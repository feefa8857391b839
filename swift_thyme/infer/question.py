"""A question as the model is asked it: prompt, pictures, and the paths by which code may call them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .. import protocol
from ..engines import Conversation, Message
from ..errors import DataError
from ..picture import look, plain
from ..sandbox import InputImage

_CODE_IS_GONE = 'Code starts anew with this question: variables and files of earlier turns are gone.'


@dataclass(frozen=True)
class Question:
    """Words and pictures of one request."""

    text: str
    """The user's words. `<image>` in them stands for a picture; without any, the pictures come first."""
    images: tuple[Path | bytes, ...] = ()
    """Files, or encoded bytes, in order; those of `history` first. Model and code get them as `picture.plain` does."""
    history: tuple[Message, ...] = ()
    """Earlier messages, with one `<image>` for each of their pictures; a system message is added to the protocol's."""
    prompt_paths: tuple[str | None, ...] | None = None
    """What the prompt calls the pictures; where None, `images/1.jpg` and so on, see `prompt_image`."""
    trained_system: bool = False
    """Whether a system message of `history` is the whole system prompt, as it is in a row that is trained."""

    def conversation(self, *, tools: bool = True) -> Conversation:
        """The prompt, as in training: the system prompt, and the last words in the form of Table 2.

        A text that already names a path for every picture (`User Image Path: "…"`, a row of an RL or evaluation set)
        is taken as it is, and so is a system message that describes the protocol, or that of a trained row.

        Args:
            tools: False for the prompts without tools.

        Raises:
            DataError: a picture is missing or unreadable, or there are not as many places as pictures.
        """
        described, before = self._described(), []
        for message in self.history:
            here = described[: message.content.count(protocol.IMAGE_TAG)]
            described = described[len(here) :]
            if message.role == 'user' and here and not self.trained_system:
                message = Message('user', _prompt(message.content, here, tools))
            if message.role != 'system':
                before.append(message)
        text = self.text
        if not self._is_prompt:
            text = self._last(described, tools)
        conversation = Conversation((self._system(tools), *before, Message('user', text)), self._pictures)
        places = sum(m.content.count(protocol.IMAGE_TAG) for m in conversation.messages)
        if places != len(self.images):
            raise DataError(
                f'the question has {places} places for pictures ({protocol.IMAGE_TAG}) and {len(self.images)} '
                'pictures; expected as many; give a place for each, or none'
            )
        return conversation

    def sandbox_images(self) -> list[InputImage]:
        """The pictures as the sandbox takes them: those that the question is about first."""
        named = protocol.prompt_image_paths(self.text) if self._is_prompt else ()
        paths = named or tuple(image.path for image in self._described())
        images = [InputImage(image, path) for image, path in zip(self._pictures, paths, strict=True)]
        start, end = (0, len(images)) if named else self._about
        return images[start:end] + images[:start] + images[end:]

    @property
    def _about(self) -> tuple[int, int]:
        """Which pictures the question is about: its own, else those of the last turn that had any."""
        end = len(self.images)
        counts = [m.content.count(protocol.IMAGE_TAG) for m in self.history]
        mine = end - sum(counts)
        if mine > 0:
            return end - mine, end
        return end - next((n for n in reversed(counts) if n), 0), end

    def _last(self, mine: Sequence[protocol.PromptImage], tools: bool) -> str:
        """The last words in the form of Table 2; of a question about an earlier picture with that one's lines again."""
        text = _words(self.text, len(mine))
        if tools and any(m.role == 'assistant' for m in self.history) and not self.trained_system:
            text = f'{text}\n\n{_CODE_IS_GONE}'
        if mine or not self.images:
            return protocol.render_user_prompt(text, mine, tools=tools)
        about = self._described()[slice(*self._about)]
        places = protocol.IMAGE_TAG * len(about)
        return protocol.render_user_prompt(text, about, tools=tools).removeprefix(f'{places}\n')

    @cached_property
    def _pictures(self) -> tuple[Path | bytes, ...]:
        return tuple(plain(image) for image in self.images)

    @property
    def _is_prompt(self) -> bool:
        return bool(self.images) and len(protocol.prompt_image_paths(self.text)) == len(self.images)

    def _system(self, tools: bool) -> Message:
        prompt = protocol.SYSTEM_PROMPT if tools else protocol.SYSTEM_PROMPT_PLAIN
        own = [m.content for m in self.history if m.role == 'system']
        if own and (self.trained_system or (tools and any(protocol.SANDBOX_OPEN in text for text in own))):
            return Message('system', '\n\n'.join(own))
        return Message('system', '\n\n'.join([prompt, *own]))

    def _described(self) -> list[protocol.PromptImage]:
        if self.prompt_paths is not None and len(self.prompt_paths) != len(self.images):
            raise DataError(f'{len(self.images)} pictures and {len(self.prompt_paths)} names for them; give as many')
        names: Sequence[str | None] = self.prompt_paths or [None] * len(self.images)
        return [
            prompt_image(image, number, name)
            for number, (image, name) in enumerate(zip(self._pictures, names, strict=True), 1)
        ]


def _prompt(text: str, images: Sequence[protocol.PromptImage], tools: bool) -> str:
    """An earlier message of the user in the form in which it was asked."""
    if len(protocol.prompt_image_paths(text)) == len(images):
        return text
    return protocol.render_user_prompt(_words(text, len(images)), images, tools=tools)


def _words(text: str, pictures: int) -> str:
    """The text without its places for pictures where they all come first: the prompt has its own for those."""
    first = protocol.IMAGE_TAG * pictures
    if text.count(protocol.IMAGE_TAG) != pictures or not text.startswith(first):
        return text
    return text[len(first) :].lstrip('\n')


def prompt_image(image: str | Path | bytes, number: int = 1, name: str | None = None) -> protocol.PromptImage:
    """What the prompt says of a picture: the path code may use, and its size.

    By default that path is `images/NUMBER.SUFFIX`, wherever the picture lies and however it came. So `thyme infer`, a
    server and an evaluation ask the same question in the same words; a file's name cannot give an answer away, which
    would count as the tools' merit because prompts without tools name no path; and no folder of this machine is told
    to a server. Differs from the release, whose prompt has the file's own path.

    Args:
        image: a file or encoded bytes.
        number: of the picture in the conversation, from 1.
        name: the path to name instead.

    Raises:
        DataError: the file is missing or no picture.
    """
    width_px, height_px, ending = look(image)
    return protocol.PromptImage(name or f'images/{number}{ending}', width_px, height_px)
