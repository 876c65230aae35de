"""What the tools share: options that are declared once, and a module that every way of starting a tool finds."""

import ast
import os
import subprocess
import sys

import pytest
from tool_support import REPO, tool

TOOLS = sorted((REPO / 'tools').glob('[a-z]*.py'))


def test_shared_options_are_declared_once():
    shared = tool('_aux_hrnet_shared').SHARED
    declared = [
        (path.name, node.args[0].value)
        for path in TOOLS
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(('add', 'add_argument'))
        and isinstance(node.args[0], ast.Constant) and node.args[0].value in shared
    ]  # fmt: skip
    # These two are of another kind: a number only, and one of two options that exclude each other.
    assert declared == [('predict_raster.py', '--overwrite'), ('set_threshold.py', '--threshold')]


def test_nothing_of_other_projects_is_hidden(tmp_path):
    """A tool that is loaded by its path finds its own module, and 'tools', 'test' and 'train' stay theirs."""
    for name in ('tools/__init__.py', 'train.py', '_shared.py'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('MINE = True\n')
    code = (
        'import importlib.util, sys\n'
        f'spec = importlib.util.spec_from_file_location("x", {str(REPO / "tools" / "train.py")!r})\n'
        'module = importlib.util.module_from_spec(spec)\n'
        'spec.loader.exec_module(module)\n'
        'import tools, train, _shared\n'
        'assert tools.MINE and train.MINE and _shared.MINE\n'
        'assert module.parser().parse_args(["c.py"]).speed == "safe"\n'
    )
    result = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize('path', TOOLS, ids=lambda path: path.stem)
def test_help_needs_no_package(path, tmp_path):
    """The script alone answers, from any folder, where nothing is installed that it could import."""
    command = [sys.executable, '-S', str(path), '--help']
    environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, '')
    assert 'usage: ' in result.stdout
