#!/bin/sh
# GRPO-ATS with LoRA on one GPU of 80 GB, the engine in the trainer.
#   thyme judge --rules --port 8080 &      # or a real judge: thyme judge --model …, on another machine
#   MODEL=output/sft1 DATASET=prepared SAVE_PATH=output/rl-lora bash examples/grpo_lora_1gpu.sh [--dry-run]
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
export CUDA_VISIBLE_DEVICES="${CUDA_VISIBLE_DEVICES:-0}"
export THYME_MAX_IMAGES="${THYME_MAX_IMAGES:-5}"  # pictures that code may return, beside the one of the question

# --O3 true                       fills in the plug-in, the O3 template, --multi_turn_scheduler thyme, --max_turns 5
# --reward_funcs, --callbacks     the paper's three rewards; their figures of every step go to SAVE_PATH
# --global_batch_size             trajectories of one step: 16 questions of --num_generations each
# --beta                          weight of the KL divergence; with LoRA the reference is the model without it: no copy
# --temperature, --top_p, --top_k, --repetition_penalty   sampling of text; code is sampled at temperature 0
# --max_length, --max_completion_length, --max_pixels     longest question, new tokens of a round, size of a picture
# --overlong_filter               a trajectory cut by the length limit is not trained
# --vllm_mode colocate            the engine shares the GPU with the trainer …
# --vllm_gpu_memory_utilization   … and may hold this share of its memory while it generates
# --sleep_level 1                 it gives that memory back while the trainer works
# --vllm_max_model_len            question, pictures, code and answer together, tokens
# --vllm_limit_mm_per_prompt      pictures of one trajectory: those of the question and THYME_MAX_IMAGES
# --vllm_enforce_eager            no CUDA graphs: slower steps, less memory
# --tuner_type lora, --lora_rank, --lora_alpha, --target_modules   what is trained
# shellcheck disable=SC2086 # DATASET is a list
exec thyme rlhf --O3 true --rlhf_type grpo \
    --model "${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" --dataset ${DATASET:-prepared/rl} --output_dir "${SAVE_PATH:-output/rl-lora}" \
    --reward_funcs fmt_orm vqa_orm cst_orm --callbacks thyme_rewards \
    --global_batch_size 64 --per_device_train_batch_size 1 --num_generations 4 \
    --learning_rate 1e-5 --beta 0.001 --num_train_epochs 1 --warmup_ratio 0.03 \
    --temperature 1.0 --top_p 0.9 --top_k 50 --repetition_penalty 1.05 \
    --max_length 8192 --max_completion_length 2048 --max_pixels 1003520 --overlong_filter true \
    --use_vllm true --vllm_mode colocate --vllm_gpu_memory_utilization 0.45 --sleep_level 1 \
    --vllm_max_model_len 10240 --vllm_limit_mm_per_prompt '{"image": 6, "video": 0}' --vllm_enforce_eager true \
    --tuner_type lora --lora_rank 16 --lora_alpha 32 --target_modules all-linear \
    --freeze_vit true --torch_dtype bfloat16 --attn_impl sdpa \
    --save_strategy steps --save_steps 50 --logging_steps 1 --report_to tensorboard \
    "$@"
