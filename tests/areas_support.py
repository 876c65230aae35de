"""Writes small class maps and zones for tests of areas."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import rasterio
import shapely
from raster_support import UTM, write_raster

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.maps.class_map.uncertainty import uncertainty_layer
from mmseg_aux_hrnet.maps.legend import NODATA, legend_tags

NAMES = ('other', 'green')
COLOURS = ((0, 0, 0), (128, 0, 0))
LEFT, TOP = 500_000, 5_800_000  # of raster_support.METRE


def write_map(path: Path, values: np.ndarray, *, names: Sequence[str] = NAMES, **options: Any) -> Path:
    """Write a class map with the tags of its legend; 1 m pixels in UTM unless ``options`` say otherwise."""
    tags = legend_tags(Classes(tuple(names))) if names else {}
    write_raster(path, values.astype(np.uint8), **{'nodata': NODATA, 'tags': tags, **options})
    if len(names) == len(COLOURS):
        with rasterio.open(path, 'r+') as raster:
            raster.write_colormap(1, dict(enumerate(COLOURS)))
    return path


def draw_classes(size: tuple[int, int], *, classes: int = 2, seed: int = 0, nodata: float = 0.0) -> np.ndarray:
    """Return seeded class indices with a share of NODATA, uint8."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, classes, size).astype(np.uint8)
    values[rng.random(size) < nodata] = NODATA
    return values


def write_zones(
    path: Path,
    polygons: Sequence[Any],
    *,
    crs: str | None = UTM,
    layer: str | None = None,
    encoding: str | None = None,
    **fields: Sequence[Any],
) -> Path:
    """Write polygons, each with a value of every field; dtype object for text."""
    wide = [np.array(values, object if isinstance(values[0], str | None) else None) for values in fields.values()]
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array(polygons, object)),
        fields=list(fields),
        field_data=wide,
        crs=crs,
        layer=layer,
        encoding=encoding,
        geometry_type='Unknown',
        append=path.exists() and layer is not None,
    )
    return path


def square(left: float, down: float, size: float) -> shapely.Polygon:
    """Return a square in UTM whose upper left corner is that many metres right of and below that of the map."""
    return shapely.box(LEFT + left, TOP - down - size, LEFT + left + size, TOP - down)


def write_uncertainty(path: Path, values: np.ndarray, *, tags: dict[str, str] | None = None, **options: Any) -> Path:
    """Write an uncertainty map of values 0..254 and 255 without data, on the grid of ``write_map``."""
    layer = uncertainty_layer('1 - margin', tags or {})
    return write_raster(path, values.astype(np.uint8), **{'nodata': layer.nodata, 'tags': layer.tags, **options})
