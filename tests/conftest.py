"""Fixtures that all tests share."""

import functools
import gc
import logging
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.utils.dl_utils import collect_env
from mmengine.visualization import Visualizer
from property_support import forget_modules
from tests_support import write_green_root
from tool_support import REPO, configs_laid_out

import mmseg_aux_hrnet  # noqa: F401  # registers every class

SHARED = REPO.parent / 'shared'

# mmengine's loggers keep the standard output of the test that made them, which pytest has closed by the next
logging.raiseExceptions = False

torch.set_num_threads(1)  # the networks are small: more threads wait for each other, on a busy machine without end


def pytest_configure(config):
    if settings().derandomize:
        forget_modules()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    """Say last, below the coverage, in a line each why tests were skipped, which is also what to do about it."""
    yield
    skipped = terminalreporter.stats.get('skipped', [])
    reasons = Counter(str(report.longrepr[2]).removeprefix('Skipped: ') for report in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f'skipped {count}: {reason}')
    if terminalreporter.config.option.markexpr == 'not slow':
        terminalreporter.write_line('the slow tests were left out: make test-all runs them too')


def pytest_collection_finish():
    """Spare the garbage collector what was imported: mmengine has it look through everything for each data set."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='session', autouse=True)
def runs_by_themselves():
    """Let several runs in one process be as quick and as separate as runs in processes of their own.

    mmengine lists the compilers for every run and lays out the config's text for every file, which takes most of the
    time of a short one. It also names a run by the second in which it starts, and hands the loggers, the message hub
    and the visualizer of an earlier run to one of the same name.
    """
    begin, described = Runner.__init__, collect_env()

    @functools.wraps(begin)
    def begin_anew(runner, *args, **settings):
        for logger in MMLogger._instance_dict.values():
            for handler in logger.handlers:
                handler.close()
        for kind in (MessageHub, MMLogger, Visualizer, *Visualizer.__subclasses__()):
            kind._instance_dict.clear()
        begin(runner, *args, **settings)

    with pytest.MonkeyPatch.context() as patch, configs_laid_out(by=lambda text, **options: (text, True)):
        patch.setattr(Runner, '__init__', begin_anew)
        patch.setattr('mmengine.runner.runner.collect_env', described.copy)
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
