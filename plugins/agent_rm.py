"""Registers the rewards: `--external_plugins plugins/agent_rm.py --reward_funcs fmt_orm vqa_orm cst_orm`."""

from swift_thyme.register import register_rewards

register_rewards()
