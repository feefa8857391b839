"""For `--external_plugins` in tests: everything, and a reward that pays for the colour of the other dot."""

from typing import Any

from swift.rewards import ORM, orms

from swift_thyme.host.register import register_all
from swift_thyme.protocol import answer_of

register_all()


class WrongAnswer(ORM):  # type: ignore[misc]
    """1 for the answer in the column `wrong`."""

    def __call__(self, completions: Any, wrong: Any, rollout_infos: Any = None, **kwargs: Any) -> list[float]:
        return [float(answer_of(i['thyme']['text']) == w) for i, w in zip(rollout_infos, wrong, strict=True)]


orms['wrong_answer'] = WrongAnswer
