"""Draws small data sets for tests."""

from pathlib import Path

import numpy as np
from PIL import Image

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.datasets.description import DataDescription, write_description
from mmseg_aux_hrnet.datasets.split_layouts import LAYOUTS, plan_lists
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


def tile_description(classes: int, **settings: object) -> DataDescription:
    """Return the description of tiles of this many classes, of two the last of interest, of more none."""
    names = ('background', 'green', 'roof', 'road', 'water', 'soil', 'rail', 'sand', 'rock', 'crop', 'snow', 'pool')
    palette = tuple((20 * i, 255 - 20 * i, (90 * i) % 256) for i in range(classes))
    told = Classes(names[:classes], palette, 1 if classes == 2 else None)
    numbers = {'mean': (110.0, 100.5, 90.25), 'std': (50.0, 51.5, 52.25), 'gsd': 0.5}
    return DataDescription(told, **{**numbers, **settings})


def write_tile_root(root: Path, classes: int, **settings: object) -> Path:
    """Write 4 train, 2 val and 2 test tiles of 64 x 96 pixels with their ``dataset.json``.

    Each tile holds all classes in bands of one colour each. With ``label_values``, labels are grey files of these
    values, whose first ignored one covers the last rows; else they are palette files of indices.
    """
    described = tile_description(classes, **settings)
    layout, values = LAYOUTS[described.layout], described.label_values
    for seed, (split, index) in enumerate((split, i) for split, count in TILES.items() for i in range(count)):
        label = np.tile((np.arange(96) * classes // 96).astype(np.uint8), (64, 1))
        noise = np.random.default_rng(seed).integers(0, 30, (64, 96, 3))
        image = (np.array(described.classes.palette)[label] * 0.8 + noise).clip(0, 255).astype(np.uint8)
        for folder in (layout.images, layout.labels):
            (root / folder / split).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / layout.images / split / f'{split}_{index}.png')
        path = root / layout.labels / split / f'{split}_{index}.png'
        if values is None:
            write_label_png(path, label, described.classes.palette)
            continue
        written = np.array([next(v for v, of in values.items() if of == i) for i in range(classes)], np.uint8)[label]
        written[56:] = next(value for value, of in values.items() if of is None)
        Image.fromarray(written).save(path)
    lists, _, _ = plan_lists(root, layout=layout, form=layout.form)
    (root / layout.lists).mkdir()
    for name, lines in lists.items():
        (root / layout.lists / name).write_text('\n'.join(lines) + '\n')
    write_description(root, described)
    return root
