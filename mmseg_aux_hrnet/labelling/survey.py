"""The first look at the rasters of a request: what they have in common, and whether it is enough for one data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely
from pyproj import CRS
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError, DataError, RasterError, one_line
from mmseg_aux_hrnet.labelling.division import Plane, planes_of
from mmseg_aux_hrnet.labelling.imagery import Imagery, Ranges, check_scale, measured_scale, open_imagery
from mmseg_aux_hrnet.labelling.request import TileRequest
from mmseg_aux_hrnet.labelling.tile_grid import TileGrid
from mmseg_aux_hrnet.raster.values import parse_scale

AUTO = 'auto'
LIKE = 0.01  # as a share: ground sampling distances that differ by less are alike
COMPARED = 128  # pixels, the side of the places where overlapping rasters are compared
SLIVER = 2.0  # pixels: rasters that overlap by less have a seam
SAME_GRID = 2e-3  # pixels


class Raster(NamedTuple):
    """A raster of the request.

    Attributes:
        path: its file.
        name: of its tiles, before their place.
        grid: of its tiles.
        plane: where they lie in metres.
    """

    path: Path
    name: str
    grid: TileGrid
    plane: Plane


class Survey(NamedTuple):
    """What the rasters are.

    Attributes:
        rasters: those that can be read.
        bands: of all of them.
        dtype: of their values.
        scale: (low, high) of each band; None for 8 bits as they are.
        notes: lines that a user should read.
        failed: what is wrong with others, by path.
    """

    rasters: list[Raster]
    bands: tuple[str, ...]
    dtype: str
    scale: Ranges | None
    notes: list[str]
    failed: dict[Path, str]


def survey_rasters(paths: Sequence[Path], request: TileRequest) -> Survey:
    """Open each raster and return what they have in common.

    Raises:
        ConfigError: one has other bands, other values or fewer pixels than a tile, or needs an option.
        DataError: none can be read.
    """
    names = _tile_names(paths)
    notes: list[str] = []
    failed: dict[Path, str] = {}
    looks: list[tuple[Path, str, TileGrid, tuple[str, ...], str]] = []
    samples = []
    for path, name in zip(paths, names, strict=True):
        try:
            with open_imagery(path, request.wanted, gsd=request.gsd) as imagery:
                _refuse_small(imagery, request.tile)
                looks.append((path, name, imagery.grid, imagery.names, imagery.dtype))
                notes += imagery.notes
                if request.scale == AUTO:
                    samples.append(imagery.sample())
                else:
                    check_scale(imagery, given=request.scale is not None)
        except RasterError as error:
            failed[path] = one_line(error)
    if not looks:
        raise DataError(next(iter(failed.values())))
    first, *others = looks
    for other in others:
        if other[3:] != first[3:]:
            raise ConfigError(
                f'{other[0]} has {", ".join(other[3])} of type {other[4]}, and {first[0]} has {", ".join(first[3])} of '
                f'type {first[4]}: one data set needs the same bands: name them with --bands, or make two data sets'
            )
    scale = measured_scale(samples) if request.scale == AUTO else _given_scale(request.scale, len(first[3]))
    planes = planes_of([look[2] for look in looks])
    rasters = [Raster(*look[:3], plane) for look, plane in zip(looks, planes, strict=True)]
    notes += _unlike_pixels(rasters)
    return Survey(rasters, first[3], first[4], scale, notes, failed)


def _tile_names(paths: Sequence[Path]) -> list[str]:
    """Return the stem of each raster, with its folder where several have the stem."""
    stems = [path.stem.casefold() for path in paths]
    names = [
        path.stem if stems.count(stem) == 1 else f'{path.resolve().parent.name}_{path.stem}'
        for path, stem in zip(paths, stems, strict=True)
    ]
    folded = [name.casefold() for name in names]
    for number, name in enumerate(folded):
        if (first := folded.index(name)) < number:
            raise ConfigError(f'tiles of {paths[first]} and {paths[number]} would have the same names: rename one')
    return names


def _refuse_small(imagery: Imagery, tile: int) -> None:
    height, width = imagery.grid.height, imagery.grid.width
    if tile > min(height, width):
        raise ConfigError(
            f'{imagery.path} is {height} x {width} pixels'
            f'{"" if imagery.grid.is_raster else " at --gsd"}, and a tile {tile} x {tile}: give --tile '
            f'{min(height, width)} or less'
        )


def _given_scale(text: str | None, count: int) -> Ranges | None:
    """Return the rule of ``--scale`` for each band."""
    if text is None:
        return None
    rule = parse_scale(text, count=None).spread(count)
    return tuple(zip(rule.lows, rule.highs, strict=True))


def _unlike_pixels(rasters: Sequence[Raster]) -> list[str]:
    sizes = [float(np.mean(raster.grid.metres)) for raster in rasters]
    if max(sizes) <= min(sizes) * (1 + LIKE):
        return []
    return [
        f'pixels of the rasters are {min(sizes):.3g} to {max(sizes):.3g} m: --gsd METRES gives all tiles the '
        'same pixel size'
    ]


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
