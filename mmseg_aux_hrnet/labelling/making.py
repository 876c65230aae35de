"""Makes a data set of rasters and what was drawn on them: tiles, labels, splits by ground, and what came of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pyproj import CRS

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.datasets.description import DataDescription
from mmseg_aux_hrnet.errors import ConfigError, DataError, RasterError, counted, one_line
from mmseg_aux_hrnet.labelling.cutting import THREADS, Cutter, Place, Progress
from mmseg_aux_hrnet.labelling.division import (
    check_division,
    split_by_ground,
    split_by_raster,
    split_of_areas,
    yield_ground,
)
from mmseg_aux_hrnet.labelling.imagery import open_imagery
from mmseg_aux_hrnet.labelling.labels import Labels, read_areas, read_labels
from mmseg_aux_hrnet.labelling.request import RATIO, TileRequest
from mmseg_aux_hrnet.labelling.results import describe, finish_root
from mmseg_aux_hrnet.labelling.survey import Survey, overlap_notes, survey_rasters
from mmseg_aux_hrnet.labelling.writing import Tile, TileStore, refuse_output, whole_root
from mmseg_aux_hrnet.maps.vector.polygons import Geometries
from mmseg_aux_hrnet.raster.inputs import find_rasters

OnTile = Callable[[int, int], object]  # tiles looked at, and of how many


class Outcome(NamedTuple):
    """What was made.

    Attributes:
        described: the data set, with its pixels by split.
        notes: lines that a user should read.
        failed: what is wrong with rasters, by path: they have no tiles.
    """

    described: DataDescription
    notes: list[str]
    failed: dict[Path, str]


def make_tiles(
    inputs: Sequence[str],
    out: Path,
    request: TileRequest,
    *,
    overwrite: bool = False,
    dry_run: bool = False,
    command: Sequence[str] = (),
    on_tile: OnTile | None = None,
) -> Outcome:
    """Make a data root of rasters and labels; it appears whole or not at all.

    Args:
        inputs: rasters, folders and patterns.
        out: the data root.
        request: how.
        overwrite: replace a data root that is there.
        dry_run: write nothing.
        command: as it was typed, for the record.
        on_tile: hears how it goes.

    Raises:
        ConfigError: options do not fit each other or the files, or the output exists.
        DataError: the files do not fit each other, or cannot be read or written.
    """
    refuse_output(out, overwrite=overwrite)
    labels = read_labels(request)
    survey = survey_rasters(find_rasters(inputs), request)
    notes = [*survey.notes, *labels.notes, *labels.check_place(survey.rasters), *overlap_notes(survey.rasters, request)]
    if request.image_format != 'tif' and survey.bands != RGB:
        raise ConfigError(f'--format {request.image_format} holds red, green and blue, not {", ".join(survey.bands)}')
    with data_root(out, overwrite=overwrite, dry_run=dry_run) as folder:
        store = TileStore(folder, classes=labels.rules.classes, layout=request.layout)
        progress = Progress(store, failed=dict(survey.failed), notes=notes)
        _cut_rasters(survey, labels, request, progress, on_tile=on_tile)
        splits = _divide(survey, request, progress, uncovered=labels.rules.uncovered)
        described = describe(survey, labels, request, command=command, failed=progress.failed)
        described = store.finish(splits, described)
        if folder is not None:
            finish_root(folder, progress, survey, splits=splits, described=described)
    return Outcome(described, progress.notes, progress.failed)


@contextmanager
def data_root(out: Path, *, overwrite: bool, dry_run: bool) -> Iterator[Path | None]:
    """Give a folder that becomes the data root, or None where nothing is to be written."""
    if dry_run:
        yield None
        return
    with whole_root(out, overwrite=overwrite) as folder:
        yield folder


def _cut_rasters(
    survey: Survey, labels: Labels, request: TileRequest, progress: Progress, *, on_tile: OnTile | None
) -> None:
    """Cut all rasters; one that is damaged has no tiles, and the others do not suffer."""
    counts = [sum(1 for _ in raster.grid.windows(request.tile, overlap=request.overlap)) for raster in survey.rasters]
    done = 0
    with ThreadPoolExecutor(THREADS) as pool:
        for number, raster in enumerate(survey.rasters):
            try:
                with (
                    open_imagery(raster.path, request.wanted, gsd=request.gsd) as imagery,
                    labels.over(raster.grid) as (paint, said),
                ):
                    progress.notes += [f'{raster.path}: {note}' for note in said]
                    cutter = Cutter(number, raster, imagery, paint, request=request, survey=survey)
                    for seen in cutter.cut(progress, pool):
                        if on_tile is not None:
                            on_tile(done + seen, sum(counts))
            except RasterError as error:
                progress.failed[raster.path] = one_line(error)
                lost = [stem for stem, place in progress.places.items() if place.raster == number]
                for stem in lost:
                    progress.places.pop(stem)
            done += counts[number]
    if not progress.places and progress.failed:
        raise DataError(next(iter(progress.failed.values())))


def _divide(survey: Survey, request: TileRequest, progress: Progress, *, uncovered: int | None) -> dict[str, str]:
    """Return the split of each tile that is kept, by stem."""
    cut = (progress.store.tiles[stem] for stem in progress.places)
    stems, progress.left_out['without foreground (--keep-empty)'] = drop_empty(cut, request, background=uncovered)
    if not stems:
        reasons = ', '.join(f'{count} {reason}' for reason, count in progress.left_out.items())
        raise DataError(f'no tile is left ({reasons}): give a smaller --tile, or other areas')
    places = [progress.places[stem] for stem in stems]
    grounds, outlines = _outlines(survey, places)
    if request.split_rasters is not None:
        of_raster = split_by_raster([raster.path.name for raster in survey.rasters], request.split_rasters)
        splits = yield_ground(grounds, [of_raster[place.raster] for place in places])
        how = 'whole rasters'
    elif request.split_field is not None:
        path = request.split_areas or request.annotated[0]
        areas, said = read_areas(path, field=request.split_field, request=request)
        progress.notes += said
        splits = [None] * len(stems)
        for number, raster in enumerate(survey.rasters):
            mine = [place for place, where in enumerate(places) if where.raster == number]
            for place, split in zip(mine, split_of_areas(areas, raster.grid, outlines[mine]), strict=True):
                splits[place] = split
        splits = yield_ground(grounds, splits)
        how = f'areas of {path}'
    else:
        side = request.tile * max(max(raster.grid.metres) for raster in survey.rasters)
        splits, block = split_by_ground(
            grounds, block=request.block, side=side, ratios=request.ratio or RATIO, seed=request.seed
        )
        how = f'blocks of {block:,.6g} m'
    progress.left_out['on ground of another split'] += splits.count(None)
    progress.notes.append(f'splits by {how}; {check_division(grounds, splits)}')
    progress.notes += [
        f'{counted(count, "tile")} left out: {reason}' for reason, count in progress.left_out.items() if count
    ]
    return {stem: split for stem, split in zip(stems, splits, strict=True) if split is not None}


def drop_empty(tiles: Iterable[Tile], request: TileRequest, *, background: int | None) -> tuple[list[str], int]:
    """Return the stems of the tiles that stay, sorted, and how many of those without foreground were drawn to go."""
    foreground = {tile.stem: tile.foreground(background) for tile in tiles}
    empty = sorted(stem for stem, count in foreground.items() if not count)
    count = round(len(empty) * (1 - request.keep_empty))
    dropped = {empty[place] for place in np.random.default_rng(request.seed).permutation(len(empty))[:count]}
    return sorted(foreground.keys() - dropped), count


def _outlines(survey: Survey, places: Sequence[Place]) -> tuple[Geometries, Geometries]:
    """Return the outlines of tiles in metres, and in the reference system of their rasters."""
    outlines = np.array([survey.rasters[place.raster].grid.outline(place.window) for place in places], object)
    grounds = outlines.copy()
    for number, raster in enumerate(survey.rasters):
        mine = [place for place, where in enumerate(places) if where.raster == number]
        if mine:
            grounds[mine] = raster.plane.place(outlines[mine], CRS.from_wkt(raster.grid.crs.to_wkt()))
    return grounds, outlines
