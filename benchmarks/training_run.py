"""Times whole training runs, loading included, in fresh processes: from the start to the first iteration, and after it.

Usage: python benchmarks/training_run.py [--networks NAME...] [--iterations N] [--workers N] [--rounds N] [--toy]

Both train the network of a shipped config on the same tiles and the loss of mmseg. One has mmseg's own network,
data set, transforms, sampler and hooks, and does not import this package; the other has what the config has.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from contenders import CONFIGS, SMALLEST, build, leaf, plain_losses, stock_model
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from PIL import Image
from results import OURS, STOCK, Result, command_line, compared, run_part
from turns import HERE, fresh, peak_memory

from mmseg_aux_hrnet.demo.scenes import draw_scene
from mmseg_aux_hrnet.files.label_png import write_label_png

PART = 'training run'
PALETTE = [[0, 0, 0], [128, 0, 0]]
WARM_UP = 3  # iterations, of which the first fill the queues of the loader
TOLERANCE = 1e-4  # of the loss, relative
LEVELS = 8  # of 255: crops differ by one, which distortion multiplies
STOCK_HOOKS = {
    'timer': {'type': 'IterTimerHook'},
    'logger': {'type': 'LoggerHook', 'interval': 50, 'log_metric_by_epoch': False},
    'param_scheduler': {'type': 'ParamSchedulerHook'},
    'checkpoint': {'type': 'CheckpointHook', 'by_epoch': False, 'interval': 4000},
    'sampler_seed': {'type': 'DistSamplerSeedHook'},
    'visualization': {'type': 'SegVisualizationHook'},
}


def write_tiles(root: Path, *, count: int, side: int) -> None:
    """Draw ``count`` scenes of ``side`` x twice ``side`` pixels as the training images of a data set."""
    for folder in ('rawdata/train', 'labeldata/train', 'splits'):
        (root / folder).mkdir(parents=True)
    for seed in range(count):
        scene = draw_scene(seed, height_width=(side, 2 * side))
        Image.fromarray(scene.image).save(root / f'rawdata/train/{seed}.png')
        write_label_png(root / f'labeldata/train/{seed}.png', scene.label, PALETTE)
    (root / 'splits/train.txt').write_text('\n'.join(map(str, range(count))) + '\n', encoding='utf-8')


def our_config(network: str, root: Path, *, side: int, iterations: int, workers: int) -> Config:
    """Return a shipped config that trains on the tiles for some iterations, without validation."""
    config = leaf(network)
    config.merge_from_dict(
        {
            'model.data_preprocessor.size': (side // 2, side),
            'train_dataloader.dataset.data_root': str(root),
            'train_dataloader.batch_size': 2,
            'train_dataloader.num_workers': workers,
            'train_dataloader.persistent_workers': workers > 0,
            'train_cfg': {'type': 'IterBasedTrainLoop', 'max_iters': iterations, '_delete_': True},
        }
    )
    plain_losses(config.model)
    for step in itertools.chain(config.train_dataloader.dataset.pipeline, config.stock_train_pipeline):
        step.update({key: size for key, size in _sizes(side).items() if key in step})
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg', 'test_dataloader', 'test_evaluator', 'test_cfg'):
        config[key] = None
    config.randomness = {'seed': 0}
    return config


def _sizes(side: int) -> dict[str, tuple[int, int]]:
    return {'scale': (2 * side, side), 'crop_size': (side // 2, side)}


def stock_config(config: Config, *, same_draws: bool) -> Config:
    """Return the same training with mmseg's own classes.

    Args:
        config: ours.
        same_draws: keep our sampler, which gives every sample its own random numbers, so that both get the same crops.
    """
    stock = Config(config.to_dict())
    stock.model = stock_model(stock.model)
    stock.default_hooks, stock.custom_hooks = STOCK_HOOKS, []
    dataset = stock.train_dataloader.dataset
    metainfo = {'classes': ('background', 'green'), 'palette': PALETTE}
    dataset.update(type='BaseSegDataset', metainfo=metainfo, img_suffix='.png', seg_map_suffix='.png')
    dataset.pipeline = stock.stock_train_pipeline
    if not same_draws:
        stock.train_dataloader.sampler = {'type': 'InfiniteSampler', 'shuffle': True}
        stock.pop('custom_imports')
    return stock


def run(config: Config, who: str, folder: Path, *, threads: int) -> dict[str, Any]:
    """Train in a process of its own and return what it says."""
    name = f'{time.time_ns()}'  # of the config, the work dir and the experiment: runs of one name share their log
    config = Config({**config.to_dict(), 'work_dir': str(folder / name), 'experiment_name': name})
    path = folder / f'{name}.py'  # keeps tuples, which JSON does not
    config.dump(path)
    words = [str(HERE / 'training_process.py'), str(path), '--who', who, '--started', str(time.time())]
    return fresh(words, threads=threads)


def check_equal(config: Config) -> str:
    """Raise unless both draw the same crops and have the same losses on them; say how close they are."""
    stock = stock_config(config, same_draws=True)
    init_default_scope('mmseg')
    mine, other = (next(iter(Runner.build_dataloader(each.train_dataloader, seed=0))) for each in (config, stock))
    for sample, same in zip(mine['data_samples'], other['data_samples'], strict=True):
        assert torch.equal(sample.gt_sem_seg.data, same.gt_sem_seg.data), 'labels differ'
    pairs = zip(mine['inputs'], other['inputs'], strict=True)
    levels = max(int((image.int() - same.int()).abs().max()) for image, same in pairs)
    assert levels <= LEVELS, f'images differ by {levels} of 255'
    ours, theirs = build(config.model), build(stock.model)
    theirs.load_state_dict(ours.state_dict())
    losses = [_loss(segmentor, mine) for segmentor in (ours, theirs)]
    apart = abs(losses[0] - losses[1]) / losses[1]
    assert apart < TOLERANCE, f'the losses of one batch are {losses[0]} here and {losses[1]} with mmseg'
    return f'same labels, images within {levels} of 255, same weights: losses within {apart:.0e}'


def _loss(segmentor: Any, batch: Any) -> float:
    data = segmentor.train().data_preprocessor(batch, True)
    with torch.no_grad():
        losses = segmentor.loss(data['inputs'], data['data_samples'])
    return torch.stack([value for name, value in losses.items() if 'loss' in name]).sum().item()


def rows(network: str, root: Path, args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of a network."""
    side = 64 if args.toy else 512
    equal = check_equal(our_config(network, root, iterations=1, side=side, workers=0))
    ours = our_config(network, root, iterations=WARM_UP + args.iterations, side=side, workers=args.workers)
    configs = {STOCK: stock_config(ours, same_draws=False), OURS: ours}
    answers: dict[str, list[dict[str, Any]]] = {who: [] for who in configs}
    for _ in range(args.rounds):
        for who, config in configs.items():
            answers[who].append(run(config, who, root.parent, threads=args.threads))
            assert answers[who][-1]['ours'] == (who == OURS), 'mmseg must run without this package'

    def values(figure: Any) -> dict[str, list[float]]:
        return {who: [figure(answer) for answer in record] for who, record in answers.items()}

    name = f'{network} + 2 auxiliary decoders, 2 x {side // 2}x{side}, {args.workers} workers'
    clock, unit = ('busy', 'iterations/CPU s') if args.threads == 1 else ('ends', 'iterations/s')
    speed = values(lambda answer: args.iterations / (answer[clock][-1] - answer[clock][WARM_UP - 1]))
    yield from compared(PART, name, speed, unit=unit, equal=equal, more_is_better=True)
    first = values(lambda answer: answer['ends'][0])
    yield from compared(PART, f'{name}: start to end of iteration 1', first, unit='s', equal=equal)
    busy = values(lambda answer: answer['busy'][0])
    yield from compared(PART, f'{name}: start to end of iteration 1', busy, unit='CPU s', equal=equal)
    memory = values(lambda answer: answer['mb'])
    if peak_memory() is not None:
        yield from compared(PART, f'{name}: peak memory without workers', memory, unit='MB', equal=equal)


def measure(args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of all networks."""
    if args.toy:
        args.networks, args.iterations, args.workers = [SMALLEST], 1, 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, 'tiles')
        write_tiles(root, count=2 if args.toy else 16, side=64 if args.toy else 512)
        for network in args.networks:
            yield from rows(network, root, args)


def main() -> None:
    """Measure and print."""
    line = command_line(__doc__, rounds=3)
    line.add_argument('--networks', nargs='+', choices=CONFIGS, default=[SMALLEST, 'W18'], help='default: %(default)s')
    line.add_argument('--iterations', type=int, default=15, help='that count, of a run (default: %(default)s)')
    line.add_argument('--workers', type=int, default=2, help='processes that load (default: %(default)s)')
    run_part(measure, line.parse_args())


if __name__ == '__main__':
    main()
