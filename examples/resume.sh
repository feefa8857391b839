#!/bin/sh
# Goes on after a crash: the recipe that was running, from its last complete checkpoint.
#   RECIPE=scripts/rl.sh MODEL=… DATASET=… SAVE_PATH=output/rl bash examples/resume.sh [--dry-run] [more flags]
# Give the same variables and flags as before: the batch and the number of GPUs decide where in the data it goes on.
# It begins at step 0 where there is no checkpoint yet, so a job that is restarted automatically can always use it.
set -eu

# --resume_from_checkpoint auto   finds the last checkpoint below SAVE_PATH that was written to its end: weights,
#                                 optimizer, learning rate, position in the data and random numbers are those of then.
#                                 A checkpoint cut short by the crash is passed over. Trajectories are sampled anew.
exec sh "${RECIPE:-$(dirname "$0")/../scripts/rl.sh}" --resume_from_checkpoint auto "$@"
