#!/bin/bash
# Several processes of one machine, or of a few that are there from the beginning to the end.
# They share the work once, at the beginning. When one dies, all end: start the same with --resume.
NETWORK=${NETWORK:-green}
IN=${IN:-/shared/ortho}
OUT=${OUT:-/shared/maps}
GPUS=${GPUS:-4}
TOOL=${TOOL:-tools/predict_raster.py}

# --max-restarts: torchrun itself starts all processes again, which go on by --resume.
torchrun --nproc_per_node="$GPUS" --max-restarts=3 "$TOOL" $NETWORK "$IN" --out "$OUT" --resume

# Several machines, each with the same line: torchrun --nnodes=2 --node-rank=0 --master-addr=FIRST --master-port=29500 ...
