"""ms-swift's own loop with a scheduler as its DeepEyes example has one: a result is a message of the user.

Code runs by `exec` in the trainer's process. The reward is 1 where the answer is the solution's text.
"""

import os
from pathlib import Path
from typing import Any

from host import Peer
from shared import right, run_code
from swift_run import watch, words
from witness import EVENTS

from swift_thyme import protocol


class Swift(Peer):
    """See the module docstring."""

    def _command(self) -> tuple[list[str], dict[str, str]]:
        flags = {'template': 'qwen2_5_vl', 'multi_turn_scheduler': 'peer', 'reward_funcs': 'peer', 'callbacks': None}
        stop = list(protocol.STOP_STRINGS)
        return words(self, 'peer_swift.py', **flags, stop_words=stop), {'PEERS_CROPS': str(self.folder / 'crops')}


if EVENTS in os.environ:
    from swift.rewards import ORM, orms
    from swift.rollout import MultiTurnScheduler, multi_turns

    names_of: dict[str, dict[str, Any]] = {}

    class Scheduler(MultiTurnScheduler):
        """Runs the code at the end of a message."""

        def check_finished(self, infer_request: Any, response_choice: Any, current_turn: int) -> bool:
            """Where there is no code, too."""
            code, over = protocol.code_at_end(response_choice.message.content), super().check_finished
            ended = code is None or over(infer_request, response_choice, current_turn)
            if ended:
                names_of.pop(infer_request.uuid, None)
            return ended

        def step(self, infer_request: Any, response_choice: Any, current_turn: int) -> dict[str, Any]:
            """Runs the code and appends what came of it."""
            names = names_of.setdefault(infer_request.uuid, {'image_path': infer_request.images[0]})
            folder = Path(os.environ['PEERS_CROPS'], infer_request.uuid)
            text, found = run_code(protocol.code_at_end(response_choice.message.content) or '', names, folder)
            shown = f'{protocol.SANDBOX_OPEN}{protocol.IMAGE_TAG * len(found) or text}{protocol.SANDBOX_CLOSE}'
            infer_request.messages.append({'role': 'user', 'content': shown})
            infer_request.images = [*infer_request.images, *map(str, found)]
            return {'infer_request': infer_request, 'rollout_infos': {'images': infer_request.images}}

    multi_turns['peer'], orms['peer'] = Scheduler, type('Peer', (ORM,), {'__call__': lambda _, *a, **k: right(*a, **k)})
    watch(Scheduler)
