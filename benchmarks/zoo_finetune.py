"""Compares going on from a network of the zoo's kind on 10 tiles of a new city with random weights on 50 tiles.

Usage: python benchmarks/zoo_finetune.py DATA JOINED --out FOLDER [--iterations N N]

DATA holds naip4/, JOINED is what benchmarks/zoo_data.py made of it and of green/. The zoo's training is repeated on
train alone, so that the city of val is new to it; of the places of that city, which show in several years, 7 are tested
on and the others give the tiles to train on. What is finished in FOLDER is not trained again.
"""

import argparse
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import rasterio
import shapely
from mmengine.config import Config

import mmseg_aux_hrnet
from mmseg_aux_hrnet.run import TestOptions, test

TRAIN = Path(__file__).resolve().parent.parent / 'tools/train.py'
LEAF = 'hrnet/fcn_hr18s-v1_256x256_1500it_singlegreen-adamw.py'
TESTED = 7  # places


def places_of(naip4: Path) -> list[list[str]]:
    """Return the tiles of val in groups that share ground, in the order of their names."""
    groups: list[tuple[Any, list[str]]] = []
    for stem in sorted((naip4 / 'splits/val.txt').read_text(encoding='utf-8').split()):
        with rasterio.open(naip4 / f'rawdata/val/{stem}.tif') as dataset:
            ground = shapely.box(*dataset.bounds)
        for known, stems in groups:
            if known.intersection(ground).area > 0:
                stems.append(stem)
                break
        else:
            groups.append((ground, [stem]))
    return [stems for _, stems in groups]


def write_lists(naip4: Path, joined: Path) -> None:
    """Write the lists of the experiment below ``splits/`` of the joined data."""
    places = places_of(naip4)
    draw = random.Random(0)
    draw.shuffle(places)
    pool = [stem for place in places[TESTED:] for stem in place]
    draw.shuffle(pool)
    lists = {
        'city_test': [stem for place in places[:TESTED] for stem in place],
        'city_10': pool[:10],
        'city_50': pool[:50],
    }
    for name, stems in lists.items():
        (joined / f'splits/{name}.txt').write_text(''.join(f'naip4_{stem}\n' for stem in stems), encoding='utf-8')
    train: dict[str, list[str]] = {'t_dubai': [], 't_others': []}
    for stem in (joined / 'splits/train.txt').read_text(encoding='utf-8').split():
        (image,) = (joined / 'rawdata/train').glob(f'{stem}.*')
        line = f'rawdata/train/{image.name} labeldata/train/{stem}.png\n'
        train['t_dubai' if stem.startswith('dubai') else 't_others'].append(line)
    for name, lines in train.items():
        (joined / f'splits/{name}.lst').write_text(''.join(lines), encoding='utf-8')


def set_length(config: Config, iterations: int) -> None:
    """Train that long, with a warm-up of at most a tenth, and validate at the end."""
    config.train_cfg.update(max_iters=iterations, val_interval=iterations)
    config.default_hooks.checkpoint.interval = iterations
    warm_up, rest = config.param_scheduler
    warm_up.end = rest.begin = max(1, min(warm_up.end, iterations // 10))
    rest.end = iterations


def city_config(joined: Path, listed: str, iterations: int, *, start: Path | None) -> Config:
    """Return the config of a training on some tiles of the city; by a smaller rate where it goes on from weights."""
    config = Config.fromfile(mmseg_aux_hrnet.config(LEAF))
    set_length(config, iterations)
    folders = {'img_path': 'rawdata/val', 'seg_map_path': 'labeldata/val'}
    for loader, name in (('train', listed), ('val', 'city_test'), ('test', 'city_test')):
        config[f'{loader}_dataloader'].dataset.update(
            data_root=str(joined), ann_file=f'splits/{name}.txt', data_prefix=folders
        )
    if start is not None:
        config.load_from, config.optim_wrapper.optimizer.lr = str(start), 5e-4
    return config


def train(config: Config, folder: Path, *, iterations: int, speed: str) -> Path:
    """Train in a process of its own, unless that was done; return the last checkpoint."""
    last = folder / f'iter_{iterations}.pth'
    if not last.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        config.dump(folder / 'config.py')
        words = [sys.executable, str(TRAIN), str(folder / 'config.py'), '--work-dir', str(folder), '--seed', '0']
        subprocess.run([*words, '--speed', speed], check=True, env={**os.environ, 'PYTHONUNBUFFERED': '1'})
    return last


def main(argv: list[str] | None = None) -> None:
    """Train three networks and print the figures of two."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('data', type=Path, metavar='DATA')
    line.add_argument('joined', type=Path, metavar='JOINED')
    line.add_argument('--out', type=Path, required=True, metavar='FOLDER', help='for runs')
    line.add_argument('--iterations', nargs=2, type=int, default=[3000, 500], help='of the zoo, and of the city')
    line.add_argument('--speed', choices=('off', 'safe', 'max'), default='safe', help='default: %(default)s')
    args = line.parse_args(argv)
    long, short = args.iterations
    write_lists(args.data / 'naip4', args.joined)
    zoo = Config.fromfile(mmseg_aux_hrnet.config('zoo/fcn_hr18s-v1_256x256_5000it_green.py'))
    set_length(zoo, long)
    others, dubai = zoo.train_dataloader.dataset.datasets
    for listed, name in ((others, 't_others'), (dubai.dataset, 't_dubai')):
        listed.update(data_root=str(args.joined), ann_file=f'splits/{name}.lst')
    zoo.val_dataloader.dataset.data_root = str(args.joined)
    start = train(zoo, args.out / 'zoo', iterations=long, speed=args.speed)
    print('| start | tiles of the city | IoU of green, 21 tiles of 7 other places |\n| --- | --- | --- |')
    for title, listed, weights in (('zoo without the city', 'city_10', start), ('random weights', 'city_50', None)):
        config = city_config(args.joined, listed, short, start=weights)
        checkpoint = train(config, args.out / listed, iterations=short, speed=args.speed)
        result = test(config, checkpoint, TestOptions(work_dir=args.out / listed / 'test'))
        print(f'| {title} | {listed[5:]} | {result.figures["IoU.green"]:.1f} |')


if __name__ == '__main__':
    main()
