"""What an install brings: a wheel is built from an sdist and used from where pip puts it."""

import itertools
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from tool_support import REPO

from mmseg_aux_hrnet.stack import INSTALL
from mmseg_aux_hrnet.version import __version__

FAMILIES = ('hrnet', 'baselines', 'tiles', 'zoo')
LEAVES = {family: sorted(path.stem for path in (REPO / 'configs' / family).glob('*.py')) for family in FAMILIES}
SOURCES = ('pyproject.toml', 'setup.py', 'MANIFEST.in', 'README.md', 'LICENSE', 'CITATION.cff', 'constraints.txt')
COMMANDS = re.findall(
    r'^mmseg-aux-hrnet-([\w-]+) =', (REPO / 'pyproject.toml').read_text(encoding='utf-8'), re.MULTILINE
)
FOLDERS = ('configs', 'tools', 'splits', 'mmseg_aux_hrnet')


def _run(*command: str, cwd: Path) -> str:
    run = subprocess.run(command, cwd=cwd, capture_output=True, text=True, encoding='utf-8')
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def _build(kind: str, *, source: Path, out: Path) -> Path:
    """Have the build backend make an sdist, a wheel or an editable wheel, without pip's isolation and its network."""
    out.mkdir(exist_ok=True)
    code = f'from setuptools import build_meta; print(build_meta.build_{kind}({str(out)!r}))'
    return out / _run(sys.executable, '-c', code, cwd=source).splitlines()[-1]


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """Copy of what the build reads, with what an earlier build and Python leave behind."""
    source = tmp_path_factory.mktemp('source')
    for name in (*SOURCES, 'model-index.yml', 'split.py', 'mmseg_aux_hrnet_cli.py'):
        shutil.copy(REPO / name, source)
    for name in FOLDERS:
        shutil.copytree(REPO / name, source / name, ignore=shutil.ignore_patterns('.mim', '__pycache__'))
    for stale in ('build/lib/mmseg_aux_hrnet/.mim/configs/gone.py', 'configs/__pycache__/a.cpython-311.pyc'):
        (source / stale).parent.mkdir(parents=True, exist_ok=True)
        (source / stale).touch()
    return source


@pytest.fixture(scope='module')
def wheel(source, tmp_path_factory):
    out = tmp_path_factory.mktemp('dist')
    with tarfile.open(_build('sdist', source=source, out=out)) as archive:
        archive.extractall(out, filter='data')
    (unpacked,) = (path for path in out.iterdir() if path.is_dir())
    shutil.copytree(source / 'build', unpacked / 'build')
    return _build('wheel', source=unpacked, out=out)


def _files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob('*') if path.is_file() and '__pycache__' not in path.parts)
    return {f'{folder.name}/{path.relative_to(folder).as_posix()}' for path in found}


def test_wheel_ships_package_configs_tools_and_index(wheel):
    shipped = set(zipfile.ZipFile(wheel).namelist())
    splits = {f'splits/{name}' for name in _files(REPO / 'splits' / 'demo')}
    shipped_files = _files(REPO / 'configs') | _files(REPO / 'tools') | splits | {'split.py', 'model-index.yml'}
    mim = {f'mmseg_aux_hrnet/.mim/{name}' for name in shipped_files}
    package = {name for name in _files(REPO / 'mmseg_aux_hrnet') if '/.mim/' not in name}
    own = {name for name in shipped if '.dist-info/' not in name}
    assert own == package | mim | {'mmseg_aux_hrnet_cli.py'}
    assert f'mmseg_aux_hrnet-{__version__}.dist-info/licenses/LICENSE' in shipped


@pytest.fixture(scope='module')
def site(wheel, tmp_path_factory):
    """A folder with the installed wheel, away from the checkout."""
    site = tmp_path_factory.mktemp('site')
    target = ('--no-deps', '--no-index', '--target', str(site))
    _run(sys.executable, '-m', 'pip', 'install', '--quiet', *target, str(wheel), cwd=site)
    return site


CONFIGS_BY_SCOPE = f"""
import mmseg_aux_hrnet
import mmengine.utils.package_utils
from mmengine import Config
from mmengine.hub import get_config
from mmengine.registry import MODELS, init_default_scope
mmengine.utils.package_utils.call_command = None  # by which mmengine calls pip
for name in {[f'{family}/{name}' for family, names in LEAVES.items() for name in names]}:
    file = get_config(f'mmseg_aux_hrnet::{{name}}.py').filename
    assert file == mmseg_aux_hrnet.config(f'{{name}}.py'), (file, name)
config = Config.fromfile('leaf.py')
init_default_scope(config.default_scope)
config.model.backbone.init_cfg = None
baseline = Config.fromfile('baseline.py').model
baseline.backbone.init_cfg = None
assert type(MODELS.build(baseline).decode_head).__name__ == 'SegformerHead'
print(file)
print(type(MODELS.build(config.model).auxiliary_head[0]).__module__)
"""
LEAF_BY_SCOPE = "_base_ = ['mmseg_aux_hrnet::hrnet/fcn_aux-hr18_256x512_80k_singlegreen.py']\n"
BASELINE_BY_SCOPE = "_base_ = ['mmseg_aux_hrnet::baselines/segformer_mit-b0_256x512_80k_singlegreen.py']\n"


def _write_leaves(folder: Path) -> None:
    (folder / 'leaf.py').write_text(LEAF_BY_SCOPE, encoding='utf-8', newline='\n')
    (folder / 'baseline.py').write_text(BASELINE_BY_SCOPE, encoding='utf-8', newline='\n')


