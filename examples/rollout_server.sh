#!/bin/sh
# A rollout server: generates trajectories and runs their code, for a trainer elsewhere (grpo_servers.sh).
#   MODEL=output/stage2 CUDA_VISIBLE_DEVICES=0,1,2,3 GPUS=4 bash examples/rollout_server.sh
#   PORT=8001 CUDA_VISIBLE_DEVICES=4,5,6,7 GPUS=4 …     a second server on the same node
# Every flag is explained in swift_thyme/launch/recipes/rollout_server.yaml; flags behind the file's name win.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
exec thyme rollout --recipe rollout_server "$@"
