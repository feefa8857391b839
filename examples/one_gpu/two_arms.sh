#!/usr/bin/env bash
# The experiment from nothing on one GPU, what does not depend on each other side by side: data, SFT with tools and
# without, two arms of RL, scores of all four, an audit of the first.
#   usage: bash examples/one_gpu/two_arms.sh [-s NAME=VALUE …]      values of experiment.yaml, such as -s base=… -s steps=35
#   FIRST, SECOND: what the arms are, in such values (ATS, and temperature 1 in code, too)
# Each part's output is a file below WORK/logs (WORK: output/one_gpu); the times of all are in WORK/logs/times.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${WORK:-output/one_gpu} given=(-s "work=${WORK:-output/one_gpu}" "$@") port=29510
read -ra first <<< "${FIRST:--s arm=rl-ats}"
read -ra second <<< "${SECOND:--s arm=rl-tau1 -s ats=false}"
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
beside first rl merge-rl "${first[@]}"
beside second rl merge-rl "${second[@]}"
beside eval-sft eval -s arm=sft
beside eval-plain eval -s arm=plain
all
beside eval-first eval "${first[@]}"
beside eval-second eval "${second[@]}"
beside audit audit "${first[@]}"
beside report report "${first[@]}"
all
