"""Writes a data root: tiles with their labels, the lists of the splits, what the data set is and what it holds."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.datasets.description import NAME, DataDescription, write_description
from mmseg_aux_hrnet.datasets.split_layouts import LAYOUTS, plan_lists
from mmseg_aux_hrnet.datasets.splits import SPLITS, write_splits
from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError
from mmseg_aux_hrnet.files.label_png import write_label_png
from mmseg_aux_hrnet.files.outputs import check_folder
from mmseg_aux_hrnet.files.whole import whole_folder

IGNORED = 255
MOST_CLASSES = IGNORED  # 0..254
DECIMALS = 3  # of mean and standard deviation, of 255 levels
SHEET = 'contact_sheet.png'
FOOTPRINTS = 'tiles.gpkg'


class Moments(NamedTuple):
    """What mean and standard deviation follow from.

    Attributes:
        valid: pixels that count.
        sums: of the values of each band.
        squares: sums of their squares.
    """

    valid: int
    sums: tuple[float, ...]
    squares: tuple[float, ...]


def moments_of(values: NDArray[Any], valid: NDArray[np.bool_]) -> Moments:
    """Return those of a tile.

    Args:
        values: 0..255, after the value scale of the data set, of any type (bands, H, W).
        valid: bool (H, W).
    """
    seen = (values if valid.all() else values[:, valid]).reshape(len(values), -1).astype(np.float64)
    return Moments(seen.shape[1], tuple(seen.sum(axis=1).tolist()), tuple((seen**2).sum(axis=1).tolist()))


class Tile(NamedTuple):
    """What is known of a tile once it is written.

    Attributes:
        stem: its name, the same of image and label.
        suffix: of the image.
        pixels: of each class.
        ignored: pixels that do not count.
        moments: of its values.
    """

    stem: str
    suffix: str
    pixels: tuple[int, ...]
    ignored: int
    moments: Moments

    def foreground(self, background: int | None) -> int:
        """Return how many pixels are of a class other than the background."""
        return sum(count for index, count in enumerate(self.pixels) if index != background)


@contextmanager
def whole_root(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a folder to fill, which becomes the data root when the block ends, and vanishes when it raises.

    Raises:
        ConfigError: something is there that may not be replaced; with ``overwrite`` only a data root may be.
        DataError: the folder cannot be written.
    """
    refuse_output(out, overwrite=overwrite)
    try:
        with whole_folder(out) as part:
            yield part
    except OSError as error:
        raise DataError(
            f'{out} cannot be written ({error.strerror or error}): choose a folder that is writable and has room'
        ) from error


def refuse_output(out: Path, *, overwrite: bool) -> None:
    """Raise ConfigError unless a data root may be written there."""
    is_file = out.exists() and not out.is_dir()
    advice = 'name a folder with --out' if is_file else 'name another --out, or replace it with --overwrite'
    check_folder(out, overwrite=overwrite, advice=advice)
    if out.is_dir() and any(out.iterdir()) and not (out / NAME).is_file():
        raise ConfigError(f'{out} is not a data set of this tool ({NAME} is missing): name another')


class TileStore:
    """Tiles and labels in a folder, where they wait until all are there and it is known which split each goes to.

    Args:
        folder: of :func:`whole_root`; None writes nothing and only counts.
        classes: with a palette; labels hold their indices and ``IGNORED``.
        layout: ``singlegreen`` or ``urbanisation``.
    """

    def __init__(self, folder: Path | None, *, classes: Classes, layout: str) -> None:
        if classes.palette is None or len(classes.names) > MOST_CLASSES:
            raise ConfigError(f'{len(classes.names)} classes: 1 to {MOST_CLASSES} with a colour each can be written')
        self.folder = folder
        self.classes = classes
        self.layout = layout
        self.tiles: dict[str, Tile] = {}
        self._claimed: set[str] = set()

    def path(self, tile: Tile, split: str = '') -> Path:
        """Return where the image of a tile is, before or after it went to its split."""
        assert self.folder is not None
        return self.folder / LAYOUTS[self.layout].images / split / f'{tile.stem}{tile.suffix}'

    def label_path(self, tile: Tile, split: str = '') -> Path:
        """Return where the label of a tile is."""
        assert self.folder is not None
        return self.folder / LAYOUTS[self.layout].labels / split / f'{tile.stem}.png'

    def add(
        self,
        stem: str,
        *,
        suffix: str,
        label: NDArray[np.uint8],
        write_image: Callable[[Path], object],
        moments: Moments,
    ) -> Tile:
        """Write a tile and its label.

        Args:
            stem: its name.
            suffix: of the image, with the dot.
            label: class indices and ``IGNORED``, (H, W).
            write_image: writes the image to a path.
            moments: of its valid pixels.

        Raises:
            DataError: another tile has the name.
            LabelError: the label holds a value that is not a class.
            OSError: it cannot be written.
        """
        # Windows does not tell A.png from a.png.
        if os.path.normcase(stem) in self._claimed:
            raise DataError(f'two tiles would be called {stem}: rename one of the inputs')
        counts = np.bincount(label.ravel(), minlength=IGNORED + 1)
        known = len(self.classes.names)
        if counts[known:IGNORED].any():
            value = known + int(counts[known:IGNORED].argmax())
            raise LabelError(
                f'label {stem} with the value {value}: the classes are 0..{known - 1}, ignored is {IGNORED}'
            )
        tile = Tile(stem, suffix, tuple(counts[:known].tolist()), int(counts[IGNORED]), moments)
        if self.folder is not None:
            assert self.classes.palette is not None
            path = self.path(tile)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path)
            write_label_png(self.label_path(tile), label, self.classes.palette)
        self._claimed.add(os.path.normcase(stem))
        self.tiles[stem] = tile
        return tile

    def finish(self, splits: Mapping[str, str], described: DataDescription) -> DataDescription:
        """Move tiles to their splits, write the lists and ``dataset.json``, and return what it says.

        Args:
            splits: train, val or test of each stem; tiles without one are removed.
            described: the data set but for mean, standard deviation and the counts of pixels.

        Raises:
            DataError: there is no training tile, or a name cannot be written in a list.
            OSError: it cannot be written.
        """
        described = complete_description(described, self.tiles.values(), splits)
        if self.folder is None:
            return described
        for tile in self.tiles.values():
            split = splits.get(tile.stem)
            for where in (self.path, self.label_path):
                if split is None:
                    where(tile).unlink()
                else:
                    where(tile, split).parent.mkdir(exist_ok=True)
                    where(tile).rename(where(tile, split))
        layout = LAYOUTS[self.layout]
        lists, _, _ = plan_lists(self.folder, layout=layout, form=layout.form)
        write_splits({self.folder / layout.lists / name: lines for name, lines in lists.items()})
        write_description(self.folder, described)
        return described


