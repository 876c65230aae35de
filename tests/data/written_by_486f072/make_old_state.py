"""Writes what users of an older version have on disk: ``python make_old_state.py CHECKOUT``, a checkout of 486f072.

The tools of the checkout write everything beside this file, once; tests read it with the code of today.

- ``tiny.py`` is a whole config, and ``trained.pth`` what ``tools/train.py`` left at the end of a short training.
- ``report/metrics.json`` is what ``tools/test.py --split val --report`` wrote of it; it names the best thresholds.
- ``thresholded.pth`` is the same checkpoint with one of them, by ``tools/set_threshold.py``.
- ``map/.ortho_classes.tif.work`` is what ``tools/predict_raster.py`` left of ``map/ortho.tif`` when it was killed.

The network is a U-Net of a few thousand weights, so that all of it fits into a repository.
"""

import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ITERATIONS = 40
WIDTH = 4  # channels of the finest map; the next are twice and four times as many
SETTINGS = ('--window', '32', '--device', 'cpu', '--prob', 'uint8')  # of the map; the tests give the same
LAST_BLOCK = 'block_000001.npz'
RASTER_TIME = 1_700_000_000  # in seconds, and even: every file system can give a copy of the raster the same time


def main(checkout: Path) -> None:
    """Write the old state anew."""
    sys.path[:0] = [str(checkout), str(checkout / 'tests')]
    from tests_support import write_green_root

    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # all paths are relative, because reports and checkpoints tell them
        Path('checkout').symlink_to(checkout)
        write_config(checkout, Path('tiny.py'))
        write_green_root(Path('green'))
        tool('train', 'tiny.py', '--data-root', 'green', '--work-dir', 'work', '--seed', '0')
        shutil.copy(f'work/iter_{ITERATIONS}.pth', 'trained.pth')
        placed = ('--data-root', 'green', '--work-dir', 'test')
        tool('test', 'tiny.py', 'trained.pth', *placed, '--split', 'val', '--report', 'report')
        tool('set_threshold', 'trained.pth', 'thresholded.pth', '--from', 'report', '--best', 'iou')
        raster = draw_raster(Path('map', 'ortho.tif'))
        tool('predict_raster', 'tiny.py', 'thresholded.pth', raster, '--out', 'map', *SETTINGS, ends_by=signal.SIGKILL)
        for name in ('tiny.py', 'trained.pth', 'thresholded.pth', 'report/metrics.json'):
            (HERE / name).parent.mkdir(exist_ok=True)
            shutil.copy(name, HERE / name)
        shutil.rmtree(HERE / 'map', ignore_errors=True)
        shutil.copytree('map', HERE / 'map', ignore=shutil.ignore_patterns('*.lock'))


def tool(name: str, *arguments: str | Path, ends_by: int = 0) -> None:
    """Run a tool of the checkout, killed by a signal or to its end."""
    start = [sys.executable, *([__file__] if ends_by else []), f'checkout/tools/{name}.py']
    environment = {**os.environ, 'PYTHONPATH': 'checkout', 'CUDA_VISIBLE_DEVICES': ''}
    ended = subprocess.run([*start, *map(str, arguments)], env=environment)
    assert ended.returncode == -ends_by, (name, ended.returncode)


def draw_raster(path: Path) -> Path:
    """Write a raster of grey ground with green squares, as the network knows them."""
    import numpy as np
    from raster_support import write_raster

    values = np.random.default_rng(0).integers(90, 130, (3, 90, 70)).astype(np.uint8)
    for top, left in ((5, 10), (30, 40), (60, 5), (70, 50)):
        values[:, top : top + 14, left : left + 18] = np.array([40, 160, 50])[:, None, None]
    path.parent.mkdir()
    write_raster(path, values, compress='deflate')
    os.utime(path, (RASTER_TIME, RASTER_TIME))
    return path


def write_config(checkout: Path, path: Path) -> None:
    """Write a flat config, which says the same whatever becomes of those that it was made of."""
    from mmengine.config import Config

    config = Config.fromfile(checkout / 'configs/hrnet/fcn_aux-hr18s-v1_128x128_demo.py')
    channels, norm = [4 * WIDTH, 2 * WIDTH, WIDTH], dict(type='BN', requires_grad=True)
    model = config.model
    model.backbone = dict(
        type='UNet', base_channels=WIDTH, num_stages=3, strides=(1, 1, 1), enc_num_convs=(1, 1, 1), norm_cfg=norm,
        dec_num_convs=(1, 1), downsamples=(True, True), enc_dilations=(1, 1, 1), dec_dilations=(1, 1), norm_eval=False,
    )  # fmt: skip
    model.decode_head.update(in_channels=channels, in_index=[0, 1, 2], channels=sum(channels))
    model.auxiliary_head = [dict(model.auxiliary_head[0], in_channels=channels[1:], in_index=[1, 2])]
    size = (64, 64)
    model.data_preprocessor.size = size
    config.train_dataloader.dataset.pipeline[2].crop_size = size
    for part in ('train', 'val', 'test'):
        config[f'{part}_dataloader'].update(num_workers=0, persistent_workers=False)
    config.train_dataloader.batch_size = 4
    config.optim_wrapper.optimizer.lr = 0.02
    config.train_cfg.update(max_iters=ITERATIONS, val_interval=ITERATIONS)
    config.default_hooks.checkpoint.interval = ITERATIONS
    for unused in ('train_pipeline', 'test_pipeline', 'stock_train_pipeline', 'data'):
        config.pop(unused, None)
    config.dump(path)


def run_until_killed(tool: str, arguments: list[str]) -> None:
    """Run a tool that is killed by signal 9 as soon as it has finished its second block of rows."""
    put_in_place = os.replace

    def replace(source: str, target: str) -> None:
        put_in_place(source, target)
        if Path(target).name == LAST_BLOCK:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace
    sys.argv = [tool, *arguments]
    runpy.run_path(tool, run_name='__main__')


if __name__ == '__main__':
    if len(sys.argv) > 2:
        run_until_killed(sys.argv[1], sys.argv[2:])
    else:
        main(Path(sys.argv[1]).resolve())
