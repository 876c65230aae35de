#!/usr/bin/env bash
# Tests in several processes, one for each GPU of this machine; without GPUs they share the CPU.
# Several machines: run it on each, with NNODES, NODE_RANK, MASTER_ADDR and, where 29500 is taken, PORT.
set -euo pipefail

if [[ $# -lt 3 || ! $3 =~ ^[1-9][0-9]*$ ]]; then
    echo 'usage: [NNODES=2 NODE_RANK=0 MASTER_ADDR=HOST PORT=29500] tools/dist_test.sh CONFIG CHECKPOINT GPUS [ARGUMENTS OF test.py]' >&2
    exit 2
fi

tools="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
exec "${PYTHON:-python}" "$tools/dist_run.py" "$3" "$tools/test.py" "$1" "$2" "${@:4}"
