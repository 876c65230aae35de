"""Runs the command-line tools in the process of the test."""

import importlib.util
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]


def run_here(tool, *args):
    """Run a tool of the repository and return its exit code."""
    spec = importlib.util.spec_from_file_location('tool', REPO / 'tools' / f'{tool}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main([str(arg) for arg in args])
