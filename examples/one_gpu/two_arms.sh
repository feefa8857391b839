#!/usr/bin/env bash
# The experiment from nothing on one GPU, what does not depend on each other side by side: data, SFT with tools and
# without, RL with ATS and with temperature 1, scores of all four, an audit of the first.
#   usage: bash examples/one_gpu/two_arms.sh [-s NAME=VALUE …]      values of experiment.yaml, such as -s base=… -s steps=40
# Each part's output is a file below WORK/logs (WORK: output/one_gpu); the times of all are in WORK/logs/times.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${WORK:-output/one_gpu} given=(-s "work=${WORK:-output/one_gpu}" "$@") port=29510
mkdir -p "$work/logs"

part() { # NAME STAGES … : runs stages, says when they ended and how
  local name=$1 code=0
  shift
  python examples/one_gpu/run.py examples/one_gpu/experiment.yaml "$@" "${given[@]}" > "$work/logs/$name.txt" 2>&1 || code=$?
  echo "$(date +%T) $name: exit code $code" | tee -a "$work/logs/times"
  return $code
}

beside() { # as `part`, in the background
  port=$((port + 1))
  MASTER_PORT=$port part "$@" &
  running+=($!)
}

all() { # waits for what runs in the background; ends with the first failure
  for job in "${running[@]}"; do wait "$job"; done
  running=()
}

running=()
thyme judge --rules --port 8080 > "$work/logs/judge.txt" 2>&1 & # what rules decide needs no model
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT
part data-sft data-sft
python examples/one_gpu/plain.py "$work/plain" "$work"/sft/*
beside sft sft merge-sft
beside plain sft merge-sft -s rows=plain
beside data data-rl data-eval
all
beside rl-ats rl merge-rl
beside rl-tau1 rl merge-rl -s arm=rl-tau1 -s ats=false
beside eval-sft eval -s arm=sft -s "model=$work/models/sft-50"
beside eval-plain eval -s arm=plain -s "model=$work/models/plain-50"
all
beside eval-rl-ats eval
beside eval-rl-tau1 eval -s arm=rl-tau1
beside audit audit
beside report report
all
