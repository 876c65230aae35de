"""Draws made-up data sets of the published layouts: their true folders, file names and label coding."""

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (48, 96)
CITYSCAPES_FRAMES = {
    'train': [('aachen', f'aachen_{frame:06d}_000019') for frame in range(4)],
    'val': [('frankfurt', 'frankfurt_000000_000294'), ('lindau', 'lindau_000000_000019')],
}
PASCAL_STEMS = {'train': ['2008_000008', '2008_000015', '2008_000019', '2008_000023'], 'val': ['2008_000002']}
LIP_STEMS = {'train': ['1000_1234574', '100_468022', '77_471474', '77_556506'], 'val': ['100034_483681']}


def label_of(values: list[int], size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a label with one column block per value."""
    columns = np.array(values, np.uint8)[np.arange(size[1]) * len(values) // size[1]]
    return np.tile(columns, (size[0], 1))


def write_pair(image: Path, label: Path, values: list[int]) -> None:
    """Write an image and its one-channel label."""
    classes = label_of(values)
    for path in (image, label):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.stack([classes * 4, 255 - classes, classes], axis=-1)).save(image)
    Image.fromarray(classes).save(label)


def write_cityscapes(root: Path) -> None:
    """leftImg8bit/SPLIT/CITY and gtFine/SPLIT/CITY, labels 0..18 and 255 as cityscapesscripts writes them."""
    for split, frames in CITYSCAPES_FRAMES.items():
        for city, frame in frames:
            image = root / 'leftImg8bit' / split / city / f'{frame}_leftImg8bit.png'
            label = root / 'gtFine' / split / city / f'{frame}_gtFine_labelTrainIds.png'
            write_pair(image, label, [*range(19), 255])


def write_pascal_context(root: Path) -> None:
    """VOCdevkit/VOC2010 with labels 0..59, 0 the background, and lists of stems."""
    lists = root / 'ImageSets' / 'SegmentationContext'
    lists.mkdir(parents=True)
    for split, stems in PASCAL_STEMS.items():
        (lists / f'{split}.txt').write_text('\n'.join(stems) + '\n')
        for stem in stems:
            image = root / 'JPEGImages' / f'{stem}.jpg'
            write_pair(image, root / 'SegmentationClassContext' / f'{stem}.png', [*range(0, 60, 3), 1, 59])


def write_lip(root: Path) -> None:
    """TrainVal_images/SPLIT_images and TrainVal_parsing_annotations/SPLIT_segmentations, labels 0..19."""
    for split, stems in LIP_STEMS.items():
        for stem in stems:
            image = root / 'TrainVal_images' / f'{split}_images' / f'{stem}.jpg'
            label = root / 'TrainVal_parsing_annotations' / f'{split}_segmentations' / f'{stem}.png'
            write_pair(image, label, [*range(20)])
