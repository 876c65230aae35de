"""The pixels of a raster that lie inside an area of interest."""

import math
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS as VectorCRS
from rasterio.crs import CRS
from rasterio.features import rasterize
from rasterio.transform import xy
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from mmseg_aux_hrnet.errors import DataError, OutsideAreaError
from mmseg_aux_hrnet.maps.options import warn_once
from mmseg_aux_hrnet.maps.vector.polygon_file import read_polygons
from mmseg_aux_hrnet.maps.vector.polygons import Geometries, reproject_near

SIDE = 1024  # pixels, of the windows that are searched for a pixel inside
MARGIN = 1  # pixels around a window in which polygons keep their course


class AreaOfInterest:
    """Polygons in the coordinates of a raster.

    Args:
        polygons: valid, each of one part, shapely objects (polygons,).
    """

    def __init__(self, polygons: Geometries) -> None:
        shapely.prepare(polygons)
        self._polygons = polygons
        self._tree = shapely.STRtree(polygons)

    @classmethod
    def from_file(
        cls, path: str | Path, *, crs: CRS | None, transform: Affine, height: int, width: int
    ) -> 'AreaOfInterest':
        """Return the polygons of a vector file that touch a raster, reprojected to it.

        Args:
            path: file of any format that GDAL reads, with polygons in one layer.
            crs: of the raster.
            transform: of the raster, pixels to its coordinates.
            height: of the raster, in pixels.
            width: of the raster, in pixels.

        Raises:
            OutsideAreaError: no polygon touches the raster, or none contains the centre of a pixel.
            DataError: the file cannot be read, holds no polygons, or one of the two has no CRS.
        """
        polygons, vector_crs = read_polygons(Path(path))
        if crs is None:
            raise DataError(f'the raster has no coordinate reference system: {path} cannot be laid over it')
        footprint = _footprint(Window(0, 0, width, height), transform)
        if (raster_crs := VectorCRS.from_wkt(crs.to_wkt())) != vector_crs:
            moved, note = reproject_near(polygons, vector_crs, raster_crs, near=footprint)
            polygons = shapely.get_parts(moved)
            if note is not None:
                warn_once(f'{path}: {note}')
        touching = polygons[shapely.intersects(polygons, footprint)]
        if not touching.size:
            raise OutsideAreaError(f'no polygon of {path} touches the raster')
        area = cls(touching)
        if not any(area.mask(window, transform).any() for window in _windows_of(touching, transform, height, width)):
            raise OutsideAreaError(f'no polygon of {path} contains the centre of a pixel of the raster')
        return area

    def mask(self, window: Window, transform: Affine) -> NDArray[np.bool_]:
        """Return which pixels of a window have their centre inside, bool (H, W).

        Args:
            window: of the raster.
            transform: of the raster, pixels to its coordinates.
        """
        shape = (window.height, window.width)
        footprint = _footprint(window, transform, margin=MARGIN)
        near = self._polygons[self._tree.query(footprint, predicate='intersects')]
        if shapely.contains_properly(near, footprint).any():
            return np.ones(shape, bool)
        # A district's border is long, and all of it would be drawn for every window.
        clipped = shapely.clip_by_rect(near, *footprint.bounds)
        clipped = clipped[~shapely.is_empty(clipped)]
        if not clipped.size:
            return np.zeros(shape, bool)
        inside = rasterize(clipped, out_shape=shape, transform=window_transform(window, transform), dtype=np.uint8)
        return np.asarray(inside, bool)


def area_digest(path: Path) -> str:
    """Return the SHA-256 of the polygons of a vector file and of their reference system, however they are stored.

    Raises:
        DataError: as :func:`~mmseg_aux_hrnet.maps.vector.polygon_file.read_polygons`.
    """
    polygons, crs = read_polygons(path)
    return sha256(b''.join([crs.to_wkt().encode(), *shapely.to_wkb(polygons)])).hexdigest()


def _windows_of(polygons: Geometries, transform: Affine, height: int, width: int) -> Iterator[Window]:
    """Yield windows of bounded size that together cover all polygons as far as the raster reaches."""
    to_pixels = ~transform
    for left, bottom, right, top in shapely.bounds(polygons):
        cols, rows = to_pixels @ (np.array([left, left, right, right]), np.array([bottom, top, bottom, top]))
        first_row, last_row = np.clip((math.floor(rows.min()), math.ceil(rows.max())), 0, height)
        first_col, last_col = np.clip((math.floor(cols.min()), math.ceil(cols.max())), 0, width)
        for row in range(first_row, last_row, SIDE):
            for col in range(first_col, last_col, SIDE):
                yield Window(col, row, min(SIDE, last_col - col), min(SIDE, last_row - row))


def _footprint(window: Window, transform: Affine, *, margin: int = 0) -> shapely.Polygon:
    """Return the ground of a window, a rectangle of any direction, in map coordinates."""
    (top, bottom), (left, right) = window.toranges()
    rows = (top - margin, top - margin, bottom + margin, bottom + margin)
    cols = (left - margin, right + margin, right + margin, left - margin)
    return shapely.Polygon(np.column_stack(xy(transform, rows, cols, offset='ul')))
