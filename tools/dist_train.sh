#!/usr/bin/env bash
# Trains in several processes, one for each GPU of this machine; without GPUs they share the CPU.
# Several machines: run it on each, with NNODES, NODE_RANK, MASTER_ADDR and, where 29500 is taken, PORT.
# MAX_RESTARTS=3 starts all processes again, as often as that, when one is lost; with --resume they go on.
set -euo pipefail

if [[ $# -lt 2 || ! $2 =~ ^[1-9][0-9]*$ ]]; then
    echo 'usage: [NNODES=2 NODE_RANK=0 MASTER_ADDR=HOST PORT=29500] tools/dist_train.sh CONFIG GPUS [ARGUMENTS OF train.py]' >&2
    exit 2
fi

tools="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
exec "${PYTHON:-python}" "$tools/dist_run.py" "$2" "$tools/train.py" "$1" "${@:3}"
