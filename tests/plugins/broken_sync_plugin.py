"""For `--external_plugins` in tests: the scripted template, and a trainer that never gives its weights to vLLM."""

from typing import Any

from swift.rlhf_trainers.rollout_mixin import RolloutTrainerMixin

from scripted.policy import register_scripted
from swift_thyme.host.register import register_all

register_all()
register_scripted()


def _keep_old_weights(self: Any, *args: Any, **kwargs: Any) -> None:
    return None


RolloutTrainerMixin._move_model_to_vllm = _keep_old_weights
