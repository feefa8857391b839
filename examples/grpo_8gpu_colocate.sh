#!/bin/sh
# GRPO-ATS on one node of 8 GPUs of 80 GB: all weights trained, an engine in every trainer process. The paper's recipe.
#   REWARD_API_ADDRESS=10.0.0.11 MODEL=output/stage2 DATASET=prepared SAVE_PATH=output/rl \
#     bash examples/grpo_8gpu_colocate.sh [--dry-run]
# On several nodes: grpo_multinode.sh. With the engines on GPUs of their own: grpo_servers.sh.
# Every flag is explained in swift_thyme/launch/recipes/rl.yaml; flags behind the file's name win.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
exec thyme rlhf --recipe rl "$@"
