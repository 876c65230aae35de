"""No other place of the package loads what could run code."""

import ast

import pytest
from tool_support import REPO

READER, ZOO = (REPO / f'mmseg_aux_hrnet/weights/{name}.py' for name in ('checkpoint', 'zoo'))
SOURCES = [
    path
    for path in (*(REPO / 'mmseg_aux_hrnet').rglob('*.py'), *(REPO / 'tools').glob('*.py'), REPO / 'split.py')
    if '.mim' not in path.parts
]
MODULES = {'pickle', 'cPickle', 'dill', 'joblib', 'cloudpickle', 'marshal', 'shelve'}
NAMES = {
    'safe_open', 'load_file', 'load_checkpoint', '_load_checkpoint', '_load_checkpoint_with_prefix', 'CheckpointLoader',
    'load_state_dict_from_url', 'load_url', 'load_from_http', 'Unpickler', 'read_pickle',
}  # fmt: skip
OWNERS = {'torch', 'np', 'numpy', 'jit', 'hub', 'serialization'}  # whose ``load`` takes pickles


def refuses_pickles(call: ast.Call) -> bool:
    """Return whether a call says ``allow_pickle=False``, by which numpy reads arrays and nothing else."""
    return any(
        word.arg == 'allow_pickle' and isinstance(word.value, ast.Constant) and word.value.value is False
        for word in call.keywords
    )


def loaders(source: str) -> list[str]:
    """Return what a module names that loads pickles or weights."""
    found = []
    nodes = list(ast.walk(ast.parse(source)))
    arrays = {id(node.func) for node in nodes if isinstance(node, ast.Call) and refuses_pickles(node)}
    for node in nodes:
        if id(node) in arrays:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split('.')[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module] if (node.module or '').split('.')[0] in MODULES else []
            found += [alias.name for alias in node.names if alias.name in NAMES]
            taken = (node.module or '').split('.')[-1] in OWNERS
            found += [alias.name for alias in node.names if alias.name == 'load' and taken]
        elif isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, 'attr', '')
            found += [node.attr] if node.attr in NAMES or (node.attr == 'load' and owner in OWNERS) else []
    return found


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(REPO)))
def test_only_the_reader_loads(path):
    source = path.read_text(encoding='utf-8')
    if path == ZOO:  # tells mmengine's loader of the names, for which that calls the reader here
        assert source.count('CheckpointLoader') == 1 + source.count('@CheckpointLoader.register_scheme(')
        source = source.replace('CheckpointLoader', 'object')
    assert bool(loaders(source)) == (path == READER)


@pytest.mark.parametrize(
    'source',
    [
        'import torch\ntorch.load(path)',
        'import numpy as np\nnp.load(path, allow_pickle=True)',
        'import numpy as np\nnp.load(path)',
        'import torch\ntorch.jit.load(path)',
        'from torch import load',
        'import pickle',
        'from mmengine.runner.checkpoint import CheckpointLoader',
        'runner.load_checkpoint(path)',
        'from safetensors.torch import load_file',
        'np.load(path, allow_pickle=True)',
    ],
)
def test_a_second_reader_is_seen(source):
    assert loaders(source)
