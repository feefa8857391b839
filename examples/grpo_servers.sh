#!/bin/sh
# GRPO with rollout servers: these GPUs only train; generation is on rollout_server.sh's, which must be up first.
#   SERVER_HOSTS="10.0.0.21 10.0.0.22" SERVER_PORTS="8000 8000" MODEL=… DATASET=prepared SAVE_PATH=output/rl \
#     bash examples/grpo_servers.sh
# Every flag is explained in swift_thyme/launch/recipes/grpo_servers.yaml; flags behind the file's name win.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
exec thyme rlhf --recipe grpo_servers "$@"
