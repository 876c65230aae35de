"""Names what figures depend on: the machine and the versions of what computes."""

import os
import platform
import sys
from importlib.metadata import Distribution
from pathlib import Path

PACKAGES = (
    'torch', 'onedl-mmsegmentation', 'mmsegmentation', 'onedl-mmengine', 'mmengine', 'onedl-mmcv', 'mmcv', 'numpy',
    'opencv-python', 'opencv-python-headless', 'timm', 'segmentation-models-pytorch', 'onnxruntime', 'openvino',
)  # fmt: skip


def setting(peers: Path | None) -> str:
    """Return the machine, its load and the versions, those in the folder ``peers`` too, one line."""
    places = [*sys.path, *([str(peers)] if peers else [])]
    found = {name: next(iter(Distribution.discover(name=name, path=places)), None) for name in PACKAGES}
    versions = ', '.join(f'{name} {package.version}' for name, package in found.items() if package)
    load = f', load {os.getloadavg()[0]:.1f} at the start' if hasattr(os, 'getloadavg') else ''
    machine = f'{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}'
    return f'{machine}{load}; Python {platform.python_version()}, {versions}'


def _processor() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return next(names, '') or platform.processor() or platform.machine()
