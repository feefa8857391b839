"""The rewards, where the Thyme README looks for them: `--external_plugins …/grpo/plugin/agent_rm.py`."""

from swift_thyme.register import register_rewards

register_rewards()
