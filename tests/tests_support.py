"""Draws small data sets for tests."""

from pathlib import Path

import numpy as np
from PIL import Image

from mmseg_aux_hrnet.files.label_png import write_label_png

GREEN_PALETTE = [[0, 0, 0], [128, 0, 0]]
TILES = {'train': 4, 'val': 2, 'test': 2}


def draw_tile(root: Path, split: str, stem: str, *, seed: int, size: tuple[int, int] = (64, 96)) -> None:
    """Write an image with a green rectangle and its palette label below ``root``."""
    rng = np.random.default_rng(seed)
    height, width = size
    label = np.zeros(size, np.uint8)
    label[: height // 2, : width // 3 + int(rng.integers(0, 8))] = 1
    image = rng.integers(90, 130, (height, width, 3)).astype(np.uint8)
    image[label == 1] = [40, 160, 50]
    for name in ('rawdata', 'labeldata'):
        (root / name / split).mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(root / 'rawdata' / split / f'{stem}.png')
    write_label_png(root / 'labeldata' / split / f'{stem}.png', label, GREEN_PALETTE)


def write_green_root(root: Path, tiles: dict[str, int] | None = None) -> None:
    """Write a singlegreen tree of the reference's layout: 4 train, 2 val and 2 test tiles, unless said."""
    (root / 'splits').mkdir(parents=True)
    for split, count in (tiles or TILES).items():
        stems = [f'{split}_{i}' for i in range(count)]
        for seed, stem in enumerate(stems):
            draw_tile(root, split, stem, seed=seed)
        (root / 'splits' / f'{split}.txt').write_text('\n'.join(stems) + '\n')
