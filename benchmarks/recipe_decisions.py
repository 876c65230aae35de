"""Measures what turned views and a threshold from validation bring to networks that recipe.py has trained.

Usage: python benchmarks/recipe_decisions.py FOLDER DATA_ROOT --source NAME [--recipe NAME] [--tests LIST...]

FOLDER is that of recipe.py. Images are predicted at the size at which tools/test.py does. The threshold of each
network and kind of views is the one with the highest IoU on val_NAME.txt; 0.5 is what the larger probability decides.
"""

import argparse
import json
import statistics
from pathlib import Path

import cv2
import numpy as np
from mmcv import imrescale
from mmengine.config import Config
from numpy.typing import NDArray
from PIL import Image
from recipe import table
from rich.progress import track

from mmseg_aux_hrnet.maps import Predictor
from mmseg_aux_hrnet.weights import best_checkpoint

VIEWS = ('none', 'flip', 'd4')
STEPS = 1000  # thresholds
GREEN = 1


def counted(predictor: Predictor, root: Path, listed: str, scale: tuple[int, int]) -> NDArray[np.int64]:
    """Return how many pixels of background and of green have each probability of green, (2, STEPS)."""
    split = listed.split('_')[0].split('.')[0]
    counts = np.zeros((2, STEPS), np.int64)
    for stem in (root / 'splits' / listed).read_text(encoding='utf-8').split():
        (path,) = (root / 'rawdata' / split).glob(f'{stem}.*')
        label = np.asarray(Image.open(root / 'labeldata' / split / f'{stem}.png'))
        image = np.asarray(Image.open(path).convert('RGB'))
        probabilities = predictor(imrescale(image, scale))[GREEN]
        green = cv2.resize(probabilities, label.shape[::-1], interpolation=cv2.INTER_LINEAR)
        steps = np.minimum((green * STEPS).astype(np.int64), STEPS - 1)
        for value in (0, GREEN):
            counts[value] += np.bincount(steps[label == value], minlength=STEPS)
    return counts


def ious(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the IoU of green at each threshold, percent."""
    wrong, right = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
    return np.asarray(100 * right / (wrong + counts[GREEN].sum()))


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('folder', type=Path, metavar='FOLDER', help='where recipe.py wrote')
    line.add_argument('root', type=Path, metavar='DATA_ROOT', help='of which its networks were trained')
    line.add_argument('--source', required=True, metavar='NAME', help='thresholds are chosen by val_NAME.txt')
    line.add_argument('--recipe', default='AdamW', help='default: %(default)s')
    line.add_argument('--tests', nargs='*', default=[], metavar='LIST', help='lists below splits/')
    args = line.parse_args()
    lists = [f'val_{args.source}.txt', *args.tests]
    records, thresholds = [], []
    runs = sorted(args.folder.glob(f'{args.recipe}_[0-9].json'))
    for done in track(runs, description='networks'):
        config = Config.fromfile(done.with_suffix('') / 'config.py')
        (scale,) = (step.scale for step in config.test_pipeline if step.type == 'Resize')
        for view in VIEWS:
            predictor = Predictor.from_files(
                done.with_suffix('') / 'config.py',
                best_checkpoint(done.with_suffix('')),
                threshold='argmax',
                tta=view,
                level='max',
            )
            found = {listed: ious(counted(predictor, args.root, listed, tuple(scale))) for listed in lists}
            best = int(found[lists[0]].argmax())
            thresholds.append(best / STEPS)
            for name, at in ((f'{view}, 0.5', STEPS // 2), (f'{view}, threshold from val', best)):
                figures = {listed: float(values[at]) for listed, values in found.items()}
                record = json.loads(done.read_text(encoding='utf-8'))
                records.append({**record, 'recipe': name, 'figures': figures})
    print(table(records))
    print(f'thresholds: {min(thresholds):.2f} to {max(thresholds):.2f}, in the mean {statistics.mean(thresholds):.2f}')


if __name__ == '__main__':
    main()
