#!/bin/sh
# SFT, stage 1: image operations in one and two rounds.
#
#   MODEL=Qwen/Qwen2.5-VL-7B-Instruct DATASET=prepared SAVE_PATH=output/stage1 sh scripts/sft_stage1.sh [--dry-run]
#
# MODEL           where to begin: a checkpoint folder or a hub id
# DATASET         a folder written by `thyme prepare sft`, or files of rows, separated by spaces
# SAVE_PATH       folder for checkpoints and logs
# NPROC_PER_NODE  GPUs of this node (8)      NNODES, NODE_RANK, MASTER_ADDR, MASTER_PORT: several nodes
# HOSTFILE        start on the nodes of this DeepSpeed hostfile instead; variables go into .deepspeed_env
#
# Flags behind the script's name win: `--learning_rate 2e-5`, `--without deepspeed`. The whole command of the host is
# printed before it runs; --dry-run only prints it. Every flag is explained in swift_thyme/launch/recipes/stage1.yaml.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
exec thyme sft --recipe stage1 "$@"
