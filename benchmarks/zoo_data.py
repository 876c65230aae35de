"""Joins the data sets that the networks of the zoo are trained on into one data root of RGB tiles.

Usage: python benchmarks/zoo_data.py SHARED OUT

SHARED holds green/ and naip4/ (see the cards of the zoo for what they are); OUT gets their images and labels by split,
the lists SPLIT_green.txt, SPLIT_naip4.txt and SPLIT.txt, and trainval.lst, which a network to publish is trained on.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image

SPLITS = ('train', 'val', 'test')


def join_split(shared: Path, out: Path, split: str) -> list[str]:
    """Copy a split of both sets, the four bands of naip4 as RGB; return its lines of a ``.lst``."""
    lines: list[str] = []
    stems: dict[str, list[str]] = {'green': [], 'naip4': []}
    for source, known in stems.items():
        for stem in (shared / source / 'splits' / f'{split}.txt').read_text(encoding='utf-8').split():
            name = stem if source == 'green' else f'naip4_{stem}'
            (image,) = (shared / source / 'rawdata' / split).glob(f'{stem}.*')
            place = f'rawdata/{split}/{name}{".png" if source == "naip4" else image.suffix}'
            if source == 'naip4':
                with rasterio.open(image) as dataset:
                    Image.fromarray(np.moveaxis(dataset.read([1, 2, 3]), 0, -1)).save(out / place)
            else:
                shutil.copyfile(image, out / place)
            label = f'labeldata/{split}/{name}.png'
            shutil.copyfile(shared / source / 'labeldata' / split / f'{stem}.png', out / label)
            known.append(name)
            lines.append(f'{place} {label}')
    lists = {
        **{f'{split}_{source}': names for source, names in stems.items()},
        split: [*stems['green'], *stems['naip4']],
    }
    for name, listed in lists.items():
        (out / 'splits' / f'{name}.txt').write_text('\n'.join(listed) + '\n', encoding='utf-8')
    return lines


def main() -> None:
    """Join all splits."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('shared', type=Path, metavar='SHARED')
    line.add_argument('out', type=Path, metavar='OUT')
    args = line.parse_args()
    for folder in ('splits', *(f'{kind}/{split}' for kind in ('rawdata', 'labeldata') for split in SPLITS)):
        (args.out / folder).mkdir(parents=True)
    lines = {split: join_split(args.shared, args.out, split) for split in SPLITS}
    text = '\n'.join([*lines['train'], *lines['val']]) + '\n'
    (args.out / 'splits/trainval.lst').write_text(text, encoding='utf-8')
    print(f'{args.out}: {", ".join(f"{len(listed)} {split}" for split, listed in lines.items())}')


if __name__ == '__main__':
    main()
