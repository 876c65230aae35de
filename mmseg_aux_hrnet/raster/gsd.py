"""The size of a raster's pixels on the ground, in metres."""

import math
from typing import NamedTuple

from affine import Affine
from pyproj import CRS as ProjectedCRS
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.transform import xy

from mmseg_aux_hrnet.errors import DataError


class GroundSampling(NamedTuple):
    """Metres on the ground from one pixel to the next, at the raster's centre.

    Attributes:
        rows: from a pixel to the one below.
        columns: from a pixel to the one on its right.
    """

    rows: float
    columns: float


def ground_sampling(crs: CRS | None, transform: Affine, *, height: int, width: int) -> GroundSampling:
    """Return the ground sampling distance at the centre of a raster, measured on the ellipsoid.

    So it holds for any projection and unit: in Web Mercator it is the true distance, not that of the map.

    Args:
        crs: of the raster.
        transform: of the raster, pixels to its coordinates.
        height: in pixels.
        width: in pixels.

    Raises:
        DataError: the raster has no CRS, its CRS is not of the earth, or its coordinates are none of its CRS.
    """
    if crs is None:
        raise DataError('the raster has no coordinate reference system: the size of its pixels in metres is unknown')
    projected = ProjectedCRS.from_wkt(crs.to_wkt()).to_2d()
    geodetic, geod = projected.geodetic_crs, projected.get_geod()
    if geodetic is None or geod is None or projected.is_geocentric:
        raise DataError(f'the coordinate reference system {projected.name} is not one of maps: no metres in it')
    to_degrees = Transformer.from_crs(projected, geodetic.to_2d(), always_xy=True)
    row, col = height / 2, width / 2
    rows_of_ends, columns_of_ends = (row - 0.5, row + 0.5, row, row), (col, col, col - 0.5, col + 0.5)
    xs, ys = xy(transform, rows_of_ends, columns_of_ends, offset='ul')
    try:
        longitudes, latitudes = to_degrees.transform(xs, ys, errcheck=True)
        _, _, (rows, columns) = geod.inv(longitudes[::2], latitudes[::2], longitudes[1::2], latitudes[1::2])
    except ProjError:
        rows = columns = math.nan
    if not (math.isfinite(rows) and math.isfinite(columns) and rows > 0 and columns > 0):
        raise DataError(f'the centre of the raster, {xs[0]:g}, {ys[0]:g}, lies outside of {projected.name}')
    return GroundSampling(float(rows), float(columns))
