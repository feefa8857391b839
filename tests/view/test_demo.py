"""The demo without a browser: the transcript's messages, and what is stopped when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme import protocol
from swift_thyme.demo.web.open_questions import OpenQuestions
from swift_thyme.demo.web.transcript import Transcript, fenced, plain
from swift_thyme.errors import DataError
from swift_thyme.infer import AttemptStarted, CodeStarted, Event, SandboxReplied, Stopped, TextDelta
from swift_thyme.types import Outcome, SandboxImage, SandboxResult, SegmentKind, StopReason

CODE = f'{protocol.CODE_OPEN}\nprint("```")\n{protocol.CODE_CLOSE}'
IMAGE = SandboxImage('/pictures/crop.png', 10, 10, 'ab')


def said(text: str, kind: SegmentKind = SegmentKind.TEXT) -> TextDelta:
    return TextDelta(text, kind)


def fed(*events: Event) -> Transcript:
    transcript = Transcript('Which?', [Path('a.png')])
    for event in events:
        transcript.feed(event)
    return transcript


def test_the_question_comes_first_with_its_picture() -> None:
    first, second = fed().messages()
    assert first == {'role': 'user', 'content': {'path': 'a.png'}}
    assert second == {'role': 'user', 'content': 'Which?'}


def test_code_folds_once_it_has_run_and_its_pictures_follow() -> None:
    running = fed(said(f'{protocol.THINK_OPEN}I look. '), said(CODE, SegmentKind.CODE), CodeStarted('print("```")'))
    assert running.messages()[-1]['metadata'] == {'title': 'Code 1 · running', 'status': 'pending'}
    assert running.status == 'running the code…'
    running.feed(SandboxReplied(SandboxResult(Outcome.OK, '', (IMAGE,), 0.5, ('clamp',)), ''))
    code, picture = running.messages()[-2:]
    assert code['metadata'] == {'title': 'Code 1 · ran in 0.50 s · repaired: clamp', 'status': 'done'}
    assert code['content'] == '````python\nprint("```")\n````'
    assert picture['content'] == {'path': '/pictures/crop.png'}


def test_a_failure_is_shown_as_such() -> None:
    result = SandboxResult(Outcome.CODE_ERROR, 'NameError: x', (), 0.1)
    messages = fed(said(CODE, SegmentKind.CODE), CodeStarted('x'), SandboxReplied(result, '')).messages()
    assert messages[-2]['metadata']['title'] == 'Code 1 · failed in 0.10 s'
    assert messages[-1]['metadata']['title'] == 'Error'
    assert 'NameError' in messages[-1]['content']


def test_the_answer_stands_out_and_is_known() -> None:
    end = f'So.{protocol.THINK_CLOSE}\n{protocol.ANSWER_OPEN}B{protocol.ANSWER_CLOSE}'
    transcript = fed(said(end), Stopped(StopReason.ANSWER, 'B'))
    assert transcript.messages()[-1]['content'] == '**Answer:** B'
    assert transcript.answer == 'B'
    assert transcript.status.endswith('stopped by: answer')


@pytest.mark.parametrize('stop', [stop for stop in StopReason if stop is not StopReason.ANSWER])
def test_where_there_is_no_answer_the_box_says_why(stop: StopReason) -> None:
    said_answer = fed(said('hm'), Stopped(stop, None)).said_answer
    assert said_answer.startswith('(none: ') and stop.value not in said_answer and 'empty' not in said_answer


def test_another_attempt_starts_over() -> None:
    assert len(fed(said('no'), AttemptStarted(2, True), said('yes')).messages()) == 3


@given(st.text(max_size=200))
def test_no_character_that_markdown_or_html_reads_is_left_bare(text: str) -> None:
    bare = plain(text)
    for i, character in enumerate(bare):
        if character in '<>*_`[]!$&#|':
            assert i and bare[i - 1] == '\\'


@given(st.text(alphabet='`a\n', max_size=60))
def test_a_fence_cannot_be_closed_from_inside(text: str) -> None:
    fence, *inside, closing = fenced(text).split('\n')
    assert fence == closing
    assert not any(line.strip().startswith(fence) for line in inside)


class SlowSource:
    """Says one word, then waits for ever; remembers whether it was cancelled."""

    name = 'slow'

    def __init__(self) -> None:
        self.freed = 0

    async def answer(self, question: str, images: Sequence[Path], on_event: Any, folder: Path) -> str:
        on_event(said('hm'))
        try:
            await asyncio.Event().wait()
        finally:
            self.freed += 1
        return ''


class FailingSource:
    """Fails at once."""

    name = 'failing'

    async def answer(self, question: str, images: Sequence[Path], on_event: Any, folder: Path) -> str:
        raise DataError('picture cannot be read')


def test_stopping_ends_the_answer_and_says_so() -> None:
    async def run() -> tuple[SlowSource, OpenQuestions, str]:
        source = SlowSource()
        questions = OpenQuestions(source)
        async for transcript in questions.ask('me', 'Which?', []):
            if transcript.rounds[-1].text and not source.freed:
                assert questions.under_way == 1
                assert not questions.stop('someone else')
                assert questions.stop('me')
        questions.close()
        return source, questions, transcript.note

    source, questions, note = asyncio.run(run())
    assert (source.freed, questions.under_way, note) == (1, 0, 'Stopped.')


def test_leaving_in_the_middle_frees_everything() -> None:
    async def run() -> tuple[SlowSource, OpenQuestions]:
        source = SlowSource()
        questions = OpenQuestions(source)
        asking = questions.ask('me', 'Which?', [])
        await asking.__anext__()
        await asking.__anext__()
        await asking.aclose()  # type: ignore[attr-defined]
        questions.close()
        return source, questions

    source, questions = asyncio.run(run())
    assert (source.freed, questions.under_way) == (1, 0)


def test_the_next_question_of_a_session_stops_the_one_before() -> None:
    async def run() -> SlowSource:
        source = SlowSource()
        questions = OpenQuestions(source)

        speaking = asyncio.Event()

        async def first() -> str:
            async for transcript in questions.ask('me', 'One?', []):
                if transcript.rounds[-1].text:
                    speaking.set()
            return transcript.note

        one = asyncio.create_task(first())
        await speaking.wait()
        asking = questions.ask('me', 'Two?', [])
        await asking.__anext__()
        assert await one == 'Stopped.'
        await asking.aclose()  # type: ignore[attr-defined]
        questions.close()
        return source

    assert asyncio.run(run()).freed == 1


def test_what_cannot_be_asked_is_said_in_the_chat() -> None:
    async def run() -> str:
        questions = OpenQuestions(FailingSource())
        async for transcript in questions.ask('me', 'Which?', []):
            note = transcript.note
        questions.close()
        return note

    assert 'picture cannot be read' in asyncio.run(run())


def test_the_pictures_go_with_the_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = OpenQuestions(FailingSource())
    assert questions.folder.is_dir()
    questions.close()
    assert not questions.folder.exists()
