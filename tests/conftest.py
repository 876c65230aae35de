"""Fixtures that all tests share."""

import logging
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from mmengine.registry import init_default_scope
from mmengine.utils.dl_utils import collect_env
from property_support import forget_modules
from tests_support import write_green_root

import mmseg_aux_hrnet  # noqa: F401  # registers every class

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / 'shared'

# mmengine's loggers keep the standard output of the test that made them, which pytest has closed by the next
logging.raiseExceptions = False

torch.set_num_threads(1)  # the networks are small: more threads wait for each other, on a busy machine without end


def pytest_configure(config):
    if settings().derandomize:
        forget_modules()


@pytest.fixture(scope='session', autouse=True)
def quick_runs():
    """Spare every run what mmengine repeats: a list of compilers, and laying out the config's text for each file."""
    described = collect_env()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.runner.runner.collect_env', described.copy)
        patch.setattr('yapf.yapflib.yapf_api.FormatCode', lambda text, **options: (text, True))
        yield


@pytest.fixture(autouse=True)
def mmseg_scope():
    init_default_scope('mmseg')


@pytest.fixture(autouse=True)
def no_pip(monkeypatch):
    """Nothing may install anything: mmengine does so by this function, for a config of a package it does not find."""
    monkeypatch.setattr('mmengine.utils.package_utils.call_command', lambda command: pytest.fail(str(command)))


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip('needs the folder shared beside the repository: real images and reference numbers')
    return SHARED


@pytest.fixture
def green_root(tmp_path: Path) -> Path:
    root = tmp_path / 'green'
    write_green_root(root)
    return root
