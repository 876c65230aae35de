"""Finds the configs that the package brings."""

from difflib import get_close_matches
from pathlib import Path

from mmseg_aux_hrnet.errors import ConfigError

PACKAGE = Path(__file__).resolve().parent


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
        raise ConfigError(f'{name} is no config of mmseg_aux_hrnet: the nearest is {near[0]}')
    return str(path)
