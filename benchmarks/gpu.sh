#!/usr/bin/env bash
# Tests and measures this package in one go, in at most 8 minutes, on a machine without network. It needs one NVIDIA GPU,
# and Python with torch, numpy, opencv (cv2), scipy, matplotlib and Pillow, which images with torch mostly have.
#
# The last four do not fit into the 64 MB that may be carried along: mmcv imports cv2 and Pillow, mmengine matplotlib,
# mmseg scipy, and none of them works without. Their wheels take 120 MB: of opencv alone 61 MB, and 50 MB of 4.10, the
# oldest that takes numpy 2. The other wheels take 61 MB. Where the machine lacks some, the script says so in one line
# at its beginning, with the command that brings them too (make gpu-wheels MORE="..."; 181 MB with all).
#
# Before, where there is a network, in a checkout of this repository:
#     make gpu-wheels PYTHON_VERSION=3.12         # of the Python on that machine; 61 MB in wheels/, see gpu_wheels.txt
# There, in a copy of the checkout with wheels/ in it:
#     benchmarks/gpu.sh --wheels wheels --out results
# Where the package is installed, at toy size and without a GPU, to see whether it runs:
#     benchmarks/gpu.sh --device cpu --toy --out results
#
# PYTHON names another Python than python3, LIMIT other seconds than 480 for all together. It leaves results/gpu.json and
# gpu.md (both after every work, so that a run that is cut off has what it measured) and tests.xml. The exit code is 1
# if a test or a work failed, 2 if it could not begin.
set -uo pipefail

repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-python3}" limit="${LIMIT:-480}"
device=cuda toy=() wheels='' out=''
refuse() { echo "error: $1" >&2; exit 2; }
while [[ $# -gt 0 ]]; do
    case $1 in
        --device | --wheels | --out) [[ $# -gt 1 ]] || refuse "$1 without a value"; printf -v "${1#--}" %s "$2"; shift 2 ;;
        --toy) toy=(--toy); shift ;;
        *) refuse "$1 is unknown: give --out FOLDER, and --wheels FOLDER, --device cuda|cpu or --toy" ;;
    esac
done
[[ -n $out ]] || refuse 'give --out FOLDER'
mkdir -p "$out" || exit 2
out="$(cd -- "$out" && pwd)"

site="$(mktemp -d)"
trap 'rm -rf "$site"' EXIT
if [[ -n $wheels ]]; then
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --target "$site" "$wheels"/*.whl \
        || refuse "the wheels of $wheels cannot be installed: make them for $("$python" --version)"
fi
export PYTHONPATH="$site:$repository${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 AUX_HRNET_DEVICE="$device"
missing="$("$python" - <<'LOOK'
from importlib.util import find_spec

# Modules by the packages that bring them.
needed = {
    'torch': 'torch', 'numpy': 'numpy', 'cv2': 'opencv-python-headless', 'scipy': 'scipy',
    'matplotlib': 'matplotlib contourpy cycler fonttools kiwisolver python-dateutil six',
    'PIL': 'pillow', 'mmcv': 'onedl-mmcv', 'mmengine': 'onedl-mmengine', 'mmseg': 'onedl-mmsegmentation',
    'rasterio': 'rasterio', 'affine': 'affine', 'pyproj': 'pyproj', 'shapely': 'shapely', 'exactextract': 'exactextract',
    'filelock': 'filelock', 'safetensors': 'safetensors', 'rich': 'rich', 'jinja2': 'jinja2', 'pytest': 'pytest',
    'hypothesis': 'hypothesis',
}
print(' '.join(package for module, package in needed.items() if find_spec(module) is None))
LOOK
)" || refuse "$python cannot be run: set PYTHON"
[[ -z $missing ]] || refuse "not installed, and not among the wheels: $missing; make gpu-wheels MORE=\"$missing\" brings them"
if ! "$python" -c 'import pyogrio' 2> /dev/null; then
    # Half as large as all other wheels together. Maps import it, and predicting them calls nothing of it.
    PYTHONPATH="$PYTHONPATH:$repository/benchmarks/without_pyogrio"
fi
if [[ $device == cuda ]]; then
    "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || refuse 'torch sees no GPU: --device cpu'
fi

cd "$repository" || exit 2
echo "tests on $device, from second $SECONDS"
timeout $((limit / 2)) "$python" -m pytest -q -p no:cacheprovider --junitxml="$out/tests.xml" tests/gpu
tests=$?
echo "measurements on $device, from second $SECONDS"
left=$((limit - SECONDS - 10))
timeout $((left + 5)) "$python" benchmarks/gpu.py --device "$device" ${toy[@]+"${toy[@]}"} --seconds "$left" \
    --tests "$out/tests.xml" --json "$out/gpu.json" --markdown "$out/gpu.md"
measured=$?
echo "done in $SECONDS s: $out/gpu.json, gpu.md, tests.xml"
((tests == 0 && measured == 0))
