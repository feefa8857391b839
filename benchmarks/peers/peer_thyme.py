"""This package: its scheduler in ms-swift's loop, its sandbox, template, verifier, and rewards by a judge of rules."""

import os

from host import Peer
from swift_run import watch, words
from witness import EVENTS


class Thyme(Peer):
    """See the module docstring."""

    def _command(self) -> tuple[list[str], dict[str, str]]:
        address, _, port = self.work.judge.partition(':')
        variables = {'REWARD_API_ADDRESS': address, 'QWEN_API_PORT': port, 'THYME_JUDGE_CACHE': 'off'}
        variables |= {'THYME_EXEC_TIMEOUT_S': '3', 'THYME_MAX_IMAGES': '5'}
        return words(self, 'peer_thyme.py', template='thyme_qwen2_5_vl', multi_turn_scheduler='thyme'), variables


if EVENTS in os.environ:
    from swift_thyme.host.register import register_all
    from swift_thyme.host.scheduler import ThymeScheduler

    register_all()
    watch(ThymeScheduler)
