"""Row numbers: unique, exact in JSON, and never shared between splits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme.data.synth.seeds import MAX_ROWS, MAX_SEED, Split, rng_for, row_seed, split_of
from swift_thyme.errors import ConfigError

splits = st.sampled_from(list(Split))
user_seeds = st.integers(0, MAX_SEED)
indices = st.integers(0, MAX_ROWS - 1)


@given(splits, user_seeds, indices, splits, user_seeds, indices)
def test_two_rows_share_a_number_only_when_they_are_the_same(
    one: Split, seed: int, index: int, other: Split, seed2: int, index2: int
) -> None:
    same = (one, seed, index) == (other, seed2, index2)
    assert (row_seed(one, seed, index) == row_seed(other, seed2, index2)) is same


@given(splits, user_seeds, indices)
def test_a_number_names_its_split_and_survives_json_doubles(split: Split, seed: int, index: int) -> None:
    number = row_seed(split, seed, index)
    assert split_of(number) is split
    assert int(float(number)) == number


def test_out_of_range_seeds_are_refused() -> None:
    with pytest.raises(ConfigError, match='seed must be 0 to'):
        row_seed(Split.TRAIN, MAX_SEED + 1, 0)
    with pytest.raises(ConfigError, match='at most'):
        row_seed(Split.TRAIN, 0, MAX_ROWS)


def test_random_sources_depend_on_every_part_and_not_on_their_joined_text() -> None:
    assert rng_for('a', 'bc').random() != rng_for('ab', 'c').random()
    assert rng_for('a', 1).random() == rng_for('a', 1).random()
