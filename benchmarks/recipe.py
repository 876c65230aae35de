"""Trains recipes on one data set, several seeds each, and tables their figures: which ingredients earn their place.

Usage: python benchmarks/recipe.py DATA_ROOT --out FOLDER (--minutes M | --iterations N | --show) [--recipes NAME...]
       [--seeds N...] [--speed LEVEL] [--source NAME] [--tests LIST...] [--cfg-options KEY=VALUE...]

Every training is a run of tools/train.py in a process of its own; what is finished stands in FOLDER/NAME_SEED.json and
is not trained again, so that a run of days may be stopped and go on; --show only prints what is there. With --minutes
each recipe gets as many iterations as it makes in that time of processors (of one quiet thread under
OMP_NUM_THREADS=1), measured before; with --iterations all get the same. All but stock mmseg train with --speed LEVEL:
by ``max``, in bfloat16, a processor that has it makes nearly twice the iterations, and keep decoded tiles. DATA_ROOT
may hold several sources, as benchmarks/zoo_data.py joins them: with --source naip4 train_naip4.txt and val_naip4.txt
are read. Choose by ``val``; the tests are for the table only.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ingredients import PEER, RECIPES
from mmengine.config import Config, DictAction
from rich.console import Console

import mmseg_aux_hrnet
from mmseg_aux_hrnet.run import TestOptions, test
from mmseg_aux_hrnet.weights import best_checkpoint

TRAIN = Path(__file__).resolve().parent.parent / 'tools/train.py'
LEAF = 'hrnet/fcn_hr18s-v1_256x256_1500it_singlegreen{}.py'
PROBED = 12, 42  # iterations of two runs; their difference is what the start costs neither
FIGURE = 'IoU.green'


def recipe_config(
    name: str, root: Path, *, iterations: int, seed: int, changes: dict[str, Any] | None = None
) -> Config:
    """Return the config of a recipe that trains for some iterations of whole batches and keeps the last weights."""
    leaf, edits = RECIPES[name]
    config = Config.fromfile(mmseg_aux_hrnet.config(LEAF.format(leaf)))
    whole = config.train_dataloader.batch_size
    for edit in edits:
        edit(config)
    iterations = iterations * whole // config.train_dataloader.batch_size
    former = config.train_cfg.max_iters
    for scheduler in config.param_scheduler:
        # A warm-up ends, and what follows it begins, where it did; what lasted to the end still does.
        scheduler.begin = min(scheduler.get('begin', 0), iterations // 2)
        scheduler.end = iterations if scheduler.end == former else min(scheduler.end, iterations // 2)
    # Only the end is validated: to choose among checkpoints would mix with what the recipes bring.
    config.train_cfg.update(max_iters=iterations, val_interval=iterations)
    config.default_hooks.checkpoint.interval = iterations
    config.default_hooks.logger.interval = 10
    config.randomness = {'seed': seed}
    for split in ('train', 'val', 'test'):
        config[f'{split}_dataloader'].dataset.data_root = str(root)
    config.merge_from_dict(changes or {})
    return config


def train(config: Config, folder: Path, speed: str) -> float:
    """Train in a process of its own; return the seconds that processors worked for it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'config.py'
    config.dump(path)
    words = [sys.executable, str(TRAIN), str(path), '--work-dir', str(folder), '--speed', speed]
    words += [] if speed == 'off' else ['--cache', str(folder.parent / 'cache')]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get('PYTHONPATH')])]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    run = subprocess.run(words, capture_output=True, text=True, env=environment)
    if run.returncode:
        raise SystemExit(f'{folder}: {run.stderr.strip().splitlines()[-1]}')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def iterations_in(minutes: float, name: str, args: argparse.Namespace, speed: str) -> int:
    """Return how many iterations a recipe makes in some minutes of processors."""
    seconds = []
    for length in PROBED:
        probe = recipe_config(name, args.root, iterations=length, seed=0, changes=args.changes)
        seconds.append(train(probe, args.out / f'{name}_probe_{length}', speed))
    return max(1, round(60 * minutes * (PROBED[1] - PROBED[0]) / (seconds[1] - seconds[0])))


