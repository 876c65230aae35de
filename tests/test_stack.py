"""The look at the installed stack: what passes, what does not, and the one line that follows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.hub import get_config
from tool_support import REPO

from mmseg_aux_hrnet.stack import INSTALL, register_config_scopes, stack_problem

pytestmark = pytest.mark.stack
ALL = ('torch', 'mmengine', 'mmcv', 'mmseg')
FORKS = {'onedl-mmengine': '0.10.12', 'onedl-mmcv': '2.3.6', 'onedl-mmsegmentation': '1.4.2'}
ORIGINALS = {'mmengine': '0.10.7', 'mmcv': '2.1.0', 'mmsegmentation': '1.2.2'}


@pytest.mark.parametrize(
    'versions',
    [
        FORKS,
        ORIGINALS,
        {},  # all four modules from source checkouts
        ORIGINALS | {'mmcv': '2.0.0rc4'},
        FORKS | {'onedl-mmengine': '0.11.0rc1', 'torch': '2.13.0+cpu'},
        {'onedl-mmsegmentation': '1.4.2', 'mmengine': '0.10.7', 'mmcv-lite': '2.2.0'},  # it imports
    ],
)
def test_working_stack_passes(versions):
    assert stack_problem(versions, modules=ALL) is None


def test_torch_that_cannot_load_safely_is_named():
    problem = stack_problem(FORKS | {'torch': '2.2.2'}, modules=ALL)
    assert problem.startswith('torch 2.2.2 cannot load checkpoints without running code; type: pip install')


@pytest.mark.parametrize(
    ('versions', 'words', 'remove'),
    [
        (FORKS | {'mmengine': '0.10.7'}, 'mmengine and onedl-mmengine are installed over', 'mmengine onedl-mmengine'),
        (
            {'onedl-mmsegmentation': '1.4.2', 'onedl-mmengine': '0.10.12', 'mmengine': '0.10.7', 'mmcv-lite': '2.2.0'},
            'mmengine and onedl-mmengine are installed over',
            'mmcv-lite mmengine onedl-mmengine',
        ),
        (FORKS | {'mmcv-lite': '2.2.0'}, 'mmcv-lite and onedl-mmcv', 'mmcv-lite onedl-mmcv'),
        (FORKS | {'mmcv': '2.1.0'}, 'mmcv and onedl-mmcv', 'mmcv onedl-mmcv'),
        (FORKS | {'mmsegmentation': '1.2.2'}, 'mmsegmentation and onedl', 'mmsegmentation onedl-mmsegmentation'),
        (FORKS | {'mmseg': '1.3.0'}, 'mmseg and onedl-mmsegmentation', 'mmseg onedl-mmsegmentation'),
        ({'mmseg': '1.3.0'}, 'unrelated tokenizer', 'mmseg'),
        (ORIGINALS | {'mmsegmentation': '0.30.0'}, '0.30.0 has the 0.x interface', 'mmcv mmengine mmsegmentation'),
        (ORIGINALS | {'mmcv': '2.2.0'}, 'takes mmcv 2.0 or 2.1, not mmcv 2.2.0', 'mmcv mmengine mmsegmentation'),
        (ORIGINALS | {'mmcv': '1.7.2'}, 'takes mmcv 2.0 or 2.1, not mmcv 1.7.2', 'mmcv mmengine mmsegmentation'),
        (
            {'mmengine': '0.10.7', 'mmcv-lite': '2.1.0', 'mmsegmentation': '1.2.2'},
            'operators that mmcv-lite does not have',
            'mmcv-lite mmengine mmsegmentation',
        ),
    ],
)
def test_originals_in_the_way_are_removed_first(versions, words, remove):
    problem = stack_problem(versions, modules=ALL)
    assert words in problem
    assert problem.endswith(f'type: pip uninstall -y {remove}, then: {INSTALL}')
    assert '\n' not in problem


@pytest.mark.parametrize(
    ('name', 'version', 'lowest'),
    [
        ('onedl-mmengine', '0.10.11', '0.10.12'),
        ('onedl-mmengine', '0.9', '0.10.12'),
        ('onedl-mmsegmentation', '1.3.9', '1.4'),
    ],
)
def test_old_fork_is_upgraded_in_place(name, version, lowest):
    problem = stack_problem(FORKS | {name: version}, modules=ALL)
    assert problem.startswith(f'{name} {version} fails')
    assert problem.endswith(f'{lowest} is the lowest that works; type: {INSTALL}')


@pytest.mark.parametrize('absent', ['mmengine', 'mmcv', 'mmseg'])
def test_missing_module_is_named(absent):
    modules = [name for name in ALL if name != absent]
    assert stack_problem({}, modules=modules) == f'{absent} not installed; type: {INSTALL}'


def test_missing_torch_comes_first():
    assert stack_problem({}, modules=[]) == 'torch is not installed; type: pip install torch'


def _site(folder: Path, **distributions: str) -> Path:
    """Make a folder like site-packages: four empty modules and the metadata of some distributions."""
    for module in ALL:
        (folder / module).mkdir(parents=True)
        (folder / module / '__init__.py').touch()
    for name, version in distributions.items():
        info = folder / f'{name}-{version}.dist-info'
        info.mkdir()
        text = f'Metadata-Version: 2.1\nName: {name.replace("_", "-")}\nVersion: {version}\n'
        (info / 'METADATA').write_text(text, encoding='utf-8', newline='\n')
    return folder


def _check(*path: Path) -> str:
    """Check the stack in an interpreter that sees only these folders; return the error's line, or 'fine'."""
    code = f'import sys; sys.path[:0] = {[str(folder) for folder in path]!r}; sys.path.append({str(REPO)!r})\n'
    # The package itself is a stand-in: its __init__ goes on to import what is empty here.
    code += f'import types; p = types.ModuleType("mmseg_aux_hrnet"); p.__path__ = [{str(REPO / "mmseg_aux_hrnet")!r}]\n'
    code += 'sys.modules["mmseg_aux_hrnet"] = p\n'
    code += 'from mmseg_aux_hrnet.stack import check_stack; check_stack(); print("fine")'
    run = subprocess.run([sys.executable, '-I', '-S', '-c', code], capture_output=True, text=True, encoding='utf-8')
    return (run.stdout or run.stderr).strip().splitlines()[-1]


