#!/bin/sh
# SFT through the host's Ray mode: Ray places one training process on each GPU of its cluster.
#   ray start --head                                       on the first node
#   ray start --address=10.0.0.1:6379                      on every other
#   GPUS=16 DATASET=prepared bash examples/sft_ray.sh      on the first node
# Every flag is explained in swift_thyme/launch/recipes/sft_ray.yaml; flags behind the file's name win.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
unset NPROC_PER_NODE NNODES || true  # Ray starts the processes, not torchrun
exec thyme sft --recipe sft_ray --gradient_accumulation_steps $((128 / ${GPUS:-8})) "$@"
