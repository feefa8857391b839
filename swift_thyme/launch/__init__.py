"""The host's commands with Thyme's settings filled in: `thyme sft|rlhf|rollout|infer|deploy`."""