def test_two_distributions_in_one_folder_are_found(tmp_path):
    site = _site(tmp_path, mmengine='0.10.7', onedl_mmengine='0.10.12', onedl_mmcv='2.3.6')
    line = _check(site)
    assert line.startswith(
        'mmseg_aux_hrnet.errors.StackError: mmengine and onedl-mmengine are installed over each other'
    )


def test_distribution_behind_the_imported_one_does_not_matter(tmp_path):
    front = _site(tmp_path / 'front', onedl_mmengine='0.10.12', onedl_mmcv='2.3.6', onedl_mmsegmentation='1.4.2')
    behind = _site(tmp_path / 'behind', mmengine='0.10.7', mmcv='1.7.2', mmsegmentation='0.30.0')
    assert _check(front, behind) == 'fine'
    assert 'mmsegmentation 0.30.0 has the 0.x interface' in _check(behind, front)


def test_folder_left_by_an_uninstall_counts_as_missing(tmp_path):
    site = _site(tmp_path)
    (site / 'mmcv' / '__init__.py').unlink()
    assert _check(site).endswith(f'StackError: mmcv not installed; type: {INSTALL}')


def test_import_without_a_stack_gives_the_line(tmp_path):
    environment = os.environ | {'PYTHONPATH': str(REPO)}
    command = [sys.executable, '-S', '-c', 'import mmseg_aux_hrnet']
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, encoding='utf-8')
    assert run.stderr.splitlines()[-1].endswith('StackError: torch is not installed; type: pip install torch')


def test_mmseg_configs_resolve_without_pip(tmp_path, monkeypatch):
    monkeypatch.setitem(MODULE2PACKAGE, 'mmseg', 'mmsegmentation')
    register_config_scopes()
    leaf = tmp_path / 'leaf.py'
    leaf.write_text("_base_ = ['mmseg::_base_/models/fcn_hr18.py']\n", encoding='utf-8', newline='\n')
    assert Config.fromfile(str(leaf)).model.backbone.type == 'HRNet'
    assert get_config('mmseg::hrnet/fcn_hr18s_4xb4-80k_potsdam-512x512.py').model.decode_head.num_classes == 6
