"""Runs the command-line tools in the process of the test: one of its own takes seconds to import everything."""

import contextlib
import importlib.util
import io
from pathlib import Path
from subprocess import CompletedProcess

REPO = Path(__file__).resolve().parents[1]


def tool(name):
    """Return the function ``main`` of tools/NAME.py, which takes a list of arguments."""
    spec = importlib.util.spec_from_file_location('tool', REPO / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def run_here(name, *args):
    """Run a tool of the repository and return its exit code."""
    return tool(name)([str(arg) for arg in args])


def heard(name, *args):
    """Run a tool and return what a process of its own would: exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_here(name, *args)
    return CompletedProcess([name, *args], code, out.getvalue(), err.getvalue())
