"""Draws data sets without a fault, for tests that then spoil one thing."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mmseg_aux_hrnet.doctor.checkup import Checkup, check
from mmseg_aux_hrnet.doctor.sources import find_sources
from mmseg_aux_hrnet.files.label_png import write_label_png

PALETTE = [[0, 0, 0], [128, 0, 0]]
SIZE = (48, 64)
TILES = {'train': 4, 'val': 2, 'test': 2}


def scene(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a smooth random picture, unlike that of any other seed, uint8 (H, W, 3)."""
    coarse = np.random.default_rng(seed).integers(30, 220, (7, 9, 3)).astype(np.uint8)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def mask(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return classes with a rectangle of class 1, uint8 (H, W)."""
    classes = np.zeros(size, np.uint8)
    classes[: size[0] // 2, : size[1] // 3 + seed % 5] = 1
    return classes


def write_root(root: Path, tiles: dict[str, int] | None = None) -> Path:
    """Write a singlegreen data set in which nothing is wrong: 4 train, 2 val and 2 test tiles, unless said."""
    seed = 0
    for split, count in (tiles or TILES).items():
        for folder in (f'rawdata/{split}', f'labeldata/{split}', 'splits'):
            (root / folder).mkdir(parents=True, exist_ok=True)
        stems = [f'{split}_{index}' for index in range(count)]
        for stem in stems:
            Image.fromarray(scene(seed)).save(image_of(root, stem))
            write_label_png(label_of(root, stem), mask(seed), PALETTE)
            seed += 1
        (root / 'splits' / f'{split}.txt').write_text('\n'.join(stems) + '\n', encoding='utf-8')
    return root


def image_of(root: Path, stem: str) -> Path:
    return root / 'rawdata' / stem.split('_')[0] / f'{stem}.png'


def label_of(root: Path, stem: str) -> Path:
    return root / 'labeldata' / stem.split('_')[0] / f'{stem}.png'


def examined(root: Path, *, kind: str = 'singlegreen', label_formats: tuple[str, ...] = ()) -> Checkup:
    """Return the checkup of a folder."""
    sources = find_sources(str(root), kind=kind, label_formats=label_formats)
    return check(sources, workers=2, on_tile=lambda done, total: None)


def found(checkup: Checkup) -> set[tuple[str, str, str]]:
    """Return level, key and split of every finding."""
    return {(finding.level, finding.key, finding.split) for finding in checkup.findings}


def state(root: Path) -> dict[str, tuple[str, int]]:
    """Return content and time of change of every file below a folder."""
    files = sorted(path for path in root.rglob('*') if path.is_file())
    return {str(p): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in files}
