"""Joins the data sets that the networks of the zoo are trained on into one data root of RGB tiles.

Usage: python benchmarks/zoo_data.py DATA OUT

DATA holds green/ and naip4/ (the cards of the zoo say what they are). OUT gets their images and labels by split, and
below splits/ the lists SPLIT.txt of all, SPLIT_SOURCE.txt of one source, where green is dubai and naip together, and,
for networks to publish, which are trained on train and val, tv_dubai.lst and tv_others.lst.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image

SPLITS = ('train', 'val', 'test')


def join_split(data: Path, out: Path, split: str) -> dict[str, str]:
    """Copy a split of both sets, the four bands of naip4 as RGB, and write its lists; return ``.lst`` lines by stem."""
    lines: dict[str, str] = {}
    for source in ('green', 'naip4'):
        for stem in (data / source / 'splits' / f'{split}.txt').read_text(encoding='utf-8').split():
            name = stem if source == 'green' else f'naip4_{stem}'
            (image,) = (data / source / 'rawdata' / split).glob(f'{stem}.*')
            place = f'rawdata/{split}/{name}{".png" if source == "naip4" else image.suffix}'
            if source == 'naip4':
                with rasterio.open(image) as dataset:
                    Image.fromarray(np.moveaxis(dataset.read([1, 2, 3]), 0, -1)).save(out / place)
            else:
                shutil.copyfile(image, out / place)
            label = f'labeldata/{split}/{name}.png'
            shutil.copyfile(data / source / 'labeldata' / split / f'{stem}.png', out / label)
            lines[name] = f'{place} {label}'
    stems = {source: [name for name in lines if name.startswith(f'{source}_')] for source in ('dubai', 'naip', 'naip4')}
    lists = {'': list(lines), '_green': [*stems['dubai'], *stems['naip']], **{f'_{key}': stems[key] for key in stems}}
    for name, listed in lists.items():
        write_list(out / 'splits' / f'{split}{name}.txt', listed)
    return lines


def write_list(path: Path, lines: list[str]) -> None:
    """Write one entry a line."""
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8', newline='\n')


def main(argv: list[str] | None = None) -> None:
    """Join all splits."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('data', type=Path, metavar='DATA')
    line.add_argument('out', type=Path, metavar='OUT')
    args = line.parse_args(argv)
    for folder in ('splits', *(f'{kind}/{split}' for kind in ('rawdata', 'labeldata') for split in SPLITS)):
        (args.out / folder).mkdir(parents=True)
    joined = {split: join_split(args.data, args.out, split) for split in SPLITS}
    published = {**joined['train'], **joined['val']}
    dubai = [text for name, text in published.items() if name.startswith('dubai_')]
    write_list(args.out / 'splits/tv_dubai.lst', dubai)
    write_list(args.out / 'splits/tv_others.lst', [text for text in published.values() if text not in dubai])
    print(f'{args.out}: {", ".join(f"{len(listed)} {split}" for split, listed in joined.items())}')


if __name__ == '__main__':
    main()
