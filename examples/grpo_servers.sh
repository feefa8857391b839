#!/bin/sh
# GRPO with rollout servers: these GPUs only train; generation is on rollout_server.sh's, which must be up first.
#
#   SERVER_HOSTS="10.0.0.21 10.0.0.22" SERVER_PORTS="8000 8000" MODEL=… DATASET=prepared SAVE_PATH=output/rl \
#     bash examples/grpo_servers.sh
#
# Several servers: as many ports as hosts, in the same order; questions are spread over them. Each needs a port of its
# own for NCCL (51216, 51217, …), open between trainer and server.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
export NPROC_PER_NODE="${NPROC_PER_NODE:-8}"

# --O3 true                  the plug-in, the O3 template, and the scheduler's name for the trainer's own checks
# --vllm_mode server         weights go to the servers over NCCL; trajectories come back over HTTP
# --vllm_server_host/_port   where the servers are
# --vllm_server_timeout      seconds to wait for them at the start
# --global_batch_size        trajectories of one step over all GPUs: the accumulation follows from their number
# --num_generations          trajectories of one question: the group whose mean is the baseline
# --beta                     weight of the KL divergence from the model that RL began with. Paper: 0.001
# --repetition_penalty, --temperature, --top_p, --top_k   sampling of text; code is sampled at temperature 0
# --max_completion_length    new tokens of one round
# --overlong_filter          a trajectory cut by the length limit is not trained
# --deepspeed zero3          weights, gradients and optimizer are spread over the GPUs
# --freeze_vit               the vision tower is not trained
# --callbacks thyme_rewards  reward figures of every step into SAVE_PATH
# shellcheck disable=SC2086 # lists
exec thyme rlhf --O3 true --rlhf_type grpo \
    --model "${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" --dataset ${DATASET:-prepared/rl} --output_dir "${SAVE_PATH:-output/rl}" \
    --use_vllm true --vllm_mode server --vllm_server_timeout 600 \
    --vllm_server_host ${SERVER_HOSTS:-127.0.0.1} --vllm_server_port ${SERVER_PORTS:-8000} \
    --reward_funcs fmt_orm vqa_orm cst_orm --callbacks thyme_rewards \
    --global_batch_size 256 --per_device_train_batch_size 1 --num_generations 4 \
    --learning_rate 5e-7 --beta 0.001 --num_train_epochs 1 --warmup_ratio 0.03 \
    --temperature 1.0 --top_p 0.9 --top_k 50 --repetition_penalty 1.05 \
    --max_length 10240 --max_completion_length 3196 --max_pixels 2408448 --overlong_filter true \
    --tuner_type full --freeze_vit true --freeze_aligner false --torch_dtype bfloat16 \
    --deepspeed zero3 --attn_impl flash_attn \
    --save_strategy steps --save_steps 100 --logging_steps 1 --report_to tensorboard \
    "$@"
