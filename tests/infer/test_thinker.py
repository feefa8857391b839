"""The loop outside of training, on the real engine and sandbox with a scripted policy."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from swift_thyme import protocol
from swift_thyme.agent import AgentSettings, assistant_text
from swift_thyme.engines import Conversation, Generation, Sampling
from swift_thyme.errors import ContextFull, DataError, EngineError
from swift_thyme.infer import (
    AttemptStarted,
    CodeStarted,
    InferSettings,
    SandboxReplied,
    Stopped,
    TextDelta,
    Thinker,
)
from swift_thyme.types import SandboxResult, SegmentKind, StopReason

from .scripts import ANSWER, CROP, README_ANSWER, README_CODE, SHORT, SIZE, SLEEP


def picture_of(folder: Path, width: int, height: int) -> Path:
    path = folder / f'{width}x{height}.png'
    Image.new('RGB', (width, height), 'teal').save(path)
    return path


def with_settings(thinker: Thinker, **changes: Any) -> Thinker:
    return Thinker(thinker.engine, settings=replace(thinker.settings, **changes), sandbox=thinker.sandbox)


async def sessions_after(thinker: Thinker) -> int:
    """Live sessions once everything that is closing has closed."""
    for _ in range(200):
        n = len((await asyncio.to_thread(thinker.sandbox.stats))['sessions'])
        if n == 0:
            return 0
        await asyncio.sleep(0.05)
    return n


def test_the_example_of_the_release_is_answered(scripted: Any, picture: Path, tmp_path: Path) -> None:
    reply = scripted([README_CODE, README_ANSWER]).ask('Which plate?', [picture], output_dir=tmp_path / 'kept')
    (result, _) = (turn.result for turn in reply.turns)
    assert (reply.answer, reply.stop_reason) == ('C. S QT 911', StopReason.ANSWER)
    assert result is not None and result.outcome.value == 'ok' and len(result.images) == 1
    assert Path(result.images[0].path).parent == tmp_path / 'kept'


def test_events_join_to_the_assistant_turn(scripted: Any, picture: Path) -> None:
    seen: list[Any] = []
    reply = scripted([SIZE, CROP.removeprefix('<think>'), ANSWER]).ask('Which?', [picture], on_event=seen.append)
    shown = [
        e.text if isinstance(e, TextDelta) else e.output for e in seen if isinstance(e, TextDelta | SandboxReplied)
    ]
    assert ''.join(shown) == assistant_text(reply.turns)
    kinds = [type(event) for event in seen if not isinstance(event, TextDelta)]
    assert kinds == [CodeStarted, SandboxReplied, CodeStarted, SandboxReplied, Stopped]
    code = ''.join(e.text for e in seen if isinstance(e, TextDelta) and e.kind is SegmentKind.CODE)
    assert code.count(protocol.CODE_OPEN) == code.count(protocol.CODE_CLOSE) == 2
    assert seen[-1] == Stopped(StopReason.ANSWER, 'B')


def test_text_comes_while_it_is_generated(scripted: Any, picture: Path) -> None:
    seen: list[Any] = []
    scripted([ANSWER]).ask('Which?', [picture], on_event=seen.append)
    assert len([e for e in seen if isinstance(e, TextDelta)]) > 5


def test_every_round_reads_what_was_sampled_and_returned_before(scripted: Any, picture: Path) -> None:
    thinker = scripted([CROP, ANSWER])
    reply = thinker.ask('Which?', [picture])
    first, second = reply.round_usage
    template = thinker.engine._template
    marks = ('<|vision_start|>', '<|vision_end|>', protocol.SANDBOX_OPEN, protocol.SANDBOX_CLOSE)
    around = sum(len(template.tokenizer.encode(mark)) for mark in marks)
    pads = second.image_tokens - first.image_tokens
    assert pads == 4 * 3  # 112 x 84 px, 28 px a token
    assert second.prompt_tokens == first.prompt_tokens + first.completion_tokens + around + pads
    assert reply.usage == first + second


def test_without_tools_the_prompt_has_none_and_code_stays_words(scripted: Any, picture: Path) -> None:
    seen: list[Conversation] = []
    thinker = scripted([SIZE])

    class Watching:
        name = 'watching'

        def picture_problem(self, *size: int) -> str:
            return ''

        async def generate(self, conversation: Conversation, sampling: Any, on_text: Any = None) -> Generation:
            seen.append(conversation)
            return await thinker.engine.generate(conversation, sampling, on_text)

    reply = Thinker(Watching(), sandbox=thinker.sandbox).ask('Which?', [picture], tools=False)
    prompt = ''.join(m.content for m in seen[0].messages)
    assert protocol.CODE_OPEN not in prompt and 'ode' not in prompt.replace('model', '') and 'Path' not in prompt
    assert not any(turn.result for turn in reply.turns) and not reply.tools
    assert protocol.SANDBOX_OPEN not in assistant_text(reply.turns)
    assert len(seen) > 1 and seen[1].rounds[0].step.output == ''


def test_an_intervention_is_what_the_model_reads(scripted: Any, picture: Path, tmp_path: Path) -> None:
    other = picture_of(tmp_path, 224, 224)

    def swap(result: SandboxResult) -> SandboxResult:
        image = replace(result.images[0], path=str(other), width_px=224, height_px=224)
        return replace(result, images=(image,))

    thinker = scripted([CROP, ANSWER])
    plain, swapped = (thinker.ask('Which?', [picture], intervene=hook) for hook in (None, swap))
    assert swapped.turns[0].result.images[0].path == str(other)
    gained = [r.round_usage[1].image_tokens - r.round_usage[0].image_tokens for r in (plain, swapped)]
    assert gained == [12, 64]


def test_concurrent_questions_keep_their_pictures_apart(scripted: Any, tmp_path: Path) -> None:
    thinker = scripted([SIZE, ANSWER])
    sizes = [(200 + 8 * i, 160) for i in range(6)]
    pictures = [picture_of(tmp_path, *size) for size in sizes]

    async def ask_all() -> list[Any]:
        return await asyncio.gather(*(thinker.answer('Which?', [p]) for p in pictures))

    replies = asyncio.run(ask_all())
    assert [r.turns[0].result.text for r in replies] == [f'size {size}\n' for size in sizes]
    assert {r.answer for r in replies} == {'B'}


def test_a_cancelled_question_closes_its_session(scripted: Any, picture: Path) -> None:
    thinker = scripted([SLEEP, ANSWER])

    async def cancel_in_code() -> int:
        running = asyncio.Event()
        task = asyncio.ensure_future(
            thinker.answer('Which?', [picture], on_event=lambda e: isinstance(e, CodeStarted) and running.set())
        )
        await running.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await sessions_after(thinker)

    assert asyncio.run(cancel_in_code()) == 0


def test_a_cancelled_generation_frees_the_engine(scripted: Any, picture: Path) -> None:
    thinker = scripted(['word ' * 1500])

    async def cancel_while_generating() -> float:
        begun = asyncio.Event()
        task = asyncio.ensure_future(thinker.answer('Which?', [picture], on_event=lambda e: begun.set()))
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        scripted([ANSWER])
        start = asyncio.get_running_loop().time()
        assert (await thinker.answer('Which?', [picture])).answer == 'B'
        return asyncio.get_running_loop().time() - start

    assert asyncio.run(cancel_while_generating()) < 3


def test_one_bad_picture_in_a_batch_fails_alone(scripted: Any, picture: Path, tmp_path: Path) -> None:
    thinker = scripted([ANSWER])
    torn = tmp_path / 'torn.jpg'
    torn.write_bytes(picture.read_bytes()[:2000])

    async def ask_both() -> list[Any]:
        return await asyncio.gather(*(thinker.answer('Which?', [p]) for p in (picture, torn)), return_exceptions=True)

    good, bad = asyncio.run(ask_both())
    assert good.answer == 'B'
    assert isinstance(bad, DataError) and 'torn.jpg' in str(bad)


def test_retries_and_fallback_are_reported(scripted: Any, picture: Path) -> None:
    thinker = with_settings(scripted(['Only words.']), retries=1, fallback=True)
    seen: list[Any] = []
    reply = thinker.ask('Which?', [picture], on_event=seen.append)
    assert [(a.tools, a.temperature) for a in reply.earlier] == [(True, 0.0), (True, 1.0)]
    assert reply.fell_back and not reply.tools
    assert [e for e in seen if isinstance(e, AttemptStarted)] == [AttemptStarted(2, True), AttemptStarted(3, False)]
    assert reply.usage.completion_tokens == 3 * reply.round_usage[0].completion_tokens


def test_an_answer_is_not_asked_for_again(scripted: Any, picture: Path) -> None:
    reply = with_settings(scripted([ANSWER]), retries=3, fallback=True).ask('Which?', [picture])
    assert reply.earlier == () and not reply.fell_back


def test_rounds_are_bounded(scripted: Any, picture: Path) -> None:
    thinker = with_settings(scripted([SHORT] * 9), agent=AgentSettings(max_rounds=3))
    reply = thinker.ask('Which?', [picture])
    assert (reply.stop_reason, len(reply.turns)) == (StopReason.ROUND_LIMIT, 3)


def test_a_question_longer_than_the_context_is_refused(
    scripted: Any, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thinker = scripted([ANSWER])
    monkeypatch.setattr(thinker.engine._engine, 'max_model_len', 300)
    with pytest.raises(ContextFull, match='expected fewer than the 300'):
        thinker.ask('word ' * 400, [picture])


def test_a_context_that_fills_up_ends_the_trajectory(
    scripted: Any, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thinker = scripted([SIZE, ANSWER])
    n = thinker.ask('Which?', [picture]).round_usage[1].prompt_tokens
    scripted([SIZE, ANSWER])
    monkeypatch.setattr(thinker.engine._engine, 'max_model_len', n)
    reply = thinker.ask('Which?', [picture])
    assert (reply.stop_reason, reply.error, len(reply.turns)) == (StopReason.LENGTH, '', 1)


def test_a_failing_engine_is_no_wrong_answer_and_is_not_asked_again(thinker: Thinker, picture: Path) -> None:
    class Broken:
        name = 'broken'

        def picture_problem(self, *size: int) -> str:
            return ''

        async def generate(self, *args: Any) -> Generation:
            raise EngineError('out of order')

    settings = InferSettings(retries=2, fallback=True)
    reply = Thinker(Broken(), settings=settings, sandbox=thinker.sandbox).ask('Which?', [picture])
    assert (reply.stop_reason, reply.answer, reply.error) == (StopReason.ERROR, None, 'out of order')
    assert reply.earlier == () and not reply.fell_back


def test_pictures_given_as_bytes_have_a_name_made_from_them(scripted: Any, picture: Path) -> None:
    reply = scripted(['<code>print(image_path)</code>', ANSWER]).ask('Which?', [picture.read_bytes()])
    assert reply.answer == 'B' and reply.turns[0].result.outcome.value == 'ok'


def test_seeded_sampling_repeats_itself(tiny: Path, thinker: Thinker, picture: Path) -> None:
    import torch

    kwargs = {'torch_dtype': torch.float32, 'model_type': 'qwen2_5_vl'}
    real = Thinker.load(tiny, engine_kwargs=kwargs, settings=InferSettings(Sampling(12, temperature=1.0)))
    one, again, other = (real.ask('Which?', [picture], seed=seed).turns[0].text for seed in (1, 1, 2))
    assert one == again != other
