"""Names what figures depend on: the machine and the versions of what computes."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    'torch', 'onedl-mmsegmentation', 'mmsegmentation', 'onedl-mmengine', 'mmengine', 'onedl-mmcv', 'mmcv', 'numpy',
    'opencv-python', 'opencv-python-headless', 'timm', 'segmentation-models-pytorch', 'onnxruntime', 'openvino',
)  # fmt: skip


def setting() -> str:
    """Return the machine, its load and the versions, one line."""
    versions = ', '.join(f'{name} {number}' for name in PACKAGES if (number := _version(name)))
    load = f', load {os.getloadavg()[0]:.1f} at the start' if hasattr(os, 'getloadavg') else ''
    machine = f'{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}'
    return f'{machine}{load}; Python {platform.python_version()}, {versions}'


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return next(names, '') or platform.processor() or platform.machine()