@pytest.mark.slow  # a process that loads every config
@pytest.mark.stack
def test_installed_configs_are_found_by_scope(site, tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(site))
    _write_leaves(tmp_path)
    file, module = _run(sys.executable, '-c', CONFIGS_BY_SCOPE, cwd=tmp_path).splitlines()[-2:]
    assert module == 'mmseg_aux_hrnet.models.decode_heads.aux_fcn_head'
    assert Path(file).is_relative_to(site)


@pytest.mark.slow  # an environment of its own, and a process that loads every config
@pytest.mark.stack
def test_configs_of_an_editable_install_are_found_by_scope(source, tmp_path, monkeypatch):
    monkeypatch.delenv('PYTHONPATH', raising=False)
    _write_leaves(tmp_path)
    _run(sys.executable, '-m', 'venv', '--without-pip', 'venv', cwd=tmp_path)
    python = next(path for path in (tmp_path / 'venv').glob('*/python*') if path.stem == 'python')
    code = 'import sysconfig; print(sysconfig.get_path("purelib"))'
    packages = Path(_run(str(python), '-c', code, cwd=tmp_path).strip())
    (packages / 'stack.pth').write_text(sysconfig.get_path('purelib'))  # its own editable installs stay out
    with zipfile.ZipFile(_build('editable', source=source, out=tmp_path)) as editable:
        editable.extractall(packages)
    file, module = _run(str(python), '-c', CONFIGS_BY_SCOPE, cwd=tmp_path).splitlines()[-2:]
    assert module == 'mmseg_aux_hrnet.models.decode_heads.aux_fcn_head'
    assert Path(file).resolve().is_relative_to(source.resolve())


def _command(site: Path, name: str) -> str:
    """Return the file of a console command that pip made."""
    (file,) = (path for path in (site / 'bin').iterdir() if path.stem == f'mmseg-aux-hrnet-{name}')
    return str(file)


@pytest.mark.parametrize('name', COMMANDS)
def test_commands_answer(site, tmp_path, monkeypatch, name):
    monkeypatch.setenv('PYTHONPATH', str(site))
    text = _run(_command(site, name), '--help', cwd=tmp_path)
    assert text.startswith(f'usage: mmseg-aux-hrnet-{name}')


def test_demo_lists_lie_where_the_installed_tool_looks(site):
    lists = runpy.run_path(str(site / 'mmseg_aux_hrnet/.mim/tools/make_demo_data.py'))['LISTS']
    assert sorted(path.name for path in lists.iterdir()) == ['test.txt', 'train.txt', 'val.txt']


@pytest.mark.slow  # three processes that import everything
def test_installed_wheel_trains_from_its_own_config(site, tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(site))
    lists = site / 'mmseg_aux_hrnet/.mim/splits/demo'
    for split, count in (('train', 2), ('val', 1), ('test', 1)):
        stems = (lists / f'{split}.txt').read_text().splitlines()[:count]
        (tmp_path / f'{split}.txt').write_text('\n'.join(stems), newline='\n')
    assert 'train   2 scenes' in _run(_command(site, 'demo-data'), '--lists', '.', cwd=tmp_path)
    config = 'mmseg_aux_hrnet::hrnet/fcn_aux-hr18s-v1_128x128_demo.py'
    few = ('train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'default_hooks.checkpoint.interval=2')
    off = [f'{part}_dataloader.num_workers=0' for part in ('train', 'val', 'test')]
    options = ('--cfg-options', 'train_dataloader.batch_size=2', *few, *off)
    _run(_command(site, 'train'), config, *options, cwd=tmp_path)
    work_dir = 'work_dirs/fcn_aux-hr18s-v1_128x128_demo'
    assert (tmp_path / work_dir / 'iter_2.pth').is_file()
    assert _run(_command(site, 'test'), config, work_dir, *options, cwd=tmp_path).splitlines()[-1].startswith('mIoU')


@pytest.mark.skipif(sys.platform == 'win32', reason='links need a privilege there; the fallback copies')
def test_editable_install_links_to_the_sources(source, tmp_path):
    _build('editable', source=source, out=tmp_path)
    _build('editable', source=source, out=tmp_path)  # again, over the links of the first
    mim = source / 'mmseg_aux_hrnet' / '.mim'
    assert {path.name: path.resolve() for path in mim.iterdir()} == {
        name: (mim / name).resolve() if name == 'splits' else (source / name).resolve()
        for name in ('configs', 'tools', 'split.py', 'splits', 'model-index.yml')
    }
    assert (mim / 'splits/demo').resolve() == (source / 'splits/demo').resolve()
    assert (source / 'configs' / 'hrnet' / f'{LEAVES["hrnet"][0]}.py').is_file()


@pytest.mark.parametrize('family', FAMILIES)
def test_metafile_lists_every_leaf(family):
    assert LEAVES[family]
    models = yaml.safe_load((REPO / 'configs' / family / 'metafile.yaml').read_text(encoding='utf-8'))['Models']
    assert models == [{'Name': name, 'Config': f'configs/{family}/{name}.py'} for name in LEAVES[family]]


def test_index_lists_every_metafile():
    index = yaml.safe_load((REPO / 'model-index.yml').read_text(encoding='utf-8'))
    assert index == {'Import': [f'configs/{family}/metafile.yaml' for family in FAMILIES]}


def test_bounds_agree():
    tomllib = pytest.importorskip('tomllib')  # Python 3.11
    project = tomllib.loads((REPO / 'pyproject.toml').read_text(encoding='utf-8'))['project']
    assert set(re.findall('"(.+?)"', INSTALL)) == set(project['optional-dependencies']['onedl'])
    pins = {line.split('==')[0].lower() for line in (REPO / 'constraints.txt').read_text().splitlines() if '==' in line}
    wanted = itertools.chain(project['dependencies'], *project['optional-dependencies'].values())
    assert {re.split('[>=]', name)[0].lower() for name in wanted} <= pins
