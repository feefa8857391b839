#!/bin/sh
# A rollout server: generates trajectories and runs their code, for a trainer elsewhere (grpo_servers.sh).
# Start one on every node that generates; the trainer sends it new weights over NCCL after each step.
#
#   MODEL=output/stage2/… CUDA_VISIBLE_DEVICES=0,1,2,3 GPUS=4 bash examples/rollout_server.sh
#   PORT=8001 CUDA_VISIBLE_DEVICES=4,5,6,7 GPUS=4 …     a second server on the same node
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
export THYME_MAX_IMAGES="${THYME_MAX_IMAGES:-5}"  # code runs here, so its settings (THYME_…) are set here

# --O3 true                       the plug-in, the O3 template, --multi_turn_scheduler thyme, --max_turns 5
# --port                          the trainer names it in --vllm_server_port; it is open to the network: use a closed one
# --vllm_data_parallel_size       engines of this server, one for each GPU (with tensor parallel 1)
# --vllm_tensor_parallel_size     GPUs of one engine; 1 holds a 7B model on 80 GB
# --vllm_gpu_memory_utilization   nothing else runs on these GPUs
# --vllm_max_model_len            question, pictures, code and answer together, tokens
# --vllm_limit_mm_per_prompt      pictures of one trajectory: those of the question and THYME_MAX_IMAGES
# --max_length                    longest question with its pictures, tokens
# --vllm_use_async_engine         each trajectory goes on by itself while others wait for their code
exec thyme rollout --O3 true \
    --model "${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" --torch_dtype bfloat16 \
    --port "${PORT:-8000}" \
    --vllm_data_parallel_size "${GPUS:-8}" --vllm_tensor_parallel_size 1 \
    --vllm_gpu_memory_utilization 0.9 --vllm_max_model_len 10240 --max_length 10240 \
    --vllm_limit_mm_per_prompt '{"image": 6, "video": 0}' --vllm_use_async_engine true \
    "$@"
