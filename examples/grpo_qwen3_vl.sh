#!/bin/sh
# GRPO-ATS with Qwen3-VL on one node of 8 GPUs: as grpo_8gpu_colocate.sh, with what differs for this family.
#   MODEL=Qwen/Qwen3-VL-8B-Instruct DATASET=prepared SAVE_PATH=output/rl-qwen3 bash examples/grpo_qwen3_vl.sh
# Its patches are 16 pixels, so one visual token covers 32 x 32 instead of 28 x 28 pixels: 2,408,448 pixels of
# Qwen2.5-VL (3,072 tokens) are 3,145,728 here. It names positions from 0 to 1000 where Qwen2.5-VL names pixels: SFT on
# trajectories of this family comes before RL.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
export NPROC_PER_NODE="${NPROC_PER_NODE:-8}"
export THYME_MAX_IMAGES="${THYME_MAX_IMAGES:-5}"  # pictures that code may return, beside the one of the question

# --O3 true      finds --template thyme_qwen3_vl from the model, here and for a checkpoint of it
# --max_pixels   3,072 visual tokens at 32 x 32 pixels each
# Every other flag is explained in grpo_8gpu_colocate.sh.
# shellcheck disable=SC2086 # DATASET is a list
exec thyme rlhf --O3 true --rlhf_type grpo \
    --model "${MODEL:-Qwen/Qwen3-VL-8B-Instruct}" --dataset ${DATASET:-prepared/rl} --output_dir "${SAVE_PATH:-output/rl-qwen3}" \
    --reward_funcs fmt_orm vqa_orm cst_orm --callbacks thyme_rewards \
    --global_batch_size 256 --per_device_train_batch_size 1 --num_generations 4 \
    --learning_rate 5e-7 --beta 0.001 --num_train_epochs 1 --warmup_ratio 0.03 \
    --temperature 1.0 --top_p 0.9 --top_k 50 --repetition_penalty 1.05 \
    --max_length 10240 --max_completion_length 3196 --max_pixels 3145728 --overlong_filter true \
    --use_vllm true --vllm_mode colocate --vllm_gpu_memory_utilization 0.55 --vllm_tensor_parallel_size 1 \
    --sleep_level 1 --offload_optimizer true --offload_model true \
    --vllm_max_model_len 10240 --vllm_limit_mm_per_prompt '{"image": 6, "video": 0}' \
    --tuner_type full --freeze_vit true --freeze_aligner false --torch_dtype bfloat16 \
    --deepspeed zero3 --attn_impl flash_attn \
    --save_strategy steps --save_steps 100 --logging_steps 1 --report_to tensorboard \
    "$@"
