"""Small data sets on disk, drawn for each test."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

import mmseg_aux_hrnet  # noqa: F401  # registers every class
from mmseg_aux_hrnet.label_png import write_label_png

GREEN_PALETTE = [[0, 0, 0], [128, 0, 0]]
REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / 'shared'


@pytest.fixture(autouse=True)
def mmseg_scope():
    init_default_scope('mmseg')


@pytest.fixture
def repo() -> Path:
    return REPO


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip('needs the folder shared beside the repository: real images and reference numbers')
    return SHARED


def draw_tile(folder: Path, stem: str, *, seed: int, size: tuple[int, int] = (64, 96)) -> None:
    """Write an image with a green rectangle and its palette label below ``folder``."""
    rng = np.random.default_rng(seed)
    height, width = size
    label = np.zeros(size, np.uint8)
    label[: height // 2, : width // 3 + int(rng.integers(0, 8))] = 1
    image = rng.integers(90, 130, (height, width, 3)).astype(np.uint8)
    image[label == 1] = [40, 160, 50]
    for name in ('rawdata', 'labeldata'):
        (folder / name).mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(folder / 'rawdata' / f'{stem}.png')
    write_label_png(folder / 'labeldata' / f'{stem}.png', label, GREEN_PALETTE)


@pytest.fixture
def green_root(tmp_path: Path) -> Path:
    """A singlegreen tree of the reference's layout: 4 train, 2 val and 2 test tiles."""
    root = tmp_path / 'green'
    (root / 'splits').mkdir(parents=True)
    for split, count in (('train', 4), ('val', 2), ('test', 2)):
        stems = [f'{split}_{i}' for i in range(count)]
        for i, stem in enumerate(stems):
            draw_tile(root, stem, seed=i)
        for name in ('rawdata', 'labeldata'):
            (root / name / split).mkdir()
            for stem in stems:
                (root / name / f'{stem}.png').rename(root / name / split / f'{stem}.png')
        (root / 'splits' / f'{split}.txt').write_text('\n'.join(stems) + '\n')
    return root
