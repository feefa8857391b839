#!/bin/sh
# GRPO-ATS whose code runs on other machines: a pool of sandboxes in a Ray cluster. Needs the extra [ray] everywhere, and
# one token: `ray get-auth-token --generate` on the first node, then the same ~/.ray/auth_token on the others.
#   each trainer node:  ray start --head --num-cpus 0            the first; its address is HEAD:6379
#                       ray start --address HEAD:6379 --num-cpus 0                         the others
#   each pool node:     ray start --address HEAD:6379 --resources '{"thyme_sandbox": 256}' sessions it may hold
#   THYME_SANDBOX=ray thyme doctor -v                            tries a snippet on every pool node
#   MODEL=output/stage2 DATASET=prepared SAVE_PATH=output/rl bash examples/grpo_ray_sandboxes.sh [--dry-run]
# RECIPE names another packaged recipe, such as grpo_multinode; then run this on every trainer node, as its script says.
# `thyme plan` says whether a pool is needed. Every flag is explained in swift_thyme/launch/recipes/rl.yaml.
set -eu
PATH=${THYME_VENV:-$(dirname "$0")/../.venv}/bin:$PATH
export THYME_SANDBOX=ray
exec thyme rlhf --recipe "${RECIPE:-rl}" "$@"
