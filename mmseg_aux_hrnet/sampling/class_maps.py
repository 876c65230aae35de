"""Class maps as files of class indices: label maps of tools/test.py, and georeferenced ones, which are read by rows."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.datasets.georeference import GEOTIFF_TAGS, NODATA_TAG, tiff_header
from mmseg_aux_hrnet.datasets.label_rules import LabelRule, decode_grey
from mmseg_aux_hrnet.datasets.tiles import read_label, refuse_masks_as_index
from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError, counted

SUFFIXES = ('.png', '.tif', '.tiff', '.bmp')
OUTSIDE = 255  # pixels that belong to no class and to no area
WIDTH_TAG, HEIGHT_TAG = 256, 257
LARGEST = 178_956_970  # pixels that Pillow opens
STRIP = 2**24  # pixels, about: what is read of a georeferenced map at a time

OnMap = Callable[[int], None]


def parse_classes(text: str) -> tuple[str, ...]:
    """Return the names of a comma-separated list, in the order of the indices 0, 1, ...

    Raises:
        ConfigError: fewer than two names, more than 255, an empty one, or one twice.
    """
    names = tuple(name.strip() for name in text.split(','))
    if not 2 <= len(names) <= OUTSIDE or '' in names or len(set(names)) != len(names):
        raise ConfigError(
            f'--classes {text!r}: name each class of the map once, separated by commas, in the order of their '
            'indices, '
            'such as background,green'
        )
    return names


def find_maps(path: str | Path) -> list[Path]:
    """Return the map file, or all of a folder and the folders in it, sorted by name.

    Raises:
        DataError: there is no such file or folder, or no map in it.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f'{path} does not exist: give a class map or a folder of them')
    # Sorted, because the same seed must draw the same points on every system.
    files = sorted(file for file in path.rglob('*') if file.suffix.lower() in SUFFIXES and file.is_file())
    names = set(own_maps([str(file.with_suffix('')) for file in files]))
    maps = [file for file in files if str(file.with_suffix('')) in names]
    if not maps:
        raise DataError(
            f'{path} holds no class map: give a file or a folder of {", ".join(SUFFIXES)} with class indices, such as '
            'tools/test.py --out writes'
        )
    return maps


def own_maps(names: Sequence[str]) -> list[str]:
    """Return the names without suffix, not the probabilities that tools/predict_raster.py writes beside a map."""
    beside = {f'{name.removesuffix("_classes")}_prob' for name in names if name.endswith('_classes')}
    return [name for name in names if name not in beside]


def has_tag(path: str | Path, tags: Sequence[int]) -> bool:
    """Say whether a file is a TIFF with one of these tags, or too large for Pillow."""
    header = tiff_header(path)
    if header is None:
        return False
    pixels = int(header.tags.get(WIDTH_TAG, 0)) * int(header.tags.get(HEIGHT_TAG, 0))
    return pixels > LARGEST or any(tag in header.tags for tag in tags)


