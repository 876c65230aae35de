"""Trains yolo26n-sem of Ultralytics without weights for a given time, and measures it on the lists of recipe.py.

Usage: python benchmarks/peers/yolo_sem.py DATA_ROOT --source NAME --out FOLDER --minutes M
       [--seeds N...] [--tests LIST...]

Needs the package ultralytics (AGPL-3.0), which nothing else here imports. Its own training, augmentation and choice of
the best epoch by val are used as they come; images are trained and predicted at 512 pixels, as recipe.py predicts them.
Time is that of the clock: run it on one quiet thread (OMP_NUM_THREADS=1) to compare it with recipe.py.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from ultralytics import YOLO

SIZE, BATCH = 512, 8
MANY = 1000  # epochs; the time ends them
GREEN = 1


def stems(root: Path, listed: str) -> list[str]:
    """Return the names of a list."""
    return (root / 'splits' / listed).read_text(encoding='utf-8').split()


def pair(root: Path, split: str, stem: str) -> tuple[Path, Path]:
    """Return the image and the label of a name."""
    (image,) = (path for path in (root / 'rawdata' / split).glob(f'{stem}.*') if path.stem == stem)
    return image, root / 'labeldata' / split / f'{stem}.png'


def lay_out(root: Path, source: str, folder: Path) -> Path:
    """Copy train and val in the layout that Ultralytics reads; return its data file."""
    for split in ('train', 'val'):
        for kind in ('images', 'masks'):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        for stem in stems(root, f'{split}_{source}.txt'):
            image, label = pair(root, split, stem)
            shutil.copyfile(image, folder / 'images' / split / image.name)
            Image.fromarray(np.asarray(Image.open(label))).save(folder / 'masks' / split / label.name)
    data = {'path': str(folder), 'train': 'images/train', 'val': 'images/val', 'masks_dir': 'masks'}
    described = folder / 'data.yaml'
    described.write_text(json.dumps({**data, 'names': {0: 'background', GREEN: 'green'}}), encoding='utf-8')
    return described


def iou(model: Any, root: Path, listed: str) -> float:
    """Return the IoU of green over all pixels of a list, percent."""
    split, both, either = listed.split('_')[0], 0, 0
    for stem in stems(root, listed):
        image, label = pair(root, split, stem)
        (result,) = model.predict(str(image), imgsz=SIZE, device='cpu', verbose=False)
        predicted = np.asarray(result.semantic_mask.data) == GREEN
        reference = np.asarray(Image.open(label)) == GREEN
        both += int((predicted & reference).sum())
        either += int((predicted | reference).sum())
    return 100 * both / either


def measured(data: Path, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """Train and test with a seed, unless that was done."""
    done = args.out / f'yolo26n-sem_{seed}.json'
    if not done.is_file():
        settings = {'epochs': MANY, 'time': args.minutes / 60, 'imgsz': SIZE, 'batch': BATCH, 'seed': seed}
        quiet = {'device': 'cpu', 'workers': 0, 'plots': False, 'amp': False, 'pretrained': False}
        place = {'project': str(args.out.resolve()), 'name': f'yolo26n-sem_{seed}', 'exist_ok': True}
        YOLO('yolo26n-sem.yaml').train(data=str(data), **settings, **quiet, **place)
        model = YOLO(args.out / f'yolo26n-sem_{seed}/weights/best.pt')
        lists = [f'val_{args.source}.txt', *args.tests]
        record = {'recipe': 'yolo26n-sem', 'seed': seed, 'minutes': args.minutes}
        record['figures'] = {listed: iou(model, args.root, listed) for listed in lists}
        done.write_text(json.dumps(record, indent=2), encoding='utf-8')
    return dict(json.loads(done.read_text(encoding='utf-8')))


def main() -> None:
    """Train, test and print the figures of each seed."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('root', type=Path, metavar='DATA_ROOT', help='as benchmarks/zoo_data.py joins it')
    line.add_argument('--source', required=True, metavar='NAME', help='lists train_NAME.txt and val_NAME.txt')
    line.add_argument('--out', type=Path, required=True, metavar='FOLDER', help='for runs and figures')
    line.add_argument('--minutes', type=float, required=True, help='of training a seed')
    line.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2], help='default: %(default)s')
    line.add_argument('--tests', nargs='*', default=[], metavar='LIST', help='lists below splits/')
    args = line.parse_args()
    data = lay_out(args.root, args.source, args.out.resolve() / 'yolo_data')
    for seed in args.seeds:
        print(json.dumps(measured(data, seed, args)))


if __name__ == '__main__':
    main()
