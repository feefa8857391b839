#!/bin/sh
# RL: GRPO with adaptive temperature (GRPO-ATS), the engine in the trainer (colocate).
#
#   REWARD_API_ADDRESS=10.0.0.11 QWEN_API_PORT=8080,8081 \
#   MODEL=output/stage2 DATASET=prepared SAVE_PATH=output/rl sh scripts/rl.sh [--dry-run]
#
# MODEL           the run of SFT stage 2, whose newest checkpoint is taken, or a checkpoint
# DATASET         a folder written by `thyme prepare rl`, or files of rows, separated by spaces
# SAVE_PATH       folder for checkpoints, logs and trajectories
# REWARD_API_ADDRESS, QWEN_API_PORT   where the judge is (localhost, 8080); test it: `thyme judge check`
# NPROC_PER_NODE  GPUs of this node (8)      NNODES, NODE_RANK, MASTER_ADDR, MASTER_PORT: several nodes
# HOSTFILE        start on the nodes of this DeepSpeed hostfile instead; variables go into .deepspeed_env
#
# Flags behind the script's name win: `--learning_rate 2e-5`, `--without deepspeed`. The whole command of the host is
# printed before it runs; --dry-run only prints it. Every flag is explained in swift_thyme/launch/recipes/rl.yaml.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
exec thyme rlhf --recipe rl "$@"
