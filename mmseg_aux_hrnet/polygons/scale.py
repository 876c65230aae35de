"""How large the pixels of a class map are on the ground, where its reference system says so."""

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from pyproj import CRS

from mmseg_aux_hrnet.areas.class_map import ClassMap
from mmseg_aux_hrnet.areas.ground import Ground
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.polygons.features import place
from mmseg_aux_hrnet.polygons.request import PolygonRequest
from mmseg_aux_hrnet.polygons.tracing import Floats

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
        note: why it is not; None where it is.
    """

    crs: CRS | None
    transform: Affine
    ground: Ground | None
    shape: tuple[int, int]
    note: str | None = None

    @property
    def known(self) -> bool:
        """Whether the size of a pixel is known."""
        return self.ground is not None

    def pixel_area(self, places: Floats) -> Floats:
        """Return square metres of a pixel at places (column, row), float64 (n, 2) -> (n,)."""
        assert self.ground is not None  # whoever needs metres was refused by map_scale
        x, y = place(places, self.transform).T
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
        if request.needs_metres:
            raise
        return MapScale(crs, UNPLACED if transform.is_identity else transform, None, shape, note=str(error))
    if request.square and not (crs.is_projected and _square_pixels(transform)):
        raise ConfigError(
            f'{class_map.path}: --square needs square pixels of a projected reference system, and these are '
            f'{transform.a:g} by {transform.e:g} of {crs.name}: reproject the map first'
        )
    return MapScale(crs, transform, ground, shape)


def _square_pixels(transform: Affine) -> bool:
    a, b, _, d, e, _ = tuple(transform)[:6]
    along, across = np.hypot(a, d), np.hypot(b, e)
    return bool(abs(along - across) < SQUARE * along and abs(a * b + d * e) < SQUARE * along * across)
