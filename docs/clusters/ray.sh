#!/bin/bash
# A Ray cluster that exists, or one that is made by hand:
#   first machine:  RAY_USAGE_STATS_ENABLED=0 ray start --head --port=6379
#   each other one: ray start --address=FIRST:6379        (at any time, also while the job runs)
# The package with the extras ray and geo is installed on all machines, in the same version of Python.
NETWORK=${NETWORK:-green}
IN=${IN:-/shared/ortho}
OUT=${OUT:-/shared/maps}

# One worker on each GPU; --cpus-per-worker 8 for workers without. Run on a machine of the cluster; on Kubernetes, or from
# outside, as: ray job submit -- mmseg-aux-hrnet-predict-raster ... --ray auto
mmseg-aux-hrnet-predict-raster $NETWORK "$IN" --out "$OUT" --ray "${RAY:-auto}" --resume
