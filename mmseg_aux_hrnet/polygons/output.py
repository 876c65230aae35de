"""Writes polygons batch by batch into a file that gets its name when it is whole."""

import os
import shutil
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import pyogrio
import shapely
from pyproj import CRS

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.polygons.features import Features
from mmseg_aux_hrnet.polygons.geojson import write_geojson
from mmseg_aux_hrnet.polygons.parquet import write_parquet
from mmseg_aux_hrnet.raster.companions import remove_companions

Write = Callable[[Features], None]
FAILURES = (
    OSError,
    sqlite3.Error,  # of the holes to fill
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.GeometryError,
)


class Opener(Protocol):
    """Opens a file of a format and gives the function that writes batches to it."""

    def __call__(self, path: Path, crs: CRS | None) -> AbstractContextManager[Write]:
        """Open ``path``; the file is whole when the context ends."""


class _Gdal(NamedTuple):
    driver: str
    options: dict[str, str]

    @contextmanager
    def __call__(self, path: Path, crs: CRS | None) -> Iterator[Write]:
        batches = count = 0

        def write(features: Features) -> None:
            nonlocal batches, count
            with warnings.catch_warnings(), _reopening(batches > 0):
                warnings.filterwarnings('ignore', "'crs' was not provided")  # the summary says so
                pyogrio.raw.write(
                    path,
                    geometry=shapely.to_wkb(features.polygons),
                    fields=list(features.columns),
                    field_data=list(features.columns.values()),
                    driver=self.driver,
                    crs=None if crs is None else crs.to_wkt(),
                    geometry_type='Polygon',
                    encoding='utf-8' if self.driver == 'ESRI Shapefile' else None,
                    append=batches > 0,
                    layer_options=self.options if not batches else None,
                )
            batches, count = batches + 1, count + len(features.polygons)

        yield write
        with _reopening(True):
            held = pyogrio.read_info(path, force_feature_count=True)['features']
        if held != count:  # GDAL does not raise for what it writes as it closes a file
            raise OSError(f'it holds {held} of {count} polygons')


@contextmanager
def _reopening(begun: bool) -> Iterator[None]:
    """Say what it means when GDAL does not know the format of the file that it has begun."""
    try:
        yield
    except pyogrio.errors.DataSourceError as error:
        if not begun:
            raise
        raise OSError('what was written of it so far is damaged') from error


FORMATS: dict[str, Opener] = {
    '.gpkg': _Gdal('GPKG', {}),
    '.geojson': write_geojson,
    '.parquet': write_parquet,
    '.shp': _Gdal('ESRI Shapefile', {'2GB_LIMIT': 'YES'}),  # larger ones cannot be read everywhere
}


@contextmanager
def open_output(out: Path, crs: CRS | None) -> Iterator[Write]:
    """Give the function that writes batches of features; the first, maybe empty, says the columns.

    Raises:
        DataError: the file cannot be written; what was there is as before.
    """
    folder = out.parent / f'.{out.name}.{os.getpid()}.part'
    try:
        folder.mkdir(parents=True)
        with FORMATS[out.suffix.lower()](folder / out.name, crs) as write:
            yield write
        _move(folder, out)
    except FAILURES as error:
        reason = getattr(error, 'strerror', None) or ' '.join(str(error).split())
        raise DataError(f'{out} cannot be written ({reason}): choose a folder that is writable and has room') from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(folder: Path, out: Path) -> None:
    """Move the files of a folder to their place, the one that is opened last and the old one of it away first."""
    remove_companions(out)
    for path in sorted(folder.iterdir(), key=lambda path: path.name == out.name):
        os.replace(path, out.parent / path.name)
