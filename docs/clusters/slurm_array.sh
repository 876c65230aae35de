#!/bin/bash
# An array job of SLURM: sbatch docs/clusters/slurm_array.sh
# Tasks may run in any order, be preempted and requeued, and never all at once: each is one part.
#SBATCH --job-name=maps
#SBATCH --array=1-16%8          # 16 parts, at most 8 at a time; more parts than machines even out their speed
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=4       # reading, predicting and writing run at the same time
#SBATCH --mem=16G
#SBATCH --time=08:00:00
#SBATCH --requeue               # a part that is killed goes on where it was

# The same for all parts. IN and OUT must be seen by all machines under these names; only OUT is written.
NETWORK=${NETWORK:-green}       # or: CONFIG CHECKPOINT
IN=${IN:-/shared/ortho}
OUT=${OUT:-/shared/maps}

mmseg-aux-hrnet-predict-raster $NETWORK "$IN" --out "$OUT" \
    --part "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"

# After the array, whatever became of its tasks:
#   sbatch --dependency=afterany:JOB --wrap "mmseg-aux-hrnet-predict-raster green /shared/ortho --out /shared/maps --finish"
# It writes maps whose rows all lie there, and names the parts that have to run again: sbatch --array=3,7 ...
# --array=3,7 changes SLURM_ARRAY_TASK_COUNT: then give --part "$SLURM_ARRAY_TASK_ID/16".
