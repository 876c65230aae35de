"""Makes a data set of rasters and what was drawn on them: tiles, labels, splits by ground, and what came of it."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.windows import Window

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.datasets.description import DataDescription
from mmseg_aux_hrnet.errors import ConfigError, DataError, RasterError, counted, one_line
from mmseg_aux_hrnet.labelling.division import (
    check_division,
    split_by_ground,
    split_by_raster,
    split_of_areas,
    yield_ground,
)
from mmseg_aux_hrnet.labelling.imagery import Imagery, open_imagery
from mmseg_aux_hrnet.labelling.labels import Labels, Paint, read_areas, read_labels
from mmseg_aux_hrnet.labelling.overlaps import overlap_notes
from mmseg_aux_hrnet.labelling.request import RATIO, TileRequest
from mmseg_aux_hrnet.labelling.results import describe, finish_root
from mmseg_aux_hrnet.labelling.survey import Raster, Survey, survey_rasters
from mmseg_aux_hrnet.labelling.tile_files import SUFFIXES, tile_writer
from mmseg_aux_hrnet.labelling.writing import IGNORED, Tile, TileStore, moments_of, refuse_output, whole_root
from mmseg_aux_hrnet.maps.vector.polygons import Geometries
from mmseg_aux_hrnet.raster.inputs import find_rasters
from mmseg_aux_hrnet.raster.values import Scale, to_8bit

THREADS = min(4, os.cpu_count() or 1)
WAITING = 4 * THREADS  # tiles that are not written yet, at most
OnTile = Callable[[int, int], object]  # tiles looked at, and of how many


class Place(NamedTuple):
    """Where a tile is from.

    Attributes:
        raster: its number.
        window: of the raster's grid.
    """

    raster: int
    window: Window


@dataclass
class Progress:
    """What has come of the tiles so far.

    Attributes:
        store: where they wait.
        places: where each tile is from, by stem.
        left_out: how many were not kept, by reason.
        failed: what is wrong with rasters, by path.
        notes: lines that a user should read.
    """

    store: TileStore
    places: dict[str, Place] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    failed: dict[Path, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


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


class Cutter:
    """Cuts one raster into tiles.

    Args:
        number: of the raster.
        raster: what is known of it.
        imagery: the same, open.
        paint: its labels.
        request: how.
        survey: of all rasters.
    """

    def __init__(
        self, number: int, raster: Raster, imagery: Imagery, paint: Paint, *, request: TileRequest, survey: Survey
    ) -> None:
        self._number = number
        self._raster = raster
        self._imagery = imagery
        self._paint = paint
        self._request = request
        self._survey = survey

    def cut(self, progress: Progress, pool: ThreadPoolExecutor) -> Iterator[int]:
        """Write the tiles that are kept, several at a time, and yield how many were looked at.

        Raises:
            RasterError: the raster is damaged.
            OSError: they cannot be written.
        """
        waiting: list[Future[Tile]] = []
        seen = 0
        try:
            for strip in self._imagery.strips(self._request.tile, overlap=self._request.overlap):
                for window, values, valid, label in self._read(strip):
                    reason = self._why_not(valid, label)
                    if reason is None:
                        stem = f'{self._raster.name}_{window.row_off:05d}_{window.col_off:05d}'
                        waiting.append(pool.submit(self._write, progress.store, stem, window, values, valid, label))
                        progress.places[stem] = Place(self._number, window)
                    else:
                        progress.left_out[reason] += 1
                    while len(waiting) > WAITING:
                        waiting.pop(0).result()
                seen += len(strip)
                yield seen
        finally:
            failures = [error for error in (future.exception() for future in waiting) if error is not None]
        if failures:
            raise failures[0]

    def _read(
        self, strip: Sequence[Window]
    ) -> Iterator[tuple[Window, NDArray[Any], NDArray[np.bool_], NDArray[np.uint8]]]:
        first, last = strip[0], strip[-1]
        whole = Window(first.col_off, first.row_off, last.col_off + last.width - first.col_off, first.height)
        values, valid = self._imagery.read(whole)
        label = np.where(valid, self._paint(whole), np.uint8(IGNORED))
        for window in strip:
            columns = slice(window.col_off - first.col_off, window.col_off - first.col_off + window.width)
            yield window, values[:, :, columns], valid[:, columns], label[:, columns]

    def _why_not(self, valid: NDArray[np.bool_], label: NDArray[np.uint8]) -> str | None:
        """Return why a tile is left out; None where it is not."""
        if not valid.any() or 1 - valid.mean() > self._request.max_nodata:
            return f'more than {100 * self._request.max_nodata:g} % without data (--max-nodata)'
        if (label == IGNORED).all():
            return 'no pixel with a label'
        return None

    def _write(
        self,
        store: TileStore,
        stem: str,
        window: Window,
        values: NDArray[Any],
        valid: NDArray[np.bool_],
        label: NDArray[np.uint8],
    ) -> Tile:
        # By the function that training and maps scale by: mean and sd are those of what a network is shown.
        shown = values if self._survey.scale is None else to_8bit(values, Scale.of(self._survey.scale))
        stored = values if self._request.image_format == 'tif' else shown
        write = tile_writer(
            stored,
            valid,
            kind=self._request.image_format,
            bands=self._survey.bands,
            crs=self._raster.grid.crs,
            transform=self._raster.grid.moved(window),
        )
        suffix = SUFFIXES[self._request.image_format]
        return store.add(stem, suffix=suffix, label=label, write_image=write, moments=moments_of(shown, valid))


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
