#!/bin/sh
# GRPO-ATS on one node of 8 GPUs of 80 GB: all weights trained, an engine in every trainer process.
#   REWARD_API_ADDRESS=10.0.0.11 MODEL=output/stage2/… DATASET=prepared SAVE_PATH=output/rl \
#     bash examples/grpo_8gpu_colocate.sh [--dry-run] [more flags, which win]
# The same on several nodes: grpo_multinode.sh. With the engines on GPUs of their own: grpo_servers.sh.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
export NPROC_PER_NODE="${NPROC_PER_NODE:-8}"
export THYME_MAX_IMAGES="${THYME_MAX_IMAGES:-5}"  # pictures that code may return, beside the one of the question

# --O3 true                       fills in the plug-in, the O3 template, --multi_turn_scheduler thyme, --max_turns 5
# --reward_funcs, --callbacks     the paper's three rewards; their figures of every step go to SAVE_PATH
# --global_batch_size             trajectories of one step over all GPUs; the accumulation follows from their number
# --num_generations               trajectories of one question: the group whose mean is the baseline
# --beta                          weight of the KL divergence from the model that RL began with
# --temperature, --top_p, --top_k, --repetition_penalty   sampling of text; code is sampled at temperature 0
# --max_length, --max_completion_length, --max_pixels     longest question, new tokens of a round, size of a picture
# --overlong_filter               a trajectory cut by the length limit is not trained
# --vllm_mode colocate            each GPU holds a trainer process and an engine …
# --vllm_gpu_memory_utilization   … which may hold this share of the memory while it generates
# --vllm_tensor_parallel_size     GPUs of one engine; 1 for a 7B model
# --sleep_level 1                 the engine gives its memory back while the trainer works …
# --offload_optimizer, --offload_model   … and the trainer moves out of the way while the engine works
# --vllm_max_model_len            question, pictures, code and answer together, tokens
# --vllm_limit_mm_per_prompt      pictures of one trajectory: those of the question and THYME_MAX_IMAGES
# --deepspeed zero3               weights, gradients and optimizer are spread over the GPUs
# --freeze_vit, --freeze_aligner  the vision tower is not trained, its projection is
# shellcheck disable=SC2086 # DATASET is a list
exec thyme rlhf --O3 true --rlhf_type grpo \
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
    --deepspeed zero3 --attn_impl flash_attn \
    --save_strategy steps --save_steps 100 --logging_steps 1 --report_to tensorboard \
    "$@"
