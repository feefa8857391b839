#!/bin/sh
# GRPO-ATS on several nodes, in one of two ways. All nodes see the same code, model, rows and SAVE_PATH (shared disk).
#
# torchrun: the same command on every node, each with its number:
#   NNODES=4 NODE_RANK=0 MASTER_ADDR=10.0.0.1 MASTER_PORT=29500 MODEL=… bash examples/grpo_multinode.sh
# DeepSpeed, as in the Thyme README: once, on the first node, which reaches the others by ssh (pdsh):
#   HOSTFILE=hostfile MODEL=… bash examples/grpo_multinode.sh
#     hostfile:         10.0.0.1 slots=8          one line a node
#     .deepspeed_env:   REWARD_API_ADDRESS=10.0.0.11,10.0.0.12     read on every node; variables set in
#                       QWEN_API_PORT=8080,8081                    the shell reach the first node only
# Every flag is explained in swift_thyme/launch/recipes/grpo_multinode.yaml; flags behind the file's name win.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
exec thyme rlhf --recipe grpo_multinode "$@"
