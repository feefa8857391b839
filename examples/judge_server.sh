#!/usr/bin/env bash
# Judges for RL: Qwen2.5-VL-72B-Instruct-AWQ on the GPUs of this machine, one server for every GPUS_PER_JUDGE of them,
# each on a port of its own. Ends all of them when it is interrupted, or when one ends.
#
#   bash examples/judge_server.sh                              # 8 GPUs: 4 servers of 2 GPUs on ports 8080 … 8083
#   GPUS=4 GPUS_PER_JUDGE=4 bash examples/judge_server.sh      # 1 server over 4 GPUs
#   MODEL=/models/my-judge EXTRA='--dtype half' bash examples/judge_server.sh
#
# Several nodes: start it on each judge node, and give the training job all of them; requests go to the address that
# answers fastest, and one that fails is left out until it is back. In .deepspeed_env (read on every node):
#
#   REWARD_API_ADDRESS=10.0.0.11,10.0.0.12
#   QWEN_API_PORT=8080,8081,8082,8083
#
# Test them from the training node before you start:   thyme judge check
set -euo pipefail

MODEL=${MODEL:-Qwen/Qwen2.5-VL-72B-Instruct-AWQ}
GPUS=${GPUS:-8}                      # GPUs of this machine to use
GPUS_PER_JUDGE=${GPUS_PER_JUDGE:-2}  # tensor parallel: raise it when the server reports too little memory
FIRST_PORT=${FIRST_PORT:-8080}
HOST=${HOST:-0.0.0.0}                # who may connect: every machine. There is no password: use a closed network
MAX_LENGTH=${MAX_LENGTH:-16384}      # tokens of prompt and reply; verdicts need few, pictures (code_prm) need most
EXTRA=${EXTRA:-}                     # further arguments of the server, in one string

(( GPUS % GPUS_PER_JUDGE == 0 )) || { echo "GPUS ($GPUS) is no multiple of GPUS_PER_JUDGE ($GPUS_PER_JUDGE)" >&2; exit 2; }

pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait' EXIT
ports=()
for (( i = 0; i < GPUS / GPUS_PER_JUDGE; i++ )); do
  devices=$(seq -s, $(( i * GPUS_PER_JUDGE )) $(( (i + 1) * GPUS_PER_JUDGE - 1 )))
  port=$(( FIRST_PORT + i ))
  ports+=("$port")
  CUDA_VISIBLE_DEVICES=$devices thyme judge --model "$MODEL" --host "$HOST" --port "$port" \
    --gpus "$GPUS_PER_JUDGE" --max-length "$MAX_LENGTH" --server-args "$EXTRA" &
  pids+=($!)
done

echo "judges start on ports ${ports[*]}; when they are ready: QWEN_API_PORT=$(IFS=,; echo "${ports[*]}")"
wait -n  # a server that ends takes the others with it, so that a half-dead node is seen
