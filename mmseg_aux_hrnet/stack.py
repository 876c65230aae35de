"""Finds the OpenMMLab stack and the shipped configs, and says in one line what to type if they cannot work."""

import importlib.util
import io
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from importlib.metadata import Distribution
from pathlib import Path

from mmseg_aux_hrnet.errors import ConfigError, StackError

Release = tuple[int, ...]

# The distributions that put their files into the folder of one module. 'mmseg' on the package index is a tokenizer.
DISTRIBUTIONS = {
    'mmengine': ('onedl-mmengine', 'mmengine'),
    'mmcv': ('onedl-mmcv', 'mmcv', 'mmcv-lite', 'mmcv-full'),
    'mmseg': ('onedl-mmsegmentation', 'mmsegmentation', 'mmseg'),
}
LOWEST: dict[str, tuple[Release, str]] = {
    'onedl-mmengine': ((0, 10, 12), 'fails to load its own checkpoints with current torch'),
    'onedl-mmsegmentation': ((1, 4), 'fails with numpy 2 and current torch'),
    'mmsegmentation': ((1, 0), 'has the 0.x interface'),
}
TORCH: Release = (2, 6)  # an allow-list for checkpoints that takes stand-ins
# What mmsegmentation 1.x itself asserts of mmcv; the fork has lifted the upper bound.
MMCV_OF_ORIGINAL: tuple[Release, Release] = ((2, 0), (2, 2))
PACKAGE = Path(__file__).resolve().parent
INSTALL = 'pip install "onedl-mmengine>=0.10.12" "onedl-mmcv>=2.3.6" "onedl-mmsegmentation>=1.4.2"'


def check_stack() -> None:
    """Check that torch and the OpenMMLab stack are there and may work, without importing them.

    Raises:
        StackError: one line that says what is wrong and what to type.
    """
    modules = {name for name in ('torch', *DISTRIBUTIONS) if _folder(name) is not None}
    versions: dict[str, str] = {}
    for module, names in {**DISTRIBUTIONS, 'torch': ('torch',)}.items():
        folder = _folder(module)
        here = [item for name in names for item in Distribution.discover(name=name)]
        # Of distributions in several places, as under --target, only those beside the imported module matter.
        beside = [item for item in here if folder is not None and Path(str(item.locate_file(''))).resolve() == folder]
        versions |= {re.sub('[-_.]+', '-', item.metadata['Name']).lower(): item.version for item in beside or here}
    problem = stack_problem(versions, modules=modules)
    if problem is not None:
        raise StackError(problem)


def register_config_scopes() -> None:
    """Make ``mmseg::`` and ``mmseg_aux_hrnet::`` work in ``_base_`` and ``get_config``, for each distribution of mmseg.

    mmengine knows mmseg by the name of the original distribution: with the fork it says that mmseg is not installed,
    or has pip install the original over the fork. And the original mmengine looks for a package beside its metadata,
    where an editable install has none; it finds modules by import, if no distribution bears their name.
    """
    from mmengine.config.utils import MODULE2PACKAGE

    MODULE2PACKAGE['mmseg'] = 'mmseg'
    MODULE2PACKAGE['mmseg_aux_hrnet'] = 'mmseg_aux_hrnet.version'


def stack_problem(versions: Mapping[str, str], *, modules: Collection[str]) -> str | None:
    """Say what keeps a stack from working, or None.

    Args:
        versions: version of every installed distribution of the stack. A module without one (a source checkout on the
            path) is taken as it is.
        modules: names of the importable modules among torch, mmengine, mmcv and mmseg.
    """
    if 'torch' not in modules:
        return 'torch is not installed; type: pip install torch'
    if 'torch' in versions and _release(versions['torch']) < TORCH:
        return f'torch {versions["torch"]} cannot load checkpoints without running code; type: pip install "torch>=2.6"'
    families = [versions.keys() & set(names) for names in DISTRIBUTIONS.values()]
    doubled = {name for family in families if len(family) > 1 for name in family}
    problem = _misfit(versions, modules=modules)
    if doubled:
        problem = f'{" and ".join(sorted(doubled))} are installed over each other in the same folder'
    if problem is None:
        return None
    remove = sorted(doubled | {name for name in versions if name != 'torch' and not name.startswith('onedl-')})
    uninstall = f'pip uninstall -y {" ".join(remove)}, then: ' if remove else ''
    return f'{problem}; type: {uninstall}{INSTALL}'


def _misfit(versions: Mapping[str, str], *, modules: Collection[str]) -> str | None:
    if 'mmseg' in versions:
        return 'the distribution mmseg is an unrelated tokenizer, not MMSegmentation'
    missing = [name for name in DISTRIBUTIONS if name not in modules]
    if missing:
        return f'{", ".join(missing)} not installed'
    for name, (lowest, fault) in LOWEST.items():
        if name in versions and _release(versions[name]) < lowest:
            return f'{name} {versions[name]} {fault}; {".".join(map(str, lowest))} is the lowest that works'
    if 'mmsegmentation' not in versions:
        return None
    if 'mmcv-lite' in versions:
        return f'mmsegmentation {versions["mmsegmentation"]} imports operators that mmcv-lite does not have'
    lowest, end = MMCV_OF_ORIGINAL
    for name in DISTRIBUTIONS['mmcv']:
        if name in versions and not lowest <= _release(versions[name]) < end:
            return f'mmsegmentation {versions["mmsegmentation"]} takes mmcv 2.0 or 2.1, not {name} {versions[name]}'
    return None


def _release(version: str) -> Release:
    """Return the numbers before any suffix.

    Not by ``packaging``, which would be one more dependency to be there before anything is known of the stack, and
    raises at versions such as ``unknown``, which some builds from source have.
    """
    match = re.match(r'\d+(?:\.\d+)*', version)
    return tuple(map(int, match.group().split('.'))) if match else ()


def _folder(module: str) -> Path | None:
    """Return the folder that holds the package, or None where an import would fail."""
    spec = importlib.util.find_spec(module)
    # A folder left behind by an uninstall imports as an empty namespace package, which has no origin.
    return Path(spec.origin).resolve().parent.parent if spec is not None and spec.origin is not None else None


def config(name: str) -> str:
    """Return the absolute path of a config of this package, such as ``hrnet/fcn_aux-hr18_256x512_80k_singlegreen.py``.

    For the ``_base_`` of a config that a tool reads which knows nothing of this package, as mmseg's own
    ``tools/train.py``: ``_base_ = __import__('mmseg_aux_hrnet').config('hrnet/LEAF.py')``.

    Raises:
        ConfigError: there is no such config.
    """
    folders = (PACKAGE / '.mim' / 'configs', PACKAGE.parent / 'configs')  # an install, else a source checkout
    folder = next((path for path in folders if path.is_dir()), folders[0])
    path = folder / name
    if not path.is_file():
        names = [found.relative_to(folder).as_posix() for found in sorted(folder.glob('*/*.py'))]
        near = get_close_matches(name, names, n=1, cutoff=0) or ['none: install the package again']
        raise ConfigError(f'{name} is not a config of mmseg_aux_hrnet: the nearest is {near[0]}')
    return str(path)


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Drop what mmseg prints and mmcv warns of when parts are missing that nothing here uses.

    mmseg prints that it lacks its vendor's extension; mmcv warns of operators that were not compiled.
    """
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='Fail to import', category=UserWarning)
        yield
