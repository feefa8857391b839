#!/bin/sh
# SFT with LoRA on one GPU. `thyme plan --gpus 1 --mem 40` says which picture size fits yours.
#   DATASET=prepared SAVE_PATH=output/sft-lora bash examples/sft_lora_1gpu.sh [--dry-run] [more flags, which win]
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
export CUDA_VISIBLE_DEVICES="${CUDA_VISIBLE_DEVICES:-0}"
export MAX_PIXELS="${MAX_PIXELS:-802816}"  # 1,024 visual tokens for one picture; the paper's 3211264 needs more memory

# --O3 true                     fills in the plug-in, the O3 template and, with --stage, the mask
# --stage 1                     trains the last round (2: every round); sandbox output never
# --global_batch_size           rows of one optimizer step; on one GPU all of them are accumulated
# --tuner_type lora             trains small matrices beside the linear layers instead of all weights
# --lora_rank, --lora_alpha     their width, and the factor (alpha / rank) on what they add
# --target_modules all-linear   beside every linear layer of the language model
# --learning_rate               LoRA takes about ten times that of full training
# --warmup_ratio                share of the steps in which the rate rises
# --max_length                  rows longer than this, tokens with pictures, are left out
# --freeze_vit true             the vision tower gets no LoRA
# --gradient_checkpointing      recomputes activations in the backward pass instead of keeping them
# --attn_impl                   flash_attn where it is installed: less memory for long rows
# --split_dataset_ratio 0       no rows are set aside for evaluation
# --save_strategy epoch         a checkpoint after each epoch, of which --save_total_limit stay
# shellcheck disable=SC2086 # DATASET is a list
exec thyme sft --O3 true --stage 1 \
    --model "${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" --dataset ${DATASET:-prepared/stage1/single_round prepared/stage1/two_rounds} --output_dir "${SAVE_PATH:-output/sft-lora}" \
    --global_batch_size 128 --per_device_train_batch_size 1 \
    --tuner_type lora --lora_rank 16 --lora_alpha 32 --target_modules all-linear \
    --learning_rate 1e-4 --num_train_epochs 3 --warmup_ratio 0.05 --max_length 10240 \
    --freeze_vit true --torch_dtype bfloat16 --gradient_checkpointing true --attn_impl sdpa \
    --split_dataset_ratio 0 --dataloader_num_workers 4 \
    --save_strategy epoch --save_total_limit 3 --logging_steps 5 --report_to tensorboard \
    "$@"
