#!/bin/sh
# Writes the YAML form of the recipes in examples/ anew, from their bash form. tests/launch/test_recipes.py compares them.
set -eu
cd "$(dirname "$0")/.."
unset MODEL DATASET SAVE_PATH CUDA_VISIBLE_DEVICES NPROC_PER_NODE MAX_PIXELS || true
for recipe in sft_lora_1gpu grpo_lora_1gpu grpo_8gpu_colocate grpo_servers rollout_server grpo_multinode grpo_qwen3_vl sft_ray; do
    case $recipe in sft_*) method=sft ;; rollout_*) method=rollout ;; *) method=rlhf ;; esac
    {
        echo "# The YAML form of $recipe.sh, where every flag is explained. In the repository's folder:"
        echo "#   swift $method examples/$recipe.yaml      or      thyme $method examples/$recipe.yaml"
        sh "examples/$recipe.sh" --dry-run yaml 2>/dev/null
    } > "examples/$recipe.yaml"
done
