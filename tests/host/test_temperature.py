"""Code spans are followed token by token exactly as `protocol.segments` sees the whole text."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GenerationConfig

from swift_thyme import protocol
from swift_thyme.host.temperature import CodeTemperature, sharpen
from swift_thyme.host.template import VLLM_PROCESSOR
from swift_thyme.spans import SpanTracker, token_pieces
from swift_thyme.types import SegmentKind

FRAGMENTS = [
    '<code>',
    '</code>',
    '<sandbox_output>',
    '</sandbox_output>',
    '<',
    '</',
    'code',
    '>',
    'x',
    ' ',
    '<co',
    'ode>',
]


def kind_at_end(text: str) -> SegmentKind:
    """The state after `text` by the parser: an unclosed stretch is still open."""
    last = protocol.segments(text)[-1] if text else None
    closed = {SegmentKind.CODE: protocol.CODE_CLOSE, SegmentKind.SANDBOX: protocol.SANDBOX_CLOSE}
    if last is None or last.kind is SegmentKind.TEXT or last.text.endswith(closed[last.kind]):
        return SegmentKind.TEXT
    return last.kind


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30), st.randoms())
@settings(max_examples=300, deadline=None)
def test_tracker_agrees_with_the_parser_however_the_text_is_cut(parts: list[str], rng: random.Random) -> None:
    text, tracker, at = ''.join(parts), SpanTracker(), 0
    while at < len(text):
        size = rng.randint(1, 7)
        tracker.feed(text[at : at + size])
        at += size
        assert tracker.kind is kind_at_end(text[:at])


@pytest.mark.parametrize(
    'text',
    [
        'a<code>\nprint(1)\n</code><sandbox_output>1</sandbox_output>b<code>x',
        '<think>crop<code>```python\nimport cv2\n```</code>',
        'no code at all < 3 and <b>',
    ],
)
def test_tracker_follows_real_tokens(tokenizer: Any, text: str) -> None:
    pieces, tracker, ids = token_pieces(tokenizer), SpanTracker(), tokenizer.encode(text)
    for i, token_id in enumerate(ids):
        tracker.feed(pieces[token_id])
        assert tracker.kind is kind_at_end(tokenizer.decode(ids[: i + 1]))


def test_tags_in_system_user_and_sandbox_text_do_not_count(tokenizer: Any) -> None:
    prompt = (
        '<|im_start|>system\nwrite <code> like this<|im_end|>\n<|im_start|>user\n<code><|im_end|>\n'
        '<|im_start|>assistant\n<think><code>1</code><sandbox_output><code></sandbox_output>'
    )
    assert token_pieces(tokenizer).tracker(tokenizer.encode(prompt)).kind is SegmentKind.TEXT


def test_code_that_the_user_opened_is_not_the_policys(tokenizer: Any) -> None:
    prompt = '<|im_start|>user\nWhat is <code> for?<|im_end|>\n<|im_start|>assistant\n<think>'
    assert token_pieces(tokenizer).tracker(tokenizer.encode(prompt)).kind is SegmentKind.TEXT


@pytest.mark.parametrize('text_temperature', [1.0, 0.6])
def test_code_has_its_own_temperature_whatever_the_texts_is(
    o3_template: Any, monkeypatch: pytest.MonkeyPatch, text_temperature: float
) -> None:
    monkeypatch.setenv('THYME_CODE_TEMPERATURE', '0.5')
    template = o3_template(mode='transformers')
    config = GenerationConfig(do_sample=True, temperature=text_temperature)
    (hook,) = template.prepare_generate_kwargs({'generation_config': config})['logits_processor']
    ids = template.tokenizer.encode('<|im_start|>assistant\n<code>x')
    logits = torch.rand(1, len(template.tokenizer))
    assert torch.allclose(hook(torch.tensor([ids]), logits.clone()) / text_temperature, logits / 0.5)


@pytest.mark.parametrize(
    ('env', 'sharpens', 'log_probs'),
    [
        ({}, True, 'raw_logprobs'),
        ({'THYME_TRAIN_CODE': 'mask'}, True, None),
        ({'THYME_ATS': 'false'}, False, None),
    ],
)
def test_vllm_is_told_how_code_is_sampled_and_whose_log_probs_to_give(
    o3_template: Any, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], sharpens: bool, log_probs: str | None
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    kwargs = o3_template().prepare_engine_kwargs()
    assert (VLLM_PROCESSOR in kwargs.get('logits_processors', [])) is sharpens
    assert kwargs.get('logprobs_mode') == log_probs


def test_code_already_open_in_the_prompt_is_seen(tokenizer: Any) -> None:
    prompt = '<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n<think>crop <code>\nimport'
    assert token_pieces(tokenizer).tracker(tokenizer.encode(prompt)).kind is SegmentKind.CODE


def test_sharpening_to_zero_keeps_only_the_most_likely_token() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0], [5.0, 4.0, 4.5]])
    sharpen(logits, [1], float('inf'))
    assert logits.tolist() == [[1.0, 3.0, 2.0], [5.0, float('-inf'), float('-inf')]]


def test_sharpening_to_a_temperature_divides_by_it_after_the_engine_divided_by_its_own() -> None:
    logits = torch.tensor([[1.0, 2.0]])
    sharpen(logits, [0], 1.0 / 0.25)
    assert torch.allclose(logits.softmax(-1), (torch.tensor([[1.0, 2.0]]) / 0.25).softmax(-1))


def test_processor_sharpens_from_the_token_after_the_tag_until_the_tag_that_closes(tokenizer: Any) -> None:
    prompt = tokenizer.encode('<|im_start|>assistant\n')
    sampled = tokenizer.encode('a <code>\nx\n</code> b')
    hook = CodeTemperature(token_pieces(tokenizer), float('inf'))
    sharp = []
    for i in range(len(sampled) + 1):
        scores = torch.rand(1, len(tokenizer))
        hook(torch.tensor([prompt + sampled[:i]]), scores)
        sharp.append(bool(scores.isinf().any()))
    text = [tokenizer.decode(sampled[:i]) for i in range(len(sampled) + 1)]
    assert sharp == ['<code>' in t and '</code>' not in t for t in text]