def map_rows(path: Path, rule: LabelRule) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the classes of a map from top to bottom: the first row, from 0, and uint8 (rows, W).

    Pixels of a georeferenced map that hold no data, by its nodata value or its mask, are of the rule's ignored value.

    Raises:
        StackError: the map is georeferenced, and the extra ``geo`` is not installed.
        DataError: the map cannot be read as a raster, or its nodata value is a class.
        LabelError: the file is missing, damaged, no 8-bit index map, or has another value.
    """
    if rule.label_format != 'index' or not has_tag(path, GEOTIFF_TAGS):
        yield 0, read_label(path, rule)
        return
    # Late: the extra may be missing, and what is imported first then names it.
    from mmseg_aux_hrnet.raster.dataset import open_dataset, reading_rows  # isort: skip
    from rasterio.windows import Window

    with open_dataset(path) as dataset:
        if dataset.count != 1 or dataset.dtypes[0] != 'uint8' or dataset.scales[0] != 1:
            kind = 'scaled values' if dataset.scales[0] != 1 else dataset.dtypes[0]
            raise LabelError(
                f'{path} is not a class map: it has {counted(dataset.count, "band")} of {kind}, and a class map '
                'has one of uint8, with a class index in each pixel'
            )
        block = dataset.block_shapes[0][0]
        step = max(STRIP // dataset.width // block, 1) * block  # whole blocks, so that none is decompressed twice
        for top in range(0, dataset.height, step):
            window = Window(0, top, dataset.width, min(step, dataset.height - top))
            with reading_rows(path, window):
                values: NDArray[np.uint8] = dataset.read(1, window=window)
                valid = dataset.read_masks(1, window=window) > 0
            if (
                rule.class_of.get(dataset.nodata, -1) in range(rule.num_classes)
                and (values[~valid] == dataset.nodata).any()
            ):
                raise DataError(
                    f'{path} says that value {dataset.nodata:g} is no data, and it is a class too: if it is the '
                    'class, run gdal_edit.py -unsetnodata'
                )
            try:
                classes = decode_grey(np.where(valid, values, np.uint8(next(iter(rule.class_of)))), rule)
            except LabelError as error:
                raise LabelError(f'{path}, from row {top} on: {error}') from error
            yield top, np.where(valid, classes, np.uint8(rule.ignore_index))


def read_class_map(path: str | Path, rule: LabelRule) -> NDArray[np.uint8]:
    """Return the classes of a whole map, see :func:`map_rows`."""
    return np.concatenate([rows for _, rows in map_rows(Path(path), rule)])


def place_of(path: Path) -> tuple[Any, str] | None:
    """Return the transform of (column, row) to coordinates and the reference system; None where a map has no place."""
    if not has_tag(path, GEOTIFF_TAGS):
        return None
    from mmseg_aux_hrnet.raster.dataset import open_dataset

    with open_dataset(path) as dataset:
        known = dataset.crs is not None and not dataset.transform.is_identity
        return (dataset.transform, dataset.crs.to_string()) if known else None


def class_rows(path: Path, *, classes: Sequence[str]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the classes of a map as :func:`map_rows` does, 255 where there is none.

    Raises:
        LabelError: the file is missing, damaged, no 8-bit index map, or has another value.
    """
    try:
        yield from map_rows(path, _rule(classes))
    except LabelError as error:
        raise LabelError(f'{error}; maps must hold class indices here, and --classes a name for each') from error


def count_pixels(maps: Sequence[Path], *, classes: Sequence[str], on_map: OnMap) -> NDArray[np.int64]:
    """Return the pixels of every class on every map, int64 (maps, C).

    Args:
        maps: the files.
        classes: names of the C classes.
        on_map: called with the number of maps done.

    Raises:
        DataError: no pixel of any map has a class.
        LabelError: a map cannot be read, or all look like masks of 0 and 255.
    """
    counts = np.zeros((len(maps), len(classes)), np.int64)
    for index, path in enumerate(maps):
        for _, rows in class_rows(path, classes=classes):
            counts[index] += np.bincount(rows.ravel(), minlength=OUTSIDE + 1)[: len(classes)]
        on_map(index + 1)
    # After all maps are read: a single one of 0 and 255 may well be a map of class 0 with a border outside.
    if not counts[:, 1:].any():
        refuse_masks(maps, _rule(classes))
    if not counts.any():
        raise DataError(f'{maps[0]} and the other maps hold no pixel of a class, only {OUTSIDE}: nothing has an area')
    return counts


def refuse_masks(maps: Sequence[Path], rule: LabelRule) -> None:
    """Raise where maps look like masks of 0 and 255; those that name a nodata value are not looked at.

    Raises:
        LabelError: see :func:`~mmseg_aux_hrnet.datasets.tiles.refuse_masks_as_index`.
    """
    unnamed = [str(path) for path in maps if not has_tag(path, [NODATA_TAG])]
    refuse_masks_as_index(unnamed, rule, read=read_class_map)


def _rule(classes: Sequence[str]) -> LabelRule:
    # Of greys: a palette of class numbers is what a program that makes PNG files smaller leaves.
    return LabelRule('index', tuple((value, value, value) for value in range(len(classes))), ignore_index=OUTSIDE)
