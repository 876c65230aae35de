"""Class rasters as labels: laid over the tiles by their georeference, whatever their grid, nearest pixel."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS as VectorCRS
from pyproj import Transformer
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.labelling.class_rules import ClassRules, value_text
from mmseg_aux_hrnet.labelling.tile_grid import TileGrid
from mmseg_aux_hrnet.labelling.writing import IGNORED
from mmseg_aux_hrnet.raster.dataset import open_dataset, reading_rows

OPTION = '--label-values'
BLOCK = 2048  # pixels of a side
# Pixels: a centre that falls on the edge of a pixel of the label goes to the one after it, whatever rounding says.
EDGE = 1e-6
Labels = NDArray[np.uint8]


class LabelRaster:
    """A raster of one band whose values are classes, open for one thread.

    Args:
        path: its file.
        dataset: the same, open in rasterio.
        rules: what its values mean.

    Raises:
        DataError: it has several bands, no reference system, or values that are not whole numbers.
    """

    def __init__(self, path: Path, dataset: Any, rules: ClassRules) -> None:
        if dataset.count != 1:
            raise DataError(f'{path} has {dataset.count} bands, and a class raster has one: save the classes alone')
        if dataset.crs is None:
            raise DataError(f'{path} has no coordinate reference system: assign one, as gdal_edit.py -a_srs does')
        self.path = path
        self.crs = VectorCRS.from_wkt(dataset.crs.to_wkt())
        self.outline = TileGrid(
            dataset.crs, dataset.transform, dataset.height, dataset.width, (1.0, 1.0), (1.0, 1.0)
        ).outline()
        self._dataset = dataset
        self._rules = rules

    def count_values(self) -> Counter[str]:
        """Return how often each value is there; pixels without data do not count.

        Raises:
            DataError: values are of no class; lists them with their counts. Or the value that stands for no data is
                a class too, which would leave nothing of it.
        """
        found: Counter[str] = Counter()
        hidden = self._hidden_class()
        height, width = self._dataset.shape
        for top in range(0, height, BLOCK):
            for left in range(0, width, BLOCK):
                window = Window(left, top, min(BLOCK, width - left), min(BLOCK, height - top))
                values, valid = self._read(window)
                if hidden is not None and (values == self._dataset.nodata).any():
                    raise DataError(f'{self.path}: {hidden}')
                kinds, counts = np.unique(values[valid], return_counts=True)
                for value, count in zip(kinds.tolist(), counts.tolist(), strict=True):
                    found[value_text(value)] += count
        self._rules.refuse_unknown(found, where=str(self.path), option=OPTION)
        return found

    def _hidden_class(self) -> str | None:
        """Return what is wrong where the nodata value is a class; None where it is not."""
        if self._dataset.nodata is None:
            return None
        value = value_text(self._dataset.nodata)
        index = (self._rules.of_value or {}).get(value, IGNORED)
        if index == IGNORED:
            return None
        return (
            f'{value} is its nodata value and also the class {self._rules.classes.names[index]}: remove it with '
            f'gdal_edit.py -unsetnodata, or say {OPTION} {value}=ignore with the other values'
        )

    def paint(self, label: Labels, window: Window, grid: TileGrid) -> None:
        """Put classes into the pixels of a window of a grid whose centres lie on the raster and have data there."""
        rows, columns = np.indices(label.shape)
        centres = np.column_stack([columns.ravel(), rows.ravel()]) + 0.5
        x, y = through(centres, grid.moved(window))
        target = VectorCRS.from_wkt(grid.crs.to_wkt())
        if not self.crs.equals(target, ignore_axis_order=True):
            x, y = Transformer.from_crs(target, self.crs, always_xy=True).transform(x, y)
        own_x, own_y = through(np.column_stack([x, y]), ~self._dataset.transform)
        height, width = self._dataset.shape
        column, row = (np.floor(np.nan_to_num(axis, posinf=-1, neginf=-1) + EDGE) for axis in (own_x, own_y))
        there = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        if not there.any():
            return
        column, row = (axis[there].astype(np.int64) for axis in (column, row))
        left, top = int(column.min()), int(row.min())
        part = Window(left, top, int(column.max()) - left + 1, int(row.max()) - top + 1)
        values, valid = self._read(part)
        chosen, seen = values[row - top, column - left], valid[row - top, column - left]
        places = np.flatnonzero(there)[seen]
        label.ravel()[places] = self._classes(chosen[seen])

    def _read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        with reading_rows(self.path, window):
            values = self._dataset.read(1, window=window)
            valid = self._dataset.read_masks(1, window=window) != 0
        if values.dtype.kind == 'f':
            valid &= ~np.isnan(values)
        if values.dtype.kind == 'f' and (values[valid] % 1 != 0).any():
            odd = float(values[valid][values[valid] % 1 != 0][0])
            raise DataError(f'{self.path} holds {odd:g}, and classes are whole numbers: save it as whole numbers')
        return values, valid

    def _classes(self, values: NDArray[Any]) -> Labels:
        kinds, places = np.unique(values, return_inverse=True)
        found = self._rules.look_up(kinds.tolist(), where=str(self.path), option=OPTION)
        return np.array(found, np.uint8)[places.ravel()]


def through(points: NDArray[np.float64], transform: Affine) -> NDArray[np.float64]:
    """Return x and y of points, (2, N), of their columns and rows, (N, 2), by a transform."""
    a, b, c, d, e, f = tuple(transform)[:6]
    return np.asarray(np.array([[a, b], [d, e]]) @ points.T + np.array([[c], [f]]))


@contextmanager
def open_label_raster(path: Path, rules: ClassRules) -> Iterator[LabelRaster]:
    """Open a class raster for reading in one thread.

    Raises:
        RasterError: it cannot be read.
        DataError: see :class:`LabelRaster`.
    """
    with open_dataset(path) as dataset:
        yield LabelRaster(path, dataset, rules)


def paint_rasters(rasters: Sequence[LabelRaster], window: Window, grid: TileGrid) -> Labels:
    """Return the classes of a window, uint8 (H, W), later rasters over earlier; ``IGNORED`` where none has data."""
    label = np.full((window.height, window.width), IGNORED, np.uint8)
    for each in rasters:
        each.paint(label, window, grid)
    return label
