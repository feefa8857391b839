#!/bin/sh
# SFT through the host's Ray mode: Ray places one training process on each GPU of its cluster.
#   ray start --head                                       on the first node
#   ray start --address=10.0.0.1:6379                      on every other
#   GPUS=16 DATASET=prepared bash examples/sft_ray.sh      on the first node
# The host runs `sft` and `megatron rlhf` through Ray, not plain `rlhf`: for GRPO see megatron_ray_grpo.yaml.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
unset NPROC_PER_NODE NNODES || true  # Ray starts the processes, not torchrun
export MAX_PIXELS="${MAX_PIXELS:-3211264}"  # 4,096 visual tokens for one picture
GPUS=${GPUS:-8}

# --use_ray         Ray instead of torchrun
# --device_groups   nproc_per_node: GPUs of a node; default: the group of trainers, its GPUs and what runs in it
# --ray_exp_name    begins the names of the cluster's workers
# --gradient_accumulation_steps   rows of a step / GPUs: Ray knows the number of processes, this command does not
# Every other flag is explained in sft_lora_1gpu.sh and scripts/sft_stage1.sh.
# shellcheck disable=SC2086 # DATASET is a list
exec thyme sft --O3 true --stage 1 \
    --model "${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" --dataset ${DATASET:-prepared/stage1/single_round prepared/stage1/two_rounds} --output_dir "${SAVE_PATH:-output/stage1}" \
    --use_ray true --ray_exp_name thyme \
    --device_groups "{\"nproc_per_node\": ${GPUS_PER_NODE:-8}, \"default\": {\"device\": \"GPU\", \"ranks\": $GPUS, \"workers\": [\"default\"]}}" \
    --gradient_accumulation_steps $((128 / GPUS)) --per_device_train_batch_size 1 \
    --learning_rate 1e-5 --num_train_epochs 3 --warmup_ratio 0.05 --max_length 10240 \
    --tuner_type full --freeze_vit true --torch_dtype bfloat16 --deepspeed zero2 --attn_impl flash_attn \
    --split_dataset_ratio 0 --dataloader_num_workers 4 \
    --save_strategy epoch --save_total_limit 5 --logging_steps 5 --report_to tensorboard \
    "$@"
