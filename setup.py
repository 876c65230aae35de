"""What pyproject.toml cannot say: configs, tools and what they need go into the package, as mmseg_aux_hrnet/.mim."""

import os
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = ('configs', 'tools', 'split.py', 'splits/demo', 'model-index.yml')


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
        for name in SHIPPED:
            (mim / name).parent.mkdir(parents=True, exist_ok=True)
            put = _link if self.editable_mode else _copy
            put(ROOT / name, mim / name)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '*.py[cod]'))
    else:
        shutil.copyfile(source, target)


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(os.path.relpath(source, target.parent), target_is_directory=source.is_dir())
    except OSError:  # Windows lets only some users make links
        _copy(source, target)


setup(cmdclass={'build_py': BuildWithMim})
