#!/bin/sh
# GRPO-ATS with LoRA on one GPU of 80 GB, the engine in the trainer. MODEL may be a LoRA: it goes on being trained.
#   thyme judge --model … &      # on another machine; without a GPU to spare: thyme judge --rules, which leaves much at 0
#   MODEL=output/sft-lora DATASET=prepared SAVE_PATH=output/rl-lora bash examples/grpo_lora_1gpu.sh [--dry-run]
# Every flag is explained in swift_thyme/launch/recipes/grpo_lora_1gpu.yaml; flags behind the file's name win.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
exec thyme rlhf --recipe grpo_lora_1gpu "$@"
