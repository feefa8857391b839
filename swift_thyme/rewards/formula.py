"""Scores into rewards: norms, weights, and the sum of the paper.

Owns the arithmetic. Consistency arrives here already gated by the result (see `scorer.Part.CONSISTENCY`).
"""

from __future__ import annotations

from collections.abc import Mapping

from ..config import RewardSettings
from .scorer import Part

COMBINED = (Part.FORMAT, Part.RESULT, Part.CONSISTENCY)
"""The parts of the paper's reward."""


REWARD_PARTS: dict[str, tuple[Part, ...]] = {
    'fmt_orm': (Part.FORMAT,),
    'vqa_orm': (Part.RESULT,),
    'cst_orm': (Part.RESULT, Part.CONSISTENCY),
    'code_orm': (Part.CODE,),
    'code_orm_llm': (Part.CODE_LLM,),
    'vqa_prm': (Part.PROCESS,),
    'code_prm': (Part.CROPS,),
    'thyme_reward': COMBINED,
}
"""Reward → the parts it needs; its value is the last one, weighted, and for `thyme_reward` the sum of all."""


def reward_value(name: str, scores: Mapping[Part, float], settings: RewardSettings) -> float:
    """One trajectory's value of a reward of `REWARD_PARTS`.

    That of the whole, `thyme_reward`, is `result * (1 + 0.5 * consistency) + 0.5 * format` with default weights.
    Paper: §4.2.
    """
    parts = COMBINED if REWARD_PARTS[name] == COMBINED else REWARD_PARTS[name][-1:]
    return sum(_weighted(part, scores, settings) for part in parts)


def _weighted(part: Part, scores: Mapping[Part, float], settings: RewardSettings) -> float:
    """One part's reward.

    With a `*_NORM` set the score is mapped from 0…1 to -1…1 first; consistency of a wrong answer stays 0, because it
    does not count.
    """
    weight, norm = {
        Part.FORMAT: (settings.fmt_weight, settings.fmt_norm),
        Part.RESULT: (settings.vqa_weight, settings.vqa_norm),
        Part.CONSISTENCY: (settings.cst_weight, settings.cst_norm),
        Part.CODE: (settings.code_weight, settings.code_norm),
        Part.CODE_LLM: (settings.code_weight, settings.code_norm),
        Part.PROCESS: (settings.vqa_prm_weight, settings.vqa_prm_norm),
        Part.CROPS: (settings.code_prm_weight, settings.code_prm_norm),
    }[part]
    score = scores[part]
    if part is Part.CONSISTENCY and not scores[Part.RESULT]:
        return 0.0
    return weight * (2 * score - 1 if norm else score)
