"""What an install brings: a wheel is built from an sdist and used from where pip puts it."""

import itertools
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from mmseg_aux_hrnet.stack import INSTALL
from mmseg_aux_hrnet.version import __version__

ROOT = Path(__file__).resolve().parents[1]
FAMILIES = ('hrnet', 'baselines')
LEAVES = {family: sorted(path.stem for path in (ROOT / 'configs' / family).glob('*.py')) for family in FAMILIES}
SOURCES = ('pyproject.toml', 'setup.py', 'MANIFEST.in', 'README.md', 'LICENSE', 'CITATION.cff', 'constraints.txt')
FOLDERS = ('configs', 'tools', 'mmseg_aux_hrnet')


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
    for name in (*SOURCES, 'model-index.yml', 'split.py'):
        shutil.copy(ROOT / name, source)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns('.mim', '__pycache__'))
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
    mim = {f'mmseg_aux_hrnet/.mim/{name}' for name in _files(ROOT / 'configs') | _files(ROOT / 'tools')}
    package = {name for name in _files(ROOT / 'mmseg_aux_hrnet') if '/.mim/' not in name}
    own = {name for name in shipped if '.dist-info/' not in name}
    assert own == package | mim | {'mmseg_aux_hrnet/.mim/model-index.yml'}
    assert f'mmseg_aux_hrnet-{__version__}.dist-info/licenses/LICENSE' in shipped


def test_installed_configs_are_found_by_scope(wheel, tmp_path):
    site = tmp_path / 'site'
    _run(
        *(sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--no-index', '--target', str(site)),
        str(wheel),
        cwd=tmp_path,
    )
    code = f"""
import sys; sys.path.insert(0, {str(site)!r})
import mmseg_aux_hrnet
from mmengine import Config
from mmengine.hub import get_config
from mmengine.registry import MODELS, init_default_scope
for name in {[f'{family}/{name}' for family, names in LEAVES.items() for name in names]}:
    assert get_config(f'mmseg_aux_hrnet::{{name}}.py').filename.startswith({str(site)!r}), name
config = Config.fromfile('leaf.py')
init_default_scope(config.default_scope)
config.model.backbone.init_cfg = None
baseline = Config.fromfile('baseline.py').model
baseline.backbone.init_cfg = None
assert type(MODELS.build(baseline).decode_head).__name__ == 'SegformerHead'
print(type(MODELS.build(config.model).auxiliary_head[0]).__module__, mmseg_aux_hrnet.__file__)
"""
    leaf = "_base_ = ['mmseg_aux_hrnet::hrnet/fcn_aux-hr18_256x512_80k_singlegreen.py']\n"
    baseline = "_base_ = ['mmseg_aux_hrnet::baselines/segformer_mit-b0_256x512_80k_singlegreen.py']\n"
    (tmp_path / 'baseline.py').write_text(baseline, encoding='utf-8', newline='\n')
    (tmp_path / 'leaf.py').write_text(leaf, encoding='utf-8', newline='\n')
    module, file = _run(sys.executable, '-c', code, cwd=tmp_path).splitlines()[-1].split(maxsplit=1)
    assert module == 'mmseg_aux_hrnet.models.decode_heads.aux_fcn_head'
    assert Path(file).is_relative_to(site)


@pytest.mark.skipif(sys.platform == 'win32', reason='links need a privilege there; the fallback copies')
def test_editable_install_links_to_the_sources(source, tmp_path):
    _build('editable', source=source, out=tmp_path)
    _build('editable', source=source, out=tmp_path)  # again, over the links of the first
    mim = source / 'mmseg_aux_hrnet' / '.mim'
    assert {path.name: path.resolve() for path in mim.iterdir()} == {
        name: (source / name).resolve() for name in ('configs', 'tools', 'model-index.yml')
    }
    assert (source / 'configs' / 'hrnet' / f'{LEAVES["hrnet"][0]}.py').is_file()


@pytest.mark.parametrize('family', FAMILIES)
def test_metafile_lists_every_leaf(family):
    assert LEAVES[family]
    models = yaml.safe_load((ROOT / 'configs' / family / 'metafile.yaml').read_text(encoding='utf-8'))['Models']
    assert models == [{'Name': name, 'Config': f'configs/{family}/{name}.py'} for name in LEAVES[family]]


def test_index_lists_every_metafile():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text(encoding='utf-8'))
    assert index == {'Import': [f'configs/{family}/metafile.yaml' for family in FAMILIES]}


def test_bounds_agree():
    tomllib = pytest.importorskip('tomllib')  # Python 3.11
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']
    assert set(re.findall('"(.+?)"', INSTALL)) == set(project['optional-dependencies']['onedl'])
    pins = {line.split('==')[0].lower() for line in (ROOT / 'constraints.txt').read_text().splitlines() if '==' in line}
    wanted = itertools.chain(project['dependencies'], *project['optional-dependencies'].values())
    assert {re.split('[>=]', name)[0].lower() for name in wanted} <= pins
