#!/bin/sh
# SFT, stage 1: image operations in one and two rounds. Trains the last round; sandbox output never. Paper: §3.3.
#
#   MODEL=Qwen/Qwen2.5-VL-7B-Instruct DATASET=prepared SAVE_PATH=output/stage1 sh scripts/sft_stage1.sh [--dry-run]
#
# MODEL           where to begin: a checkpoint folder or a hub id
# DATASET         a folder written by `thyme prepare sft`, or files of rows, separated by spaces
# SAVE_PATH       folder for checkpoints and logs
# NPROC_PER_NODE  GPUs of this node (8)      NNODES, NODE_RANK, MASTER_ADDR, MASTER_PORT: several nodes
# HOSTFILE        start on the nodes of this DeepSpeed hostfile instead
#
# Whatever follows the script's name is added to the command and wins: `--learning_rate 2e-5`, `--without deepspeed`.
# The whole command of the host is printed before it runs; --dry-run only prints it.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
export NPROC_PER_NODE="${NPROC_PER_NODE:-8}"
export MAX_PIXELS="${MAX_PIXELS:-3211264}"  # 4,096 visual tokens for one picture
export FPS_MAX_FRAMES="${FPS_MAX_FRAMES:-10}"

# shellcheck disable=SC2086 # DATASET is a list
exec thyme sft --O3 true --stage 1 ${HOSTFILE:+--hostfile "$HOSTFILE"} \
    --model "${MODEL:-}" --dataset ${DATASET:-} --output_dir "${SAVE_PATH:-}" \
    --global_batch_size 128 --per_device_train_batch_size 1 \
    --learning_rate 1e-5 --num_train_epochs 3 --warmup_ratio 0.05 --max_length 10240 \
    --tuner_type full --freeze_vit true --torch_dtype bfloat16 --deepspeed zero2 --attn_impl flash_attn \
    --split_dataset_ratio 0 --dataloader_num_workers 4 \
    --save_strategy epoch --save_total_limit 5 --logging_steps 5 --report_to tensorboard \
    "$@"