def measured(name: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """Train and test a recipe, unless that was done; return its figures by list, percent."""
    done = args.out / f'{name}_{seed}.json'
    iterations, speed = args.iterations, 'off' if name == 'stock mmseg' else args.speed
    changes = json.loads(json.dumps(args.changes))  # as a record holds them
    if done.is_file():
        record = dict(json.loads(done.read_text(encoding='utf-8')))
        if iterations not in (None, record['iterations']) or record['speed'] != speed:
            raise SystemExit(
                f'{done} is of {record["iterations"]} iterations with --speed {record["speed"]}: give another --out'
            )
        if record['changes'] != changes:
            raise SystemExit(f'{done} is of the settings {record["changes"]}, not {changes}: give another --out')
        return record
    if iterations is None:
        others = sorted(args.out.glob(f'{name}_[0-9]*.json'))
        told = json.loads(others[0].read_text(encoding='utf-8')) if others else {}
        iterations = told.get('iterations') or iterations_in(args.minutes, name, args, speed)
    folder = args.out / f'{name}_{seed}'
    config = recipe_config(name, args.root, iterations=iterations, seed=seed, changes=args.changes)
    train(config, folder, speed)
    figures = {}
    for listed in (config.val_dataloader.dataset.ann_file.removeprefix('splits/'), *args.tests):
        config = Config.fromfile(folder / 'config.py')
        config.test_dataloader.dataset.ann_file = f'splits/{listed}'
        split = listed.split('_')[0].split('.')[0]
        config.test_dataloader.dataset.data_prefix = {
            'img_path': f'rawdata/{split}',
            'seg_map_path': f'labeldata/{split}',
        }
        report = folder / f'report_{Path(listed).stem}'  # for tools/compare.py
        result = test(config, best_checkpoint(folder), TestOptions(work_dir=folder / 'test', report=report))
        figures[listed] = result.figures[FIGURE]
    record = {'recipe': name, 'seed': seed, 'iterations': iterations, 'speed': speed, 'changes': changes}
    record['figures'] = figures
    done.write_text(json.dumps(record, indent=2), encoding='utf-8')
    return record


def table(records: Iterable[dict[str, Any]]) -> str:
    """Return the means and the spread over seeds of each recipe, Markdown."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_name.setdefault(record['recipe'], []).append(record)
    lists = list(dict.fromkeys(listed for runs in by_name.values() for run in runs for listed in run['figures']))
    rows = [['recipe', 'seeds', 'iterations', *lists], ['---'] * (3 + len(lists))]
    for name, runs in by_name.items():
        cells = []
        for listed in lists:
            values = [run['figures'][listed] for run in runs if listed in run['figures']]
            cells.append(f'{statistics.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})' if values else '')
        lengths = {str(run.get('iterations', '')) for run in runs}
        rows.append([name, str(len(runs)), ' or '.join(sorted(lengths)), *cells])
    return '\n'.join('| ' + ' | '.join(row) + ' |' for row in rows)


def main() -> None:
    """Train, test and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('root', type=Path, metavar='DATA_ROOT', help='data set in the layout of SingleGreenDataset')
    line.add_argument('--out', type=Path, required=True, metavar='FOLDER', help='for runs and figures')
    line.add_argument(
        '--recipes',
        nargs='+',
        choices=RECIPES,
        default=[name for name in RECIPES if not name.startswith(PEER)],
        help='default: all but U-Net',
    )
    line.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2], help='default: %(default)s')
    length = line.add_mutually_exclusive_group(required=True)
    length.add_argument('--minutes', type=float, help='of processors, in the training of each recipe and seed')
    length.add_argument('--show', action='store_true', help='train nothing: print what is finished in FOLDER')
    length.add_argument('--iterations', type=int, help='of each recipe and seed, whatever time they take')
    line.add_argument('--speed', choices=('off', 'safe', 'max'), default='safe', help='default: %(default)s')
    line.add_argument('--source', metavar='NAME', help='train and validate by train_NAME.txt and val_NAME.txt')
    line.add_argument('--tests', nargs='*', default=['test.txt'], metavar='LIST', help='lists below splits/')
    line.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={}, help='change these settings of every recipe'
    )
    line.add_argument('--toy', action='store_true', help='tiny crops and batches: does it run at all')
    args = line.parse_args()
    if args.show:
        finished = sorted(args.out.glob('*_[0-9].json'))
        print(table(json.loads(path.read_text(encoding='utf-8')) for path in finished))
        return
    args.changes = dict(args.cfg_options)
    for split in ('train', 'val') if args.source else ():
        args.changes[f'{split}_dataloader.dataset.ann_file'] = f'splits/{split}_{args.source}.txt'
    if args.toy:
        args.changes |= {'model.data_preprocessor.size': (64, 64), 'train_dataloader.batch_size': 2}
    screen = Console(stderr=True)
    records = []
    for seed in args.seeds:  # a whole table of one seed first
        for name in args.recipes:
            with screen.status(f'{name}, seed {seed}'):
                records.append(measured(name, seed, args))
    print(table(records))


if __name__ == '__main__':
    main()
