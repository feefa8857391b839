"""The page. Owns layout, boxes and what differs between Gradio 5 and 6; everything else is plain Python beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from ... import protocol
from ...crops.locate import FoundBy, Locator, read_pixels
from ...errors import ConfigError, pip_line
from ...types import SandboxResult
from .open_questions import OpenQuestions
from .transcript import Transcript, plain

_VERSION = int(gr.__version__.partition('.')[0])
_PARALLEL = 8
"""Questions under way at a time; more wait in line."""
_CSS = '.gradio-container { width: 100% !important; max-width: 1280px !important; margin: 0 auto; } '
_CSS += '#chat img { max-height: 340px; }'
_CACHE_S = 3600
_TITLE = 'Thinking with images'
_LEAD = 'The model writes code to look closer at a picture; the code runs in a sandbox.'


@dataclass(frozen=True)
class Example:
    """A question to begin with."""

    picture: Path
    question: str


@dataclass
class Looked:
    """Where the model looked: the boxes of its crops on the question's picture, as the transcript grows."""

    picture: Path
    _locator: Locator | None = None
    _done: int = 0
    boxes: list[tuple[tuple[int, int, int, int], str]] = field(default_factory=list)
    """Left, top, right and bottom in pixels, and a label."""

    def follow(self, transcript: Transcript) -> bool:
        """Takes in the rounds that have ended since; whether a box is new."""
        before = len(self.boxes)
        finished = [one for one in transcript.rounds if one.result is not None]
        for number, one in enumerate(finished[self._done :], self._done + 1):
            if one.result is not None:
                self._add(number, protocol.code_at_end(one.text) or '', one.result)
        self._done = len(finished)
        return len(self.boxes) > before

    def _add(self, number: int, code: str, result: SandboxResult) -> None:
        if self._locator is None:
            self._locator = Locator(read_pixels(self.picture))
        returned = [read_pixels(Path(image.path)) for image in result.images]
        for place in self._locator.locate(code, returned):
            if place is not None and place.by is not FoundBy.WHOLE:
                self.boxes.append((place.box, f'code {number}'))


def build_app(questions: OpenQuestions, *, name: str, examples: Sequence[Example] = ()) -> gr.Blocks:
    """Makes the page.

    Args:
        questions: who answers.
        name: of the model, for the heading.
        examples: shown under the question.

    Raises:
        ConfigError: the installed Gradio is neither 5 nor 6.
    """
    if _VERSION not in (5, 6):
        raise ConfigError(f'gradio must be 5 or 6, got {gr.__version__}; {pip_line("demo")}')
    handler = _Handler(questions)
    cache = (_CACHE_S, _CACHE_S)
    with gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=cache, **_looks(5)) as app:
        gr.Markdown(f'## {_TITLE}\n{_LEAD} Model: `{name}`')
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                picture, question, ask, stop, looked = _question(examples)
            with gr.Column(scale=3, min_width=320):
                chat = gr.Chatbot(
                    label='Trajectory', elem_id='chat', height=620, latex_delimiters=[], **_chat_options()
                )
                answer = gr.Textbox(label='Answer', elem_id='answer', interactive=False, placeholder='none yet')
                status = gr.Markdown(elem_id='status')
        gr.on(
            [ask.click, question.submit],
            handler.ask,
            [picture, question],
            [chat, answer, status, looked, ask, stop],
            concurrency_limit=_PARALLEL,
            show_progress='hidden',
            trigger_mode='once',
        )
        stop.click(handler.stop, None, None, queue=False, show_progress='hidden')
        app.unload(handler.stop)
    return app


def _question(examples: Sequence[Example]) -> tuple[gr.Image, gr.Textbox, gr.Button, gr.Button, gr.AnnotatedImage]:
    """The parts that ask: picture, question, the buttons to ask and to stop, and where the crops are drawn."""
    picture = gr.Image(
        type='filepath', image_mode=None, label='Picture', elem_id='picture', sources=['upload', 'clipboard']
    )
    question = gr.Textbox(label='Question', lines=3, elem_id='question', placeholder='What does the small sign say?')
    with gr.Row():
        ask = gr.Button('Ask', variant='primary', elem_id='ask')
        stop = gr.Button('Stop', variant='stop', elem_id='stop', interactive=False)
    looked = gr.AnnotatedImage(label='Where it looked', elem_id='looked', visible=False)
    if examples:
        gr.Examples([[str(e.picture), e.question] for e in examples], [picture, question], label='Examples')
    return picture, question, ask, stop, looked


def launch(
    app: gr.Blocks, questions: OpenQuestions, *, host: str, port: int | None, examples: Sequence[Example] = ()
) -> str:
    """Starts to serve the page on threads of its own; returns its address."""
    options = {} if _VERSION == 6 else {'show_api': False}
    app.queue(default_concurrency_limit=_PARALLEL)
    _, address, _ = app.launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        ssr_mode=False,
        allowed_paths=[str(questions.folder), *{str(e.picture.parent) for e in examples}],
        **options,
        **_looks(6),
    )
    return str(address)


@dataclass(frozen=True)
class _Handler:
    """What the page's buttons do, all on one event loop: tasks are not cancelled from another thread."""

    questions: OpenQuestions

    async def ask(self, picture: str | None, question: str, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        if not question.strip():
            raise gr.Error('Write a question first.', print_exception=False)
        images = [Path(picture)] if picture else []
        looked = Looked(images[0]) if images else None
        boxes: Any = gr.update(value=None, visible=False)
        async for transcript in self.questions.ask(str(request.session_hash), question, images):
            if looked is not None and await asyncio.to_thread(looked.follow, transcript):
                boxes = gr.update(value=(str(looked.picture), list(looked.boxes)), visible=True)
            yield _drawn(transcript, boxes, running=True)
            boxes = gr.skip()
        yield _drawn(transcript, boxes, running=False)

    async def stop(self, request: gr.Request) -> None:
        self.questions.stop(str(request.session_hash))


def _drawn(transcript: Transcript, boxes: Any, *, running: bool) -> tuple[Any, ...]:
    return (
        transcript.messages(),
        transcript.said_answer,
        plain(transcript.status),
        boxes,
        gr.update(interactive=not running),
        gr.update(interactive=running),
    )


def _chat_options() -> dict[str, Any]:
    return {'type': 'messages', 'show_copy_button': True} if _VERSION == 5 else {'buttons': []}


def _looks(version: int) -> dict[str, Any]:
    """Style and theme, for the call that takes them in that version. Fonts are the machine's: nothing is fetched."""
    if version != _VERSION:
        return {}
    fonts = {'font': ['system-ui', 'sans-serif'], 'font_mono': ['ui-monospace', 'monospace']}
    return {'css': _CSS, 'theme': gr.themes.Default(**fonts)}
