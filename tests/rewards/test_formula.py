"""Scores into rewards: each weight and norm changes its own rewards, by the paper's arithmetic, and nothing else."""

from __future__ import annotations

import pytest

from swift_thyme.config import RewardSettings
from swift_thyme.rewards.formula import REWARD_PARTS, reward_value
from swift_thyme.rewards.scorer import Part

SCORES = dict.fromkeys(Part, 0.75)
VARIABLES = {
    'VQA_WEIGHT': ({'vqa_orm', 'thyme_reward'}, 'VQA_NORM'),
    'FMT_WEIGHT': ({'fmt_orm', 'thyme_reward'}, 'FMT_NORM'),
    'CST_WEIGHT': ({'cst_orm', 'thyme_reward'}, 'CST_NORM'),
    'CODE_WEIGHT': ({'code_orm', 'code_orm_llm'}, 'CODE_NORM'),
    'VQA_PRM_WEIGHT': ({'vqa_prm'}, 'VQA_PRM_NORM'),
    'CODE_PRM_WEIGHT': ({'code_prm'}, 'CODE_PRM_NORM'),
}


def values(**env: str) -> dict[str, float]:
    settings = RewardSettings.from_env({'DS_ENV_FILE': '', **env})
    return {name: reward_value(name, SCORES, settings) for name in REWARD_PARTS}


@pytest.mark.parametrize('weight', VARIABLES)
def test_each_weight_and_norm_moves_its_own_rewards_alone(weight: str) -> None:
    own, norm = VARIABLES[weight]
    plain, heavy, normed = values(), values(**{weight: '3'}), values(**{weight: '3', norm: '1'})
    assert {name for name in plain if plain[name] != heavy[name]} == own
    assert {name for name in plain if heavy[name] != normed[name]} == own
    assert all(heavy[name] == 3 * 0.75 and normed[name] == 3 * 0.5 for name in own - {'thyme_reward'})


def test_the_whole_is_the_papers_sum() -> None:
    scores = {Part.RESULT: 1.0, Part.CONSISTENCY: 1.0, Part.FORMAT: 1.0}
    wrong = {Part.RESULT: 0.0, Part.CONSISTENCY: 1.0, Part.FORMAT: 1.0}
    settings = RewardSettings()
    assert (reward_value('thyme_reward', scores, settings), reward_value('thyme_reward', wrong, settings)) == (2, 0.5)
    assert reward_value('cst_orm', wrong, RewardSettings(cst_norm=True)) == 0
