"""For `--external_plugins` in tests: a sandbox that loses sessions, and a reward that somebody else wrote."""

from typing import Any

import losing_plugin  # noqa: F401
from swift.rewards import ORM, orms


class OwnReward(ORM):  # type: ignore[misc]
    """Pays for the last digit of the answer; a trajectory without text, as lost ones are, gets a bad mark."""

    def __call__(self, completions: list[Any], **columns: Any) -> list[float]:
        texts = [infos['thyme']['text'] for infos in columns['rollout_infos']]
        return [float(t[-10]) if t.endswith('</answer>') else -9.0 for t in texts]


orms['own_reward'] = OwnReward
