"""Where a class map lies and how large its pixels are, as far as polygons need it."""

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from pyproj import CRS

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.maps.class_map.reading import ClassMap
from mmseg_aux_hrnet.maps.ground import Ground
from mmseg_aux_hrnet.maps.polygonize.request import PolygonRequest
from mmseg_aux_hrnet.maps.polygonize.strips import Floats

SQUARE = 1e-3  # by how much the sides of a pixel may differ, as a share, and its angle from a right one
SQUARING_PIXELS = 2.0  # how far outlines move when buildings are squared, unless --simplify says it
UNPLACED = Affine(1, 0, 0, 0, -1, 0)  # pixels, y upwards: where QGIS shows a raster that has no place


@dataclass(frozen=True)
class MapScale:
    """Where a map lies and how large its pixels are.

    Attributes:
        crs: None where the map has none.
        transform: from pixels to it.
        ground: None where the size of a pixel is not known.
        shape: (height, width) of the map.
        note: why it is not known; None where it is.
    """

    crs: CRS | None
    transform: Affine
    ground: Ground | None
    shape: tuple[int, int]
    note: str | None = None

    def place(self, points: Floats) -> Floats:
        """Return points (column, row) in the reference system, float64 (n, 2)."""
        a, b, c, d, e, f = tuple(self.transform)[:6]
        return np.asarray(points @ np.array([[a, d], [b, e]]) + (c, f))

    def pixel_area(self, places: Floats) -> Floats:
        """Return square metres of a pixel at places (column, row), float64 (n, 2) -> (n,)."""
        assert self.ground is not None  # map_scale has refused options in metres
        x, y = self.place(places).T
        return np.asarray(self.ground.unit_areas(x, y) * abs(self.transform.determinant))

    def squaring_tolerance(self, request: PolygonRequest) -> float:
        """Return by how many pixels outlines may move when buildings are squared."""
        if not request.simplify:
            return SQUARING_PIXELS
        height, width = self.shape
        (area,) = self.pixel_area(np.array([[width / 2, height / 2]])).tolist()
        return request.simplify / math.sqrt(area)


def map_scale(class_map: ClassMap, request: PolygonRequest) -> MapScale:
    """Return the scale of a map, and refuse what a request needs and the map does not say.

    Raises:
        DataError: the request needs metres, and the map has no reference system, or one without known areas.
        ConfigError: buildings cannot be squared on pixels that are not square.
    """
    shape, transform = (class_map.height, class_map.width), class_map.transform
    crs = None
    try:
        crs = class_map.crs()
        ground = class_map.ground(crs)
    except DataError as error:
        if request.min_area or request.fill_holes or request.simplify or request.square:  # all of these are in metres
            raise
        # A reference system without known areas is kept: it still says where the polygons lie.
        return MapScale(crs, transform if class_map.placed else UNPLACED, None, shape, note=str(error))
    a, b, _, d, e, _ = tuple(transform)[:6]
    along, across = math.hypot(a, d), math.hypot(b, e)
    skewed = abs(along - across) >= SQUARE * along or abs(a * b + d * e) >= SQUARE * along * across
    if request.square and (skewed or not crs.is_projected):
        raise ConfigError(
            f'{class_map.path}: --square needs square pixels of a projected reference system, and these are '
            f'{transform.a:g} by {transform.e:g} of {crs.name}: reproject the map first'
        )
    return MapScale(crs, transform, ground, shape)
