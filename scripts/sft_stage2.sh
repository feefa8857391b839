#!/bin/sh
# SFT, stage 2: annealing on computation.
#
#   MODEL=output/stage1 DATASET=prepared SAVE_PATH=output/stage2 sh scripts/sft_stage2.sh [--dry-run]
#
# MODEL           the run of stage 1, whose newest checkpoint is taken, or a checkpoint
# DATASET         a folder written by `thyme prepare sft`, or files of rows, separated by spaces
# SAVE_PATH       folder for checkpoints and logs
# NPROC_PER_NODE  GPUs of this node (8)      NNODES, NODE_RANK, MASTER_ADDR, MASTER_PORT: several nodes
# HOSTFILE        start on the nodes of this DeepSpeed hostfile instead; variables go into .deepspeed_env
#
# Flags behind the script's name win: `--learning_rate 2e-5`, `--without deepspeed`. The whole command of the host is
# printed before it runs; --dry-run only prints it. Every flag is explained in swift_thyme/launch/recipes/stage2.yaml.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
exec thyme sft --recipe stage2 "$@"
