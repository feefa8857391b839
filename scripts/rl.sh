#!/bin/sh
# RL: GRPO with adaptive temperature (GRPO-ATS), the engine in the trainer (colocate). Paper: §3.4.
#
#   REWARD_API_ADDRESS=10.0.0.11 QWEN_API_PORT=8080,8081 \
#   MODEL=output/stage2/v0-…/checkpoint-288 DATASET=prepared SAVE_PATH=output/rl sh scripts/rl.sh [--dry-run]
#
# MODEL           the checkpoint of SFT stage 2
# DATASET         a folder written by `thyme prepare rl`, or files of rows, separated by spaces
# SAVE_PATH       folder for checkpoints, logs and trajectories
# REWARD_API_ADDRESS, QWEN_API_PORT   where the judge is (localhost, 8080); test it: `thyme judge check`
# NPROC_PER_NODE  GPUs of this node (8)      NNODES, NODE_RANK, MASTER_ADDR, MASTER_PORT: several nodes
# HOSTFILE        start on the nodes of this DeepSpeed hostfile instead; variables go into .deepspeed_env
#
# Learning rate, rollouts, penalty, batch, epochs and beta are the paper's; lengths, top_p, top_k, scheduler and offload
# are the release's (its batch is 5 x GPUs, its epochs 2, its beta 0.01). The batch counts trajectories: 64 questions.
# Whatever follows the script's name is added to the command and wins. The whole command of the host is printed before
# it runs; --dry-run only prints it.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
export NPROC_PER_NODE="${NPROC_PER_NODE:-8}"
export THYME_MAX_IMAGES="${THYME_MAX_IMAGES:-5}"  # with one picture in the question: the engine's limit of 6, below
export PYTORCH_CUDA_ALLOC_CONF="${PYTORCH_CUDA_ALLOC_CONF:-expandable_segments:True}"

# shellcheck disable=SC2086 # DATASET is a list
exec thyme rlhf --O3 true --rlhf_type grpo ${HOSTFILE:+--hostfile "$HOSTFILE"} \
    --model "${MODEL:-}" --dataset ${DATASET:-} --output_dir "${SAVE_PATH:-}" \
    --reward_funcs fmt_orm vqa_orm cst_orm --callbacks thyme_rewards \
    --global_batch_size 256 --per_device_train_batch_size 1 --num_generations 4 --num_iterations 1 \
    --learning_rate 5e-7 --beta 0.001 --num_train_epochs 1 --warmup_ratio 0.03 \
    --lr_scheduler_type cosine_with_min_lr --lr_scheduler_kwargs '{"min_lr_rate": 0.1, "num_cycles": 0.5}' \
    --temperature 1.0 --top_p 0.9 --top_k 50 --repetition_penalty 1.05 \
    --max_length 10240 --max_completion_length 3196 --max_pixels 2408448 --overlong_filter true \
    --use_vllm true --vllm_mode colocate --vllm_gpu_memory_utilization 0.55 --vllm_max_model_len 10240 \
    --vllm_limit_mm_per_prompt '{"image": 6, "video": 0}' --vllm_tensor_parallel_size 1 --vllm_enforce_eager true \
    --sleep_level 1 --offload_optimizer true --offload_model true \
    --tuner_type full --freeze_vit true --freeze_aligner false --torch_dtype bfloat16 \
    --deepspeed zero3 --attn_impl flash_attn --padding_side left \
    --split_dataset_ratio 0 --dataset_shuffle true --train_dataloader_shuffle true --dataloader_num_workers 8 \
    --save_strategy steps --save_steps 100 --eval_strategy no --logging_steps 1 \
    --log_completions true --report_to tensorboard \
    "$@"
