#!/bin/sh
# SFT with LoRA on one GPU. `thyme plan --gpus 1 --mem 40` says which picture size fits yours.
#   DATASET=prepared SAVE_PATH=output/sft-lora bash examples/sft_lora_1gpu.sh [--dry-run]
#   thyme infer --model output/sft-lora --image … --question …      asks it, as it is
# Every flag is explained in swift_thyme/launch/recipes/sft_lora_1gpu.yaml; flags behind the file's name win.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
exec thyme sft --recipe sft_lora_1gpu "$@"
