#!/bin/sh
# GRPO-ATS with Qwen3-VL on one node of 8 GPUs.
#   MODEL=Qwen/Qwen3-VL-8B-Instruct DATASET=prepared SAVE_PATH=output/rl-qwen3 bash examples/grpo_qwen3_vl.sh
# Every flag is explained in swift_thyme/launch/recipes/grpo_qwen3_vl.yaml; flags behind the file's name win.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
exec thyme rlhf --recipe grpo_qwen3_vl "$@"
