"""What a stream tells of the sandbox when it is asked to, and the demo as its client."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from swift_thyme.demo.web.sources import Remote
from swift_thyme.demo.web.transcript import Transcript
from swift_thyme.errors import ConfigError
from swift_thyme.infer import CodeStarted, SandboxReplied, Stopped, TextDelta
from swift_thyme.types import Outcome, SegmentKind, StopReason

from ..infer.scripts import ANSWER, CROP, SIZE
from .conftest import question
from .test_chat import stream


def test_a_stream_carries_the_sandboxs_pictures_when_asked_to(server: Any, scripted: Any, picture: Path) -> None:
    scripted([CROP, ANSWER])
    lines = stream(server, question(picture, thyme={'events': True}))
    chunks = [json.loads(line.removeprefix('data: ')) for line in lines if line != 'data: [DONE]']
    (event,) = [chunk['thyme_event'] for chunk in chunks if 'thyme_event' in chunk]
    assert event['outcome'] == 'ok'
    assert event['images'][0].startswith('data:image/png;base64,')


def test_a_stream_carries_none_unasked(server: Any, scripted: Any, picture: Path) -> None:
    scripted([CROP, ANSWER])
    assert not any('thyme_event' in line for line in stream(server, question(picture)))


def ask(url: str, picture: Path, folder: Path) -> tuple[list[Any], str]:
    remote = Remote.connect(f'{url}/v1')
    events: list[Any] = []
    error = asyncio.run(remote.answer('Which letter?', [picture], events.append, folder))
    return events, error


def test_the_demo_sees_the_same_events_through_a_server(
    server: Any, scripted: Any, picture: Path, tmp_path: Path
) -> None:
    scripted([CROP, SIZE, ANSWER])
    events, error = ask(server.url, picture, tmp_path / 'pictures')
    assert error == ''
    replies = [e.result for e in events if isinstance(e, SandboxReplied)]
    assert [r.outcome for r in replies] == [Outcome.OK, Outcome.OK]
    assert Image.open(replies[0].images[0].path).size == (replies[0].images[0].width_px, replies[0].images[0].height_px)
    assert replies[1].text.startswith('size')
    assert sum(isinstance(e, CodeStarted) for e in events) == 2
    assert events[-1] == Stopped(StopReason.ANSWER, 'B')
    words = ''.join(e.text for e in events if isinstance(e, TextDelta))
    assert words == CROP + SIZE + ANSWER
    assert {e.kind for e in events if isinstance(e, TextDelta)} == {SegmentKind.TEXT, SegmentKind.CODE}


def test_the_demos_transcript_of_a_server_has_the_crop(
    server: Any, scripted: Any, picture: Path, tmp_path: Path
) -> None:
    scripted([CROP, ANSWER])
    transcript = Transcript('Which letter?', [picture])
    for event in ask(server.url, picture, tmp_path)[0]:
        transcript.feed(event)
    paths = [m['content']['path'] for m in transcript.messages() if isinstance(m['content'], dict)]
    assert len(paths) == 2
    assert transcript.answer == 'B'


def test_a_refusal_of_the_server_is_said(serve: Any, scripted: Any, picture: Path, tmp_path: Path) -> None:
    scripted([ANSWER])
    _, error = ask(serve(body_bytes=1000).url, picture, tmp_path)
    assert 'refused' in error


def test_an_address_without_a_server_is_named() -> None:
    with pytest.raises(ConfigError, match='thyme serve'):
        Remote.connect('http://127.0.0.1:9/v1')
