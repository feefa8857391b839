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
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
export NPROC_PER_NODE="${NPROC_PER_NODE:-8}"
export THYME_MAX_IMAGES="${THYME_MAX_IMAGES:-5}"  # pictures that code may return, beside the one of the question

# --hostfile                  DeepSpeed starts the processes; without it torchrun does, from NNODES and NODE_RANK
# --global_batch_size         trajectories of one step over all nodes: 32 GPUs accumulate 8 each
# --ddp_timeout               seconds that processes wait for each other: a step lasts as long as its slowest judge
# --save_steps                nodes fail: keep the way back short; resume.sh goes on from the last checkpoint
# Every other flag is explained in grpo_8gpu_colocate.sh, which this is on more nodes.
# shellcheck disable=SC2086 # DATASET is a list
exec thyme rlhf --O3 true --rlhf_type grpo ${HOSTFILE:+--hostfile "$HOSTFILE"} \
    --model "${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" --dataset ${DATASET:-prepared/rl} --output_dir "${SAVE_PATH:-output/rl}" \
    --reward_funcs fmt_orm vqa_orm cst_orm --callbacks thyme_rewards \
    --global_batch_size 256 --per_device_train_batch_size 1 --num_generations 4 \
    --learning_rate 5e-7 --beta 0.001 --num_train_epochs 1 --warmup_ratio 0.03 \
    --temperature 1.0 --top_p 0.9 --top_k 50 --repetition_penalty 1.05 \
    --max_length 10240 --max_completion_length 3196 --max_pixels 2408448 --overlong_filter true \
    --use_vllm true --vllm_mode colocate --vllm_gpu_memory_utilization 0.55 --vllm_tensor_parallel_size 1 \
    --sleep_level 1 --offload_optimizer true --offload_model true \
    --vllm_max_model_len 10240 --vllm_limit_mm_per_prompt '{"image": 6, "video": 0}' \
    --tuner_type full --freeze_vit true --freeze_aligner false --torch_dtype bfloat16 \
    --deepspeed zero3 --attn_impl flash_attn --ddp_timeout 7200 \
    --save_strategy steps --save_steps 50 --save_total_limit 3 --logging_steps 1 --report_to tensorboard \
    "$@"
