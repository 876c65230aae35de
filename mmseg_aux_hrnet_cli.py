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


def evaluate() -> int:
    """Run tools/evaluate.py."""
    return _run('tools/evaluate.py')


def convert_checkpoint() -> int:
    """Run tools/convert_checkpoint.py."""
    return _run('tools/convert_checkpoint.py')


def publish_checkpoint() -> int:
    """Run tools/publish_checkpoint.py."""
    return _run('tools/publish_checkpoint.py')


def zoo() -> int:
    """Run tools/zoo.py."""
    return _run('tools/zoo.py')


def split() -> int:
    """Run split.py."""
    return _run('split.py')


def complexity() -> int:
    """Run tools/complexity.py."""
    return _run('tools/complexity.py')


def check_dataset() -> int:
    """Run tools/check_dataset.py."""
    return _run('tools/check_dataset.py')


def migrate_config() -> int:
    """Run tools/migrate_config.py."""
    return _run('tools/migrate_config.py')


def demo_data() -> int:
    """Run tools/make_demo_data.py."""
    return _run('tools/make_demo_data.py')


def make_tiles() -> int:
    """Run tools/make_tiles.py."""
    return _run('tools/make_tiles.py')


def next_tiles() -> int:
    """Run tools/next_tiles.py."""
    return _run('tools/next_tiles.py')


def compare() -> int:
    """Run tools/compare.py."""
    return _run('tools/compare.py')


def draw_sample() -> int:
    """Run tools/draw_sample.py."""
    return _run('tools/draw_sample.py')


def estimate_area() -> int:
    """Run tools/estimate_area.py."""
    return _run('tools/estimate_area.py')


def set_threshold() -> int:
    """Run tools/set_threshold.py."""
    return _run('tools/set_threshold.py')


def area() -> int:
    """Run tools/area.py."""
    return _run('tools/area.py')


def ndvi() -> int:
    """Run tools/ndvi.py."""
    return _run('tools/ndvi.py')


def change() -> int:
    """Run tools/change.py."""
    return _run('tools/change.py')


def export() -> int:
    """Run tools/export.py."""
    return _run('tools/export.py')


def predict_raster() -> int:
    """Run tools/predict_raster.py."""
    return _run('tools/predict_raster.py')


def polygonize() -> int:
    """Run tools/polygonize.py."""
    return _run('tools/polygonize.py')
