"""Runs the command-line tools in the process of the test: one of its own takes seconds to import everything."""

import contextlib
import importlib.util
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from yapf.yapflib.yapf_api import FormatCode

REPO = Path(__file__).resolve().parents[1]
CONFIG = str(REPO / 'configs/hrnet/fcn_aux-hr18s-v1_256x256_1500it_singlegreen.py')
# Settings by which configs of green space take the tiles of write_green_root, and by which CONFIG trains for seconds.
TILES = [
    'train_pipeline.2.crop_size=(64,64)',
    'train_dataloader.dataset.pipeline.2.scale=(96,64)',
    'train_dataloader.dataset.pipeline.2.crop_size=(64,64)',
    'model.data_preprocessor.size=(64,64)',
    'val_dataloader.dataset.pipeline.1.scale=(96,64)',
    'test_dataloader.dataset.pipeline.1.scale=(96,64)',
    'test_pipeline.1.scale=(96,64)',
    *(f'{part}_dataloader.num_workers=0' for part in ('train', 'val', 'test')),
]
SMALL = [
    'train_cfg.max_iters=20',
    'train_cfg.val_interval=10',
    'default_hooks.checkpoint.interval=10',
    'default_hooks.logger.interval=5',
    'train_dataloader.batch_size=2',
    *TILES,
]


def tool(name):
    """Return tools/NAME.py as a module; its function ``main`` takes a list of arguments."""
    spec = importlib.util.spec_from_file_location('tool', REPO / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_here(name, *args):
    """Run a tool of the repository and return its exit code."""
    return tool(name).main([str(arg) for arg in args])


def heard(name, *args):
    """Run a tool and return what a process of its own would: exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_here(name, *args)
    return CompletedProcess([name, *args], code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def configs_laid_out(by: Callable[..., tuple[str, bool]] = FormatCode) -> Iterator[None]:
    """Lay out the text of configs as a process of its own does, for hashes of it to agree; other tests go without."""
    with pytest.MonkeyPatch.context() as patch:
        for place in ('yapf.yapflib.yapf_api', 'mmengine.config.config'):  # mmengine's original imports it as a name
            patch.setattr(f'{place}.FormatCode', by, raising=False)
        yield
