"""A class map as areas and pictures need it: whole blocks of class indices, checked against the legend."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.windows import Window

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import ConfigError, DataError, counted
from mmseg_aux_hrnet.files.address import as_path
from mmseg_aux_hrnet.maps.class_map.geotiff import Grid
from mmseg_aux_hrnet.maps.class_map.joined import colour_table, legend_of_sources, open_folder
from mmseg_aux_hrnet.maps.ground import Ground, measure_ground
from mmseg_aux_hrnet.maps.legend import NODATA, read_legend
from mmseg_aux_hrnet.raster.dataset import CLASSES_TAG, is_placed, open_dataset, reading_rows

Values = NDArray[np.uint8]
BLOCK = 1024  # pixels a side, about; a block of square metres in float64 is 8 MB


def file_blocks(dataset: Any) -> list[Window]:
    """Return windows that cover a raster once, row by row, along the blocks of its file.

    Args:
        dataset: open in rasterio.
    """
    height, width = dataset.shape
    # About BLOCK pixels in whole blocks of the file, so that none is decompressed twice.
    rows, columns = (
        min(size, max(BLOCK // side, 1) * side)
        for size, side in zip(dataset.shape, dataset.block_shapes[0], strict=True)
    )
    if columns == width:  # strips: flat and wide
        rows = min(rows, max(1, BLOCK**2 // columns))
    return [
        Window(column, row, min(columns, width - column), min(rows, height - row))
        for row in range(0, height, rows)
        for column in range(0, width, columns)
    ]


@contextmanager
def open_class_map(path: str | Path, *, classes: Sequence[str] | None = None) -> Iterator['ClassMap']:
    """Open a class map for reading.

    Args:
        path: one band of uint8 that holds class indices; a folder of such maps, or a VRT of them, is read as one.
        classes: their names, where the file does not say them.

    Raises:
        RasterError: the file cannot be read as a raster.
        DataError: it is not a class map.
        ConfigError: the names of the classes are not known, or of another number than the file's.
    """
    path = as_path(path)
    if path.is_dir():
        with open_folder(path, classes=classes) as (dataset, legend):
            yield ClassMap(path, dataset, classes=classes, legend=legend)
        return
    with open_dataset(path) as dataset:
        parts = dataset.driver == 'VRT' and CLASSES_TAG not in dataset.tags()
        yield ClassMap(
            path, dataset, classes=classes, legend=legend_of_sources(path, classes=classes) if parts else None
        )


class ClassMap:
    """A class map that is open.

    Args:
        path: its file.
        dataset: the same, open in rasterio.
        classes: names of its values 0, 1, ..., where the file does not say them.
        legend: its classes, where the files that it is made of say them; None for what it says itself.

    Raises:
        DataError: it is not a class map.
        ConfigError: the names of the classes are not known, or of another number than the file's.
    """

    def __init__(
        self, path: Path, dataset: Any, *, classes: Sequence[str] | None, legend: Classes | None = None
    ) -> None:
        if dataset.count != 1 or dataset.dtypes[0] != 'uint8':
            raise DataError(
                f'{path} is not a class map: it has {counted(dataset.count, "band")} of {dataset.dtypes[0]}, '
                'and a class map has one of uint8, with a class index in each pixel'
            )
        self.path = path
        self.height: int = dataset.height
        self.width: int = dataset.width
        self.transform = dataset.transform
        self.placed = is_placed(dataset)
        try:
            self.legend = legend or read_legend(dataset.tags(), colour_table(dataset), classes=classes)
        except ConfigError as error:
            raise ConfigError(f'{path}: {error}') from error
        self.tags: dict[str, str] = dataset.tags()
        self._dataset = dataset

    def grid(self) -> Grid:
        """Return where the map lies."""
        return Grid(self.height, self.width, self._dataset.crs, self.transform, placed=self.placed)

    def crs(self) -> CRS:
        """Return the reference system.

        Raises:
            DataError: the map has none, or no place in it.
        """
        if self._dataset.crs is None:
            raise DataError(
                f'{self.path} has no coordinate reference system, so the size of its pixels in metres is unknown and '
                'areas cannot be given: set it with gdal_edit.py -a_srs EPSG:NUMBER'
            )
        if self.transform.is_identity:
            raise DataError(
                f'{self.path} has a coordinate reference system but no place in it, so areas cannot be given: '
                'set it with gdal_edit.py -a_ullr LEFT TOP RIGHT BOTTOM'
            )
        return CRS.from_wkt(self._dataset.crs.to_wkt())

    def ground(self, crs: CRS) -> Ground:
        """Return how areas of the map are measured.

        Args:
            crs: its reference system.

        Raises:
            DataError: the reference system does not say where on the earth the map is, or does not reach there.
        """
        try:
            return measure_ground(crs, self.transform, shape=(self.height, self.width))
        except DataError as error:
            raise DataError(f'{self.path}: {error}') from error

    def blocks(self) -> list[Window]:
        """Return windows that cover the map once, row by row, along the blocks of the file."""
        return file_blocks(self._dataset)

    def read(self, window: Window, *, out_shape: tuple[int, int] | None = None) -> Values:
        """Return the class indices of a window, and ``NODATA`` where the map has none, uint8 (height, width).

        Args:
            window: inside the map.
            out_shape: (height, width) for fewer pixels, each one of the map's.

        Raises:
            RasterError: the file is damaged there.
            DataError: a value is neither a class nor nodata.
        """
        with reading_rows(self.path, window):
            values: Values = self._dataset.read(1, window=window, out_shape=out_shape)
            valid = self._dataset.read_masks(1, window=window, out_shape=out_shape) > 0
        known = len(self.legend.names)
        odd = values[valid & (values >= known)]
        if odd.size:
            advice = 'name all classes with --classes'
            if odd[0] == NODATA:
                advice = 'if it means no data, run gdal_edit.py -a_nodata 255'
            raise DataError(
                f'{self.path} has pixels of value {odd[0]}, and its classes are 0 to {known - 1} '
                f'({", ".join(self.legend.names)}): {advice}'
            )
        return np.where(valid, values, np.uint8(NODATA))
