"""Rasters that touch or overlap on one grid, predicted as one ground: which belong together, and which is on top."""

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import rasterio.warp
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import AuxHRNetError, ConfigError, counted, one_line
from mmseg_aux_hrnet.files.address import Address
from mmseg_aux_hrnet.maps.class_map.geotiff import Grid
from mmseg_aux_hrnet.maps.class_map.grids import join_grids, near_pairs, on_one_grid, unlike_grids
from mmseg_aux_hrnet.maps.predict.model import ModelFacts
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.raster.content import size_and_date
from mmseg_aux_hrnet.raster.dataset import open_dataset
from mmseg_aux_hrnet.raster.mosaic import Ground, MosaicSource, Sheet, open_mosaic
from mmseg_aux_hrnet.raster.source import RasterSource, Reading

Floats = NDArray[np.float64]
OnTop = Literal['order', 'newest', 'nearest']
ON_TOP: tuple[OnTop, ...] = get_args(OnTop)
ALONG = 8  # parts of the sides of an outline that is seen in another reference system
WGS84 = CRS.from_epsg(4326)


class Member(NamedTuple):
    """A raster that may be part of a mosaic.

    Attributes:
        path: its file.
        out: its class map.
        grid: where it lies.
        bands: those that the model is shown, from 1.
        taken: when it was taken, as it says; None where it does not.
        notes: lines that a user should see.
    """

    path: Path
    out: Path
    grid: Grid
    bands: tuple[int, ...]
    taken: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Mosaic:
    """Rasters of one ground.

    Attributes:
        members: the rasters, the lowest first.
        on_top: by which rule they are ordered, or which is taken for a pixel.
    """

    members: tuple[Member, ...]
    on_top: OnTop

    @cached_property
    def grid(self) -> Grid:
        """The grid that just holds all."""
        return join_grids([member.grid for member in self.members])[0]

    @cached_property
    def windows(self) -> list[Window]:
        """The pixels of each member in those of the mosaic."""
        grids = [member.grid for member in self.members]
        places = join_grids(grids)[1]
        return [Window(*place, grid.width, grid.height) for place, grid in zip(places, grids, strict=True)]

    @property
    def bands(self) -> tuple[int, ...]:
        """Those that the model is shown."""
        return self.members[0].bands

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should see of the members, each once."""
        said: dict[str, list[str]] = {}
        for member in self.members:
            for note in member.notes:
                said.setdefault(note.removeprefix(f'{member.path}: '), []).append(f'{member.path}')
        return tuple(
            f'{paths[0]}{f" and {len(paths) - 1} more of its mosaic" if len(paths) > 1 else ""}: {text}'
            for text, paths in said.items()
        )

    def open(self, reading: Reading) -> AbstractContextManager[MosaicSource]:
        """Open it for reading, for use in one thread."""
        sheets = [Sheet(member.path, window) for member, window in zip(self.members, self.windows, strict=True)]
        grid = self.grid
        ground = Ground(grid.height, grid.width, grid.crs, grid.transform)
        return open_mosaic(sheets, ground, reading, nearest=self.on_top == 'nearest')

    def conditions(self) -> dict[str, Any]:
        """Return what its maps depend on beside what those of a single raster do, as JSON knows it."""
        sizes, dates = zip(*(size_and_date(member.path) for member in self.members), strict=True)
        return {
            'raster': [member.path.name for member in self.members],
            'bytes': list(sizes),
            'modified': list(dates),
            'places': [[window.col_off, window.row_off, window.width, window.height] for window in self.windows],
            'on top': self.on_top,
        }


def find_mosaics(
    facts: ModelFacts,
    rasters: Mapping[Path, Path],
    *,
    settings: MapSettings,
    on_top: OnTop,
    note: Callable[[str], None],
) -> tuple[list[Mosaic], dict[Path, str]]:
    """Return the mosaics of rasters, some of a single one, and what is wrong with rasters that cannot be read.

    Rasters less than a window apart are in one mosaic: one window sees both.

    Args:
        facts: of the model.
        rasters: the class map of each, in the order in which they were named.
        settings: of all of them.
        on_top: which raster counts where several have a pixel.
        note: hears what a user should know.

    Raises:
        ConfigError: a setting is wrong; or rasters touch or overlap and are not on one grid or of other bands; or some
            do not say when they were taken, and the newest is to be on top.
    """
    members, failed = [], {}
    reading = settings.reading.of_model(facts.bands)
    for path, out in rasters.items():
        try:
            members.append(_read_member(path, out, reading, dated=on_top == 'newest', collar=settings.nodata is None))
        except AuxHRNetError as error:
            note(f'failed: {one_line(error)}')
            failed[path] = one_line(error)
    if on_top == 'newest':
        members = _by_age(members, note=note)
    window = max(facts.window) if settings.window is None else settings.window
    groups = [
        [alike[index] for index in group]
        for alike in _alike(members)
        for group in _linked([members[index].grid for index in alike], gap=window)
    ]
    _refuse_contact(members, groups)
    # By their first raster, so that maps come in the order in which rasters were named.
    mosaics = [Mosaic(tuple(members[index] for index in sorted(group)), on_top) for group in sorted(groups, key=min)]
    count = sum(len(mosaic.members) > 1 for mosaic in mosaics)
    alone = len(mosaics) - count
    others = f', and {alone} that touch no other' if alone else ''
    note(f'{counted(len(members), "raster")}: {counted(count, "mosaic")}{others}')
    return mosaics, failed


def _read_member(path: Path, out: Path, reading: Reading, *, dated: bool, collar: bool) -> Member:
    """Return a raster as its header says; dated as the file says it was taken, where that is asked for."""
    with open_dataset(path) as dataset:
        source = RasterSource(path, dataset, reading)
        grid = Grid(source.height, source.width, source.crs, source.transform, source.placed)
        said = source.collar_note() if collar else None
        taken = None
        if dated:
            taken = dataset.tags(ns='IMAGERY').get('ACQUISITIONDATETIME') or dataset.tags().get('TIFFTAG_DATETIME')
    notes = source.notes if said is None else (*source.notes, said)
    return Member(path, out, grid, source.bands, taken, notes)


def _by_age(members: Sequence[Member], *, note: Callable[[str], None]) -> list[Member]:
    """Return rasters from the oldest to the newest, those of one moment as they were named."""
    silent = [member for member in members if member.taken is None]
    remote = any(isinstance(member.path, Address) for member in silent)  # servers name dates in ways of their own
    if silent and (remote or len(silent) < len(members)):
        raise ConfigError(
            f'{silent[0].path} does not say when it was taken (tag TIFFTAG_DATETIME), which '
            'files on servers and files beside dated ones need: set it with gdal_edit.py -mo '
            'TIFFTAG_DATETIME="YYYY:MM:DD HH:MM:SS", or give --on-top order'
        )
    if silent:
        note('no raster says when it was taken (tag TIFFTAG_DATETIME): the newest is the file that was written last')
        return sorted(members, key=lambda member: member.path.stat().st_mtime_ns)
    return sorted(members, key=_moment)


def _moment(member: Member) -> datetime:
    """Return when a raster was taken; a time without a zone is in UTC.

    Raises:
        ConfigError: what its file says is not a date.
    """
    said = str(member.taken).strip()
    for form in ('%Y:%m:%d %H:%M:%S', '%Y:%m:%d'):  # of TIFF
        with suppress(ValueError):
            return datetime.strptime(said, form).replace(tzinfo=timezone.utc)
    try:
        moment = datetime.fromisoformat(said.replace('Z', '+00:00'))
    except ValueError as error:
        raise ConfigError(
            f'{member.path} says that it was taken at "{said}", which is not a date: set the tag TIFFTAG_DATETIME as '
            '"YYYY:MM:DD HH:MM:SS", or give --on-top order'
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _alike(members: Sequence[Member]) -> list[list[int]]:
    """Return the indices of members of the same bands on one grid together."""
    by_bands: dict[tuple[int, ...], list[int]] = {}
    for index, member in enumerate(members):
        by_bands.setdefault(member.bands, []).append(index)
    return [
        [indices[index] for index in group]
        for indices in by_bands.values()
        for group in on_one_grid([members[index].grid for index in indices])
    ]


def _linked(grids: Sequence[Grid], *, gap: int) -> list[list[int]]:
    """Return the indices of grids that hang together by gaps of less than so many pixels."""
    neighbours: dict[int, list[int]] = {index: [] for index in range(len(grids))}
    for first, second in near_pairs(grids, gap=gap).tolist():
        neighbours[first].append(second)
        neighbours[second].append(first)
    groups = []
    while neighbours:
        waiting, group = [next(iter(neighbours))], []
        while waiting:
            index = waiting.pop()
            if index in neighbours:
                waiting += neighbours.pop(index)
                group.append(index)
        groups.append(group)
    return groups


def _refuse_contact(members: Sequence[Member], groups: Sequence[Sequence[int]]) -> None:
    """Raise where rasters of different groups touch or overlap on the ground.

    Raises:
        ConfigError: two do, so that a place would be predicted twice, or its pixels would be resampled.
    """
    group_of = {index: number for number, group in enumerate(groups) for index in group}
    placed = [index for index in sorted(group_of) if members[index].grid.placed]
    systems = {str(members[index].grid.crs) for index in placed}
    outlines = np.array([_outline(members[index].grid, projected=len(systems) > 1) for index in placed], object)
    for one, other in shapely.STRtree(outlines).query(outlines, predicate='intersects').T:
        first, second = placed[one], placed[other]
        if first < second and group_of[first] != group_of[second]:
            _refuse(members[first], members[second])


def _outline(grid: Grid, *, projected: bool) -> shapely.Geometry:
    """Return where a raster lies, in longitude and latitude or its own coordinates; nothing where that is unknown."""
    # A quarter of a pixel wider than it is: places of rasters that touch differ by rounding.
    ring = shapely.segmentize(shapely.box(-0.25, -0.25, grid.width + 0.25, grid.height + 0.25), _step(grid))
    try:
        x, y = _places(grid, *shapely.get_coordinates(ring).T, crs=WGS84 if projected else grid.crs)
    except (RasterioError, CRSError):  # no system, or one that is not of the earth
        return shapely.Polygon()
    return shapely.polygons(np.column_stack([x, y])) if np.isfinite([x, y]).all() else shapely.Polygon()


def _step(grid: Grid) -> float:
    return max(grid.width, grid.height) / ALONG


def _places(grid: Grid, column: Floats, row: Floats, *, crs: CRS | None) -> tuple[Floats, Floats]:
    """Return pixels of a grid as coordinates of a reference system."""
    a, b, c, d, e, f = tuple(grid.transform)[:6]
    x, y = a * column + b * row + c, d * column + e * row + f
    if grid.crs == crs:
        return x, y
    moved = rasterio.warp.transform(grid.crs, crs, x, y)
    return np.array(moved[0]), np.array(moved[1])


def _refuse(one: Member, other: Member) -> None:
    why = unlike_grids(one.grid, other.grid)
    if why is None:
        raise ConfigError(
            f'{one.path} and {other.path} touch or overlap, but the model is shown bands {one.bands} of one and '
            f'{other.bands} of the other: a mosaic has the same bands throughout, so give --bands, or predict them in '
            'two runs'
        )
    raise ConfigError(
        f'{one.path} and {other.path} touch or overlap, but {why}, and a mosaic resamples nothing: predict them in two '
        f'runs, or lay the second on the grid of the first and name warped.tif in its place: gdalwarp '
        f'{_target(one.grid, other.grid)} -r cubic -dstalpha {shlex.quote(str(other.path))} warped.tif'
    )


def _target(grid: Grid, other: Grid) -> str:
    """Return the options by which gdalwarp lays another raster on a grid that is not turned."""
    outline = shapely.get_coordinates(shapely.segmentize(shapely.box(0, 0, other.width, other.height), _step(other)))
    x, y = _places(other, *outline.T, crs=grid.crs)
    a, _, c, _, e, f = tuple(grid.transform)[:6]
    left, right = (c + a * edge for edge in (math.floor(((x - c) / a).min()), math.ceil(((x - c) / a).max())))
    top, bottom = (f + e * edge for edge in (math.floor(((y - f) / e).min()), math.ceil(((y - f) / e).max())))
    extent = min(left, right), min(top, bottom), max(left, right), max(top, bottom)
    system = '' if grid.crs is None or grid.crs == other.crs else f'-t_srs {grid.crs.to_string()} '
    return f'{system}-tr {abs(a):.12g} {abs(e):.12g} -te {" ".join(f"{side:.12g}" for side in extent)}'
