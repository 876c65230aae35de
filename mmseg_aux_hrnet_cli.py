"""The console commands of an installed package: each runs the tool of its name that the package ships.

Not in the package, because importing that loads torch and mmseg, and ``--help`` is to answer at once.
"""

import importlib.util
from pathlib import Path


def _run(tool: str) -> int:
    package = importlib.util.find_spec('mmseg_aux_hrnet')  # finds it, does not import it
    assert package is not None and package.origin is not None  # installed together with this module
    file = Path(package.origin).parent / '.mim' / tool
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return int(module.main())


def train() -> int:
    """Run tools/train.py."""
    return _run('tools/train.py')


def test() -> int:
    """Run tools/test.py."""
    return _run('tools/test.py')


def split() -> int:
    """Run split.py."""
    return _run('split.py')


def complexity() -> int:
    """Run tools/complexity.py."""
    return _run('tools/complexity.py')


def migrate_config() -> int:
    """Run tools/migrate_config.py."""
    return _run('tools/migrate_config.py')


def demo_data() -> int:
    """Run tools/make_demo_data.py."""
    return _run('tools/make_demo_data.py')
