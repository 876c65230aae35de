"""Adds up square metres by class and zone, block by block; pixels on the border of a zone count by the share inside."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.areas.class_map import ClassMap, Values
from mmseg_aux_hrnet.areas.ground import Ground
from mmseg_aux_hrnet.raster.legend import NODATA
from mmseg_aux_hrnet.raster.polygonal import Geometries, polygonal

Floats = NDArray[np.float64]
OnBlock = Callable[[int, int], None]


class Sums(NamedTuple):
    """Square metres of the classes and last of what has no data.

    Attributes:
        whole: of the whole map, float64 (classes + 1,).
        zones: in each zone, float64 (zones, classes + 1).
    """

    whole: Floats
    zones: Floats


def add_up(class_map: ClassMap, ground: Ground, zones: Geometries, *, on_block: OnBlock) -> Sums:
    """Return the areas on the whole map and in each zone.

    Args:
        class_map: open.
        ground: of the same map.
        zones: valid polygons or multipolygons, in pixels: x is the column and y the row downwards, times -1. They may
            overlap, and lie outside in part.
        on_block: is told how many blocks of how many are done.
    """
    size = len(class_map.legend.names) + 1
    sums = Sums(np.zeros(size), np.zeros((len(zones), size)))
    tree = shapely.STRtree(zones)
    shapely.prepare(zones)
    for values, areas, window in _blocks(class_map, ground, on_block):
        by_class = _by_class(values, areas, size=size)
        sums.whole[:] += by_class
        outline = _outline(window)
        near = tree.query(outline, predicate='intersects')
        inside = shapely.covers(zones[near], outline)
        sums.zones[near[inside]] += by_class
        raster = NumPyRasterSource(values, *outline.bounds)
        for zone in near[~inside]:
            part = polygonal(shapely.intersection(zones[[zone]], outline))[0]
            if not part.is_empty:
                sums.zones[zone] += _covered(raster, areas, part, size=size)
    unit = 1.0 if ground.common_area is None else ground.common_area
    return Sums(sums.whole * unit, sums.zones * unit)


def _blocks(class_map: ClassMap, ground: Ground, on_block: OnBlock) -> Iterator[tuple[Values, Floats, Window]]:
    """Yield of each block the indices, with the number of classes in place of ``NODATA``, and the areas of its pixels.

    Areas are in square metres or, where all pixels have the same, in pixels: so sums over many lose no digits.
    """
    classes = len(class_map.legend.names)
    windows = class_map.blocks()
    for done, window in enumerate(windows):
        on_block(done, len(windows))
        values = class_map.read(window)
        values[values == NODATA] = classes
        areas = ground.pixel_areas(window) if ground.common_area is None else np.ones(values.shape)
        yield values, areas, window
    on_block(len(windows), len(windows))


def _outline(window: Window) -> shapely.Polygon:
    (top, bottom), (left, right) = window.toranges()
    return shapely.box(left, -bottom, right, -top)


def _by_class(values: Values, areas: Floats, *, size: int) -> Floats:
    return np.asarray(np.bincount(values.ravel(), weights=areas.ravel(), minlength=size), np.float64)


def _covered(raster: NumPyRasterSource, areas: Floats, zone: shapely.Geometry, *, size: int) -> Floats:
    feature = {'type': 'Feature', 'geometry': shapely.geometry.mapping(zone), 'properties': {}}
    cells = exact_extract(raster, feature, ['values', 'coverage', 'cell_id'])[0]['properties']
    weights = cells['coverage'] * areas.ravel()[cells['cell_id']]
    return np.asarray(np.bincount(cells['values'], weights=weights, minlength=size), np.float64)
