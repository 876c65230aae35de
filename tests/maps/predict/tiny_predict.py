"""Runs tools/predict_raster.py where the tiny network of the tests is known, in the processes of torchrun."""

import sys

import tiny_export  # noqa: F401  # registers the network
from tool_support import run_here

if __name__ == '__main__':
    sys.exit(run_here('predict_raster', *sys.argv[1:]))
