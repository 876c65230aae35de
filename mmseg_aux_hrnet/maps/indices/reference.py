"""The reference of an index: class maps and label files, as vegetation or not on the grid of each raster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.datasets.label_rules import LabelRule
from mmseg_aux_hrnet.datasets.tiles import read_label
from mmseg_aux_hrnet.errors import ConfigError, DataError, counted
from mmseg_aux_hrnet.files.address import Address
from mmseg_aux_hrnet.maps.class_map.aligning import AlignedMap
from mmseg_aux_hrnet.maps.class_map.geotiff import Grid
from mmseg_aux_hrnet.maps.class_map.reading import open_class_map
from mmseg_aux_hrnet.maps.legend import NODATA
from mmseg_aux_hrnet.raster.dataset import is_placed, open_dataset

Read = Callable[[Window], NDArray[np.uint8]]
LabelFormat = Literal['index', 'binary']
SUFFIXES = ('.tif', '.tiff', '.png', '.bmp')
OTHER, VEGETATION, UNKNOWN = 0, 1, 2  # what a pixel of a reference is


class Reference(NamedTuple):
    """Class maps and labels, one for each raster or one for all.

    Attributes:
        files: of each raster.
        classes: names of the values 0, 1, ... of files that do not say them.
        vegetation: the names of those that are vegetation; None for the class of interest.
        label_format: ``binary`` for label files of 0 and 255.
    """

    files: dict[Path, Path]
    classes: tuple[str, ...] | None
    vegetation: tuple[str, ...] | None
    label_format: LabelFormat = 'index'

    @contextmanager
    def open(self, raster: Path, grid: Grid) -> Iterator[tuple[Read, str, str | None]]:
        """Open the reference of a raster.

        Returns:
            What reads a window of the raster as ``OTHER``, ``VEGETATION`` or ``UNKNOWN``, uint8 (H, W); the name of the
            vegetation; and a note where the reference lies on another grid.

        Raises:
            ConfigError: the classes are not known, or none is named as vegetation.
            DataError: the file cannot be read, or does not lie where the raster does.
        """
        file = self.files[raster]
        if _is_plain(file):
            legend = self._legend_of_labels(file)
            table, name = self._table(file, legend)
            classes = self._read_label(file, legend, grid)
            yield lambda window: table[classes[window.toslices()]], name, None
            return
        with open_class_map(file, classes=self.classes) as class_map:
            table, name = self._table(file, class_map.legend)
            aligned = AlignedMap(class_map, grid)
            yield lambda window: table[aligned.read(window)], name, aligned.note

    def _legend_of_labels(self, file: Path) -> Classes:
        if self.classes is None:
            raise ConfigError(f'{file} does not say what its values stand for: give --classes NAME,NAME,...')
        return Classes(self.classes)

    def _read_label(self, file: Path, legend: Classes, grid: Grid) -> NDArray[np.uint8]:
        # Of greys: a palette of class numbers is what a program that makes PNG files smaller leaves.
        rule = LabelRule(self.label_format, tuple((value, value, value) for value in range(len(legend.names))))
        classes = read_label(file, rule)
        if classes.shape != (grid.height, grid.width):
            raise DataError(
                f'{file} has {classes.shape[0]} x {classes.shape[1]} pixels and no place, and its raster '
                f'{grid.height} x {grid.width}: a label must be as large as its raster'
            )
        return classes

    def _table(self, file: Path, legend: Classes) -> tuple[NDArray[np.uint8], str]:
        """Return what each value of a file is, uint8 (256,), and the name of the vegetation."""
        chosen = self.vegetation
        if chosen is None:
            interest = legend.of_interest if legend.of_interest is not None else len(legend.names) - 1
            if legend.of_interest is None and len(legend.names) != 2:
                raise ConfigError(
                    f'{file} has the classes {", ".join(legend.names)}: name the vegetation with --class NAME,NAME'
                )
            chosen = (legend.names[interest],)
        unknown = [name for name in chosen if name not in legend.names]
        if unknown:
            raise ConfigError(f'--class: {file} has no class {unknown[0]!r}, it has {", ".join(legend.names)}')
        table = np.full(256, UNKNOWN, np.uint8)
        table[: len(legend.names)] = OTHER
        table[[legend.names.index(name) for name in chosen]] = VEGETATION
        table[NODATA] = UNKNOWN
        return table, '+'.join(chosen)


def find_references(rasters: Sequence[Path], given: Path) -> dict[Path, Path]:
    """Return the reference file of each raster.

    Args:
        rasters: the files.
        given: a file for all, or a folder in which, or in folders below, ``NAME.png``, ``NAME.tif`` or
            ``NAME_classes.tif`` is for each.

    Raises:
        DataError: there is none for a raster, or a file without a place is given for several.
    """
    if not given.is_dir():
        if not (isinstance(given, Address) or given.exists()):
            raise DataError(f'{given} does not exist: name a class map, a label file, or a folder of them')
        if len(rasters) > 1 and _is_plain(given):
            raise DataError(
                f'{given} does not say where it lies, so it can be the reference of one raster, not of '
                f'{len(rasters)}: give a folder with a file for each'
            )
        return dict.fromkeys(rasters, given)
    present: dict[str, list[Path]] = {}
    for file in sorted(given.rglob('*')):
        present.setdefault(file.name, []).append(file)
    found: dict[Path, Path | None] = {}
    for raster in rasters:
        names = [f'{raster.stem}{end}{suffix}' for suffix in SUFFIXES for end in ('', '_classes')]
        files = [file for name in names for file in present.get(name, ()) if file.resolve() != raster.resolve()]
        if len(files) > 1:
            raise DataError(f'{files[0]} and {files[1]} are both for {raster.name}: keep one of them')
        found[raster] = files[0] if files else None
    missing = [raster for raster, file in found.items() if file is None]
    if missing:
        raise DataError(
            f'{given} has no reference for {len(missing)} of {counted(len(rasters), "raster")}, such as '
            f'{missing[0].name}: it '
            f'would be {missing[0].stem}.png, {missing[0].stem}.tif or {missing[0].stem}_classes.tif'
        )
    return {raster: file for raster, file in found.items() if file is not None}


def _is_plain(file: Path) -> bool:
    """Return whether a file is a picture of labels without a place, which the readers of data sets know best."""
    if file.suffix.lower() not in ('.png', '.bmp'):
        return False
    with open_dataset(file) as dataset:
        return not is_placed(dataset)
