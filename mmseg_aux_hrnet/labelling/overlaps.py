"""Rasters that show common ground: whether they have the same pixels there."""

from collections.abc import Sequence

import numpy as np
import shapely
from pyproj import CRS
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError, RasterError
from mmseg_aux_hrnet.labelling.imagery import Imagery, open_imagery
from mmseg_aux_hrnet.labelling.request import TileRequest
from mmseg_aux_hrnet.labelling.survey import Raster

COMPARED = 128  # pixels, the side of the places where overlapping rasters are compared
SLIVER = 2.0  # pixels: rasters that overlap by less have a seam
SAME_GRID = 2e-3  # pixels


def overlap_notes(rasters: Sequence[Raster], request: TileRequest) -> list[str]:
    """Return a note for rasters that show common ground.

    Raises:
        ConfigError: their pixels there are not the same, and nobody said that this is meant.
    """
    outlines = [
        raster.plane.place(np.array([raster.grid.outline()], object), CRS.from_wkt(raster.grid.crs.to_wkt()))[0]
        for raster in rasters
    ]
    grounds = np.array(outlines, object)
    first, second = shapely.STRtree(grounds).query(grounds, predicate='intersects')
    notes = []
    for one, other in sorted((int(a), int(b)) for a, b in zip(first, second, strict=True) if a < b):
        common = shapely.intersection(grounds[one], grounds[other])
        pair = rasters[one], rasters[other]
        if common.area < SLIVER * max(pair[0].grid.metres) * common.length / 2:
            continue
        same = same_pixels(pair, request)
        what = f'{pair[0].path} and {pair[1].path} show the same ground ({common.area:,.0f} m²)'
        if same is False and request.overlaps != 'keep':
            raise ConfigError(
                f'{what} with other pixels, and labels usually fit only one of them: leave one out, or use both '
                'with --overlaps keep'
            )
        if same is not None:
            notes.append(f'{what}{"" if same else " with other pixels"}: both have tiles of it, always in one split')
    return notes


def same_pixels(pair: tuple[Raster, Raster], request: TileRequest) -> bool | None:
    """Return whether two rasters have the same valid pixels on common ground, as far as samples show.

    None where not both have valid ones. Those that are not on one grid have other pixels.
    """
    one, other = pair
    shift = ~one.grid.transform @ other.grid.transform
    right, down = round(shift.c), round(shift.f)
    parts = (shift.a - 1, shift.b, shift.d, shift.e - 1, shift.c - right, shift.f - down)
    if one.grid.crs != other.grid.crs or np.abs(parts).max() > SAME_GRID:
        return False
    rows = max(0, down), min(one.grid.height, down + other.grid.height)
    columns = max(0, right), min(one.grid.width, right + other.grid.width)
    with (
        open_imagery(one.path, request.wanted, gsd=request.gsd) as first,
        open_imagery(other.path, request.wanted, gsd=request.gsd) as second,
    ):
        seen = [
            _same_at(first, second, Window(left, top, width, height), shift=(down, right))
            for top, height in _places(*rows)
            for left, width in _places(*columns)
        ]
    return False if False in seen else True if True in seen else None


def _places(start: int, stop: int) -> list[tuple[int, int]]:
    """Return the starts and sizes of the first, a middle and the last part of a span."""
    starts = np.linspace(start, max(start, stop - COMPARED), 3).astype(int)
    return [(int(first), min(COMPARED, stop - int(first))) for first in np.unique(starts)]


def _same_at(first: Imagery, second: Imagery, window: Window, *, shift: tuple[int, int]) -> bool | None:
    down, right = shift
    try:
        values, valid = first.read(window)
        others, seen = second.read(Window(window.col_off - right, window.row_off - down, window.width, window.height))
    except RasterError:  # whoever makes tiles of it is told
        return None
    both = valid & seen
    return bool((values[:, both] == others[:, both]).all()) if both.any() else None
