#!/bin/sh
# GRPO-ATS through the host's Megatron trainer: for models that ZeRO no longer holds, or of many experts. 8 GPUs.
#   pip install megatron-core mcore-bridge transformer-engine     (not in this package's extras)
#   MODEL=output/stage2/… DATASET=prepared/rl SAVE_PATH=output/rl-megatron bash examples/megatron_grpo.sh
# The host drives the same scheduler, template and rewards here (docs/recipes.md says what was read and what was run).
# Megatron has flags of its own, so this is the host's command as it is, with what --O3 true would fill in.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
export NPROC_PER_NODE="${NPROC_PER_NODE:-8}"
export THYME_MAX_IMAGES="${THYME_MAX_IMAGES:-5}"  # pictures that code may return, beside the one of the question
plugin=$(dirname "$0")/../plugins/thyme_plugin.py

# --external_plugins, --template, --multi_turn_scheduler, --max_turns   what --O3 true fills in elsewhere
# --tensor_model_parallel_size    GPUs that share each layer
# --sequence_parallel             they share activations too
# --micro_batch_size, --global_batch_size   trajectories of one forward pass, and of one step over all GPUs
# --padding_free false            rows are padded: pictures inside the assistant turn were never run without padding
# --recompute_granularity, --recompute_method, --recompute_num_layers   activations are computed again, layer by layer
# --lr, --lr_warmup_fraction      Megatron's names of --learning_rate and --warmup_ratio
# --optimizer_cpu_offload         the optimizer lives in main memory
# --vllm_*, --sleep_level, --offload_*, sampling and rewards   as in grpo_8gpu_colocate.sh
# shellcheck disable=SC2086 # DATASET is a list
exec megatron rlhf --rlhf_type grpo \
    --external_plugins "$plugin" --template "${TEMPLATE:-thyme_qwen2_5_vl}" --multi_turn_scheduler thyme --max_turns 5 \
    --model "${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" --dataset ${DATASET:-prepared/rl} \
    --output_dir "${SAVE_PATH:-output/rl-megatron}" --save_safetensors true \
    --tensor_model_parallel_size 4 --sequence_parallel true --padding_free false \
    --micro_batch_size 1 --global_batch_size 256 --num_generations 4 --num_train_epochs 1 \
    --recompute_granularity full --recompute_method uniform --recompute_num_layers 1 --optimizer_cpu_offload true \
    --reward_funcs fmt_orm vqa_orm cst_orm \
    --lr 5e-7 --min_lr 5e-8 --lr_warmup_fraction 0.03 --beta 0.001 \
    --temperature 1.0 --top_p 0.9 --top_k 50 --repetition_penalty 1.05 \
    --max_length 10240 --max_completion_length 3196 --max_pixels 2408448 --overlong_filter true \
    --use_vllm true --vllm_mode colocate --vllm_gpu_memory_utilization 0.5 --vllm_tensor_parallel_size 1 \
    --sleep_level 1 --offload_model true --offload_optimizer true \
    --vllm_max_model_len 10240 --vllm_limit_mm_per_prompt '{"image": 6, "video": 0}' \
    --freeze_vit true --torch_dtype bfloat16 --save_steps 50 --logging_steps 1 \
    "$@"
