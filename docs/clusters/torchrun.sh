#!/bin/bash
# Several processes of one machine, or of a few that are there from the beginning to the end.
# They share the work once, at the beginning. When one dies, all end: start the same again, which goes on by --resume.
NETWORK=${NETWORK:-green}
IN=${IN:-/shared/ortho}
OUT=${OUT:-/shared/maps}
GPUS=${GPUS:-4}
TOOL=${TOOL:-tools/predict_raster.py}

torchrun --nproc_per_node="$GPUS" "$TOOL" $NETWORK "$IN" --out "$OUT" --resume

# Several machines, each with the same line: torchrun --nnodes=2 --node-rank=0 --master-addr=FIRST --master-port=29500 ...
