"""Writes polygons as GeoJSON: longitude and latitude of WGS 84, as RFC 7946 demands."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.polygons.features import Features

DIGITS = 9  # a tenth of a millimetre: fewer could move a vertex over the outline of a neighbour
WGS84 = 'OGC:CRS84'


@contextmanager
def write_geojson(path: Path, crs: CRS | None) -> Iterator[Callable[[Features], None]]:
    """Give a function that writes batches of features into a collection.

    Raises:
        DataError: there is no reference system, or it does not reach to longitudes and latitudes there.
    """
    if crs is None:
        raise DataError(
            'GeoJSON holds longitudes and latitudes, and the map has no coordinate reference system: '
            'write .gpkg, .shp or .parquet'
        )
    try:
        to_degrees = Transformer.from_crs(crs, WGS84, always_xy=True)
    except ProjError as error:
        raise DataError(
            f'GeoJSON holds longitudes and latitudes, and the reference system {crs.name!r} of the map does not say '
            'where on the earth it is: write .gpkg, .shp or .parquet'
        ) from error
    with path.open('w', encoding='utf-8', newline='\n') as file:
        file.write('{"type": "FeatureCollection", "features": [')
        separator = '\n'

        def write(features: Features) -> None:
            nonlocal separator
            placed = shapely.transform(features.polygons, lambda points: _degrees(points, to_degrees))
            shapes = shapely.to_geojson(shapely.orient_polygons(placed))
            columns = [column.tolist() for column in features.columns.values()]
            for shape, *values in zip(shapes, *columns, strict=True):
                attributes = json.dumps(dict(zip(features.columns, values, strict=True)), ensure_ascii=False)
                file.write(f'{separator}{{"type": "Feature", "properties": {attributes}, "geometry": {shape}}}')
                separator = ',\n'

        yield write
        file.write('\n]}\n')


def _degrees(points: NDArray[np.float64], to_degrees: Transformer) -> NDArray[np.float64]:
    degrees = np.stack(to_degrees.transform(points[:, 0], points[:, 1]), axis=1)
    if not np.isfinite(degrees).all():
        raise DataError(
            'the map reaches beyond the part of the earth that its reference system describes, so its polygons have no '
            'longitudes and latitudes: write .gpkg'
        )
    return np.asarray(degrees.round(DIGITS))
