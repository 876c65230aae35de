"""What pyproject.toml cannot say: configs/, tools/ and model-index.yml go into the package, as mmseg_aux_hrnet/.mim."""

import os
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = ('configs', 'tools', 'model-index.yml')


class BuildWithMim(build_py):
    """Build the package with the folder in which mmengine looks for ``mmseg_aux_hrnet::`` configs."""

    def run(self) -> None:
        """Copy the modules, then what is shipped beside them; an editable install links to it instead."""
        super().run()
        package = ROOT if self.editable_mode else Path(self.build_lib)
        mim = package / 'mmseg_aux_hrnet' / '.mim'
        # Emptied first: build/ outlives a build, and would bring deleted configs back.
        if mim.exists():
            shutil.rmtree(mim)
        mim.mkdir(parents=True)
        for name in SHIPPED:
            _link(mim / name) if self.editable_mode else _copy(mim / name)


def _copy(target: Path) -> None:
    source = ROOT / target.name
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '*.py[cod]'))
    else:
        shutil.copyfile(source, target)


def _link(target: Path) -> None:
    try:
        target.symlink_to(os.path.join('..', '..', target.name), target_is_directory=(ROOT / target.name).is_dir())
    except OSError:  # Windows lets only some users make links
        _copy(target)


setup(cmdclass={'build_py': BuildWithMim})