def complete_description(
    described: DataDescription, tiles: Iterable[Tile], splits: Mapping[str, str]
) -> DataDescription:
    """Return a description with mean and standard deviation of the training tiles and the pixels of each split.

    Raises:
        DataError: there is no training tile, or none with a valid pixel.
    """
    of_split: dict[str, list[Tile]] = {split: [] for split in SPLITS}
    for tile in tiles:
        if tile.stem in splits:
            of_split[splits[tile.stem]].append(tile)
    train = [tile.moments for tile in of_split['train'] if tile.moments.valid]
    if not train:
        raise DataError('no tile with a valid pixel is left for training: give other ratios, areas or a smaller --tile')
    count = sum(part.valid for part in train)
    mean = np.sum([part.sums for part in train], axis=0) / count
    deviation = np.sqrt(np.maximum(np.sum([part.squares for part in train], axis=0) / count - mean**2, 0))
    counted = {
        split: {
            'tiles': len(some),
            'pixels': dict(
                zip(described.classes.names, np.sum([tile.pixels for tile in some], axis=0).tolist(), strict=True)
            ),
            'ignored': sum(tile.ignored for tile in some),
        }
        for split, some in of_split.items()
        if some
    }
    return replace(
        described,
        mean=tuple(mean.round(DECIMALS).tolist()),
        # A band that is the same everywhere would be divided by 0.
        std=tuple(np.where(deviation > 0, deviation, 1.0).round(DECIMALS).clip(10**-DECIMALS).tolist()),
        record={'splits': counted, **described.record},
    )


def shares_table(described: DataDescription) -> Table:
    """Return for the screen, of each split, its tiles, pixels that count, and their shares by class."""
    table = Table(box=box.SIMPLE)
    table.add_column('split')
    for name in ('tiles', 'pixels', *(f'{name} %' for name in described.classes.names), 'ignored %'):
        table.add_column(Text(name), justify='right')  # as Text, because names may hold square brackets
    for split, said in described.record['splits'].items():
        pixels = list(said['pixels'].values())
        valid, everything = sum(pixels), sum(pixels) + said['ignored']
        shares = [f'{100 * count / valid:.2f}' if valid else '-' for count in pixels]
        table.add_row(
            split, f'{said["tiles"]:,}', f'{valid:,}', *shares, f'{100 * said["ignored"] / max(everything, 1):.2f}'
        )
    return table


def absent_classes(described: DataDescription) -> list[str]:
    """Return a line for each class without a pixel in a split that has tiles."""
    return [
        f'class {name} has no pixel in {split}'
        for split, said in described.record['splits'].items()
        for name, count in said['pixels'].items()
        if not count
    ]


def next_commands(out: Path, bands: Sequence[str]) -> str:
    """Return the two commands that come next, as they are typed; neither needs a file that is not in the package.

    Args:
        out: the data root.
        bands: of its images; a network of the zoo can go on with those that it was trained on only.
    """
    config = 'configs/tiles/fcn_hr18s-v1.py'
    root = f'"{out}"' if ' ' in str(out) else out
    start = '--cfg-options load_from=zoo://green' if tuple(bands) == RGB else '--pretrained none'
    return (
        f'python tools/check_dataset.py {config} --data-root {root}\n'
        f'python tools/train.py {config} --data-root {root} {start}'
    )
