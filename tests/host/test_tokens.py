"""The ids of a rollout: cut at the stop string, masked as asked, counted by kind."""

from __future__ import annotations

from typing import Any

import pytest

from swift_thyme.config import SamplingSettings
from swift_thyme.errors import ConfigError
from swift_thyme.host.tokens import TokenRecord, kept_after_stop
from swift_thyme.spans import TokenPieces, token_pieces
from swift_thyme.types import SegmentKind, TrainCode

TURN = 'I crop. <code>\n```python\nx = 1\n```\n</code>'


@pytest.fixture(scope='module')
def pieces(tokenizer: Any) -> TokenPieces:
    return token_pieces(tokenizer)


@pytest.mark.parametrize(
    ('text', 'kept'),
    [
        (TURN + ' and on', TURN),
        ('<answer>B</answer> and on', '<answer>B</answer>'),
        ('stray </code> and on', 'stray </code>'),
        ('<code>print("</answer>")\n</code> and on', '<code>print("</answer>")\n</code>'),
        ('no stop at all', 'no stop at all'),
    ],
)
def test_what_follows_the_first_stop_string_is_cut_at_the_token(
    pieces: TokenPieces, tokenizer: Any, text: str, kept: str
) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids[: kept_after_stop(ids, pieces)]) == kept


def test_the_token_that_completes_a_stop_string_is_kept_whole(pieces: TokenPieces, tokenizer: Any) -> None:
    ids = tokenizer.encode('<code>x</code>\n')
    assert tokenizer.decode([ids[-1]]) == '>\n', 'the tokenizer glues them'
    assert kept_after_stop([*ids, *tokenizer.encode('more')], pieces) == len(ids)


def test_a_generation_that_begins_inside_code_is_cut_where_it_ends(pieces: TokenPieces, tokenizer: Any) -> None:
    ids = tokenizer.encode('x = 1\n</code> and on')
    n = kept_after_stop(ids, pieces, SegmentKind.CODE)
    assert tokenizer.decode(ids[:n]) == 'x = 1\n</code>'


def record(pieces: TokenPieces, mode: TrainCode = TrainCode.PAPER, code_temperature: float = 0.0) -> TokenRecord:
    return TokenRecord(pieces, SamplingSettings(train_code=mode, code_temperature=code_temperature))


@pytest.mark.parametrize(('mode', 'temperature'), [(TrainCode.PAPER, 0.0), (TrainCode.EXACT, 0.5)])
def test_every_sampled_token_is_trained(
    pieces: TokenPieces, tokenizer: Any, mode: TrainCode, temperature: float
) -> None:
    ids = tokenizer.encode(TURN)
    sampled = record(pieces, mode, temperature).sampled(ids, [-1.0] * len(ids), 1.0)
    assert sampled.mask == [1] * len(ids) and sampled.logprobs == [-1.0] * len(ids)


def test_mask_leaves_out_exactly_what_was_sampled_inside_code(pieces: TokenPieces, tokenizer: Any) -> None:
    ids = tokenizer.encode(TURN)
    logprobs = [-float(i) for i in range(len(ids))]
    sampled = record(pieces, TrainCode.MASK).sampled(ids, logprobs, 1.0)
    trained = [token_id for token_id, kept in zip(ids, sampled.mask, strict=True) if kept]
    assert tokenizer.decode(trained) in ('I crop. <code>', 'I crop. <code>\n')
    assert sampled.logprobs == logprobs[: len(trained)]


def test_code_goes_on_over_two_generations_and_ends_with_the_output(pieces: TokenPieces, tokenizer: Any) -> None:
    tokens = record(pieces, TrainCode.MASK)
    assert set(tokens.sampled(tokenizer.encode('a <code>'), [], 1.0).mask) == {1}
    assert set(tokens.sampled(tokenizer.encode('x = 1</code>'), [], 1.0).mask) == {0}
    tokens.output(tokenizer.encode('<sandbox_output>1</sandbox_output>'), 0)
    assert set(tokens.sampled(tokenizer.encode('It is 1.'), [], 1.0).mask) == {1}


def test_segments_say_at_which_temperature_each_run_was_sampled(pieces: TokenPieces, tokenizer: Any) -> None:
    tokens = record(pieces)
    tokens.sampled(tokenizer.encode(TURN), [], 0.8)
    kinds = [(s.kind, s.temperature) for s in tokens.take_segments()]
    assert kinds == [('text', 0.8), ('code', 0.0)]
    assert tokens.take_segments() == []


def test_counts_add_up_to_the_expanded_length(pieces: TokenPieces, tokenizer: Any) -> None:
    tokens = record(pieces)
    tokens.sampled(tokenizer.encode(TURN), [], 1.0)
    tokens.output(tokenizer.encode('<sandbox_output>1</sandbox_output>'), 100)
    assert sum(tokens.counts.values()) == tokens.expanded_length
    assert tokens.counts['image'] == 100


def test_exact_training_of_code_needs_a_temperature_above_zero() -> None:
    with pytest.raises(ConfigError, match='THYME_CODE_TEMPERATURE above 0'):
        SamplingSettings(train_code=TrainCode.EXACT)
