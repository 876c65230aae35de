"""Finds the best threshold on a spectral index of rasters, and writes the mask of vegetation by it."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.files.address import as_path
from mmseg_aux_hrnet.maps.class_map.geotiff import Rows, class_layer, write_map
from mmseg_aux_hrnet.maps.indices.formulas import find_index
from mmseg_aux_hrnet.maps.indices.reference import UNKNOWN, LabelFormat, Reference, find_references
from mmseg_aux_hrnet.maps.indices.source import IndexReading, IndexSource, open_index, parse_span
from mmseg_aux_hrnet.maps.indices.sweep import Criterion, Floats, IndexCounts, Sweep, sweep, thresholds
from mmseg_aux_hrnet.maps.legend import NODATA
from mmseg_aux_hrnet.raster.inputs import find_rasters
from mmseg_aux_hrnet.version import __version__

OnPart = Callable[[float], None]  # which part is done, 0 to 1
OnRaster = Callable[[float, int], None]  # rasters that are done, with the part of one, and all
MaskBy = Literal['scene', 'all']
GREEN = (0, 158, 115)  # of Okabe and Ito, as maps of green have it
GREY = (150, 150, 150)


@dataclass(frozen=True)
class IndexThresholds:
    """What thresholds on an index do, by scene.

    Attributes:
        reading: how rasters become an index.
        limits: the thresholds, float64 (1001,).
        scenes: each with the name of a scene, in their order.
        together: all scenes as one.
        rasters: of each scene, by its name.
        vegetation: what the reference calls it.
        notes: what a user should know.
    """

    reading: IndexReading
    limits: Floats
    scenes: tuple[Sweep, ...]
    together: Sweep
    rasters: dict[str, tuple[Path, ...]]
    vegetation: str
    notes: tuple[str, ...]

    def mask_threshold(self, scene: str, *, best: Criterion, mask_by: MaskBy) -> float:
        """Return the threshold of the masks of a scene: its own, or that of all where it has none.

        Raises:
            DataError: no threshold is best.
        """
        own = next(each for each in self.scenes if each.name == scene).threshold(best) if mask_by == 'scene' else None
        chosen = self.together.threshold(best) if own is None else own
        if chosen is None:
            raise DataError(f'no threshold is best by {best}: all pixels that count have one value')
        return chosen


def index_thresholds(
    rasters: Sequence[str | Path],
    *,
    reference: str | Path | None = None,
    index: str = 'ndvi',
    limits: str | None = None,
    bands: str | None = None,
    scale: str | None = None,
    nodata: float | None = None,
    nodata_tolerance: float = 0.0,
    min_brightness: float | None = None,
    classes: Sequence[str] | None = None,
    vegetation: Sequence[str] | None = None,
    label_format: LabelFormat = 'index',
    scene: str | None = None,
    on_raster: OnRaster = lambda done, total: None,
) -> IndexThresholds:
    """Return how well a spectral index agrees with a reference at each of 1,001 thresholds; rasters are read once.

    Args:
        rasters: files, folders and patterns.
        reference: a class map, a label file or a folder of them; None gives Otsu's threshold only.
        index: ``ndvi``, ``evi2``, ``savi``, ``vari`` or ``exg``.
        limits: ``LOW:HIGH``, between which the thresholds lie; None for those of the index.
        bands: names or numbers of the bands that the index needs, with commas; None for what the rasters say.
        scale: ``LOW:HIGH``, values of the rasters that stand for reflectance 0 and 1.
        nodata: value of pixels that hold nothing, in place of the raster's own.
        nodata_tolerance: how far from it values may lie that stand for nothing too.
        min_brightness: pixels whose bands have a lower mean are left out, as shadow.
        classes: names of the values 0, 1, ... of references that do not say them.
        vegetation: names of the classes that are vegetation; None for the class of interest.
        label_format: ``binary`` for label files of 0 and 255.
        scene: regular expression for the beginning of a raster's name; what its first group finds, or all of it, is the
            name of its scene. None: each raster is a scene.
        on_raster: called with the number of rasters done, with parts, and their total.

    Raises:
        ConfigError: a setting is malformed or does not fit a raster.
        DataError: a file cannot be read, a raster has no reference, or all references together lack vegetation or
            all else.
    """
    chosen = find_index(index)
    reading = IndexReading.parse(
        chosen, bands=bands, scale=scale, nodata=nodata, tolerance=nodata_tolerance, min_brightness=min_brightness
    )
    edges = thresholds(*(chosen.limits if limits is None else parse_span(limits, option='--range')))
    paths = find_rasters(rasters)
    of_scene = _scenes(paths, scene)
    compared = None
    if reference is not None:
        files = find_references(paths, as_path(reference))
        named = None if classes is None else tuple(classes)
        compared = Reference(files, named, None if vegetation is None else tuple(vegetation), label_format)
    counts = {name: IndexCounts.empty() for name in of_scene}
    notes: dict[str, None] = {}  # in order, each once
    name_of = {path: name for name, members in of_scene.items() for path in members}
    called = 'vegetation'
    for done, path in enumerate(paths):
        with open_index(path, reading) as source:
            said, found = _count(
                source, compared, counts[name_of[path]], limits=edges,
                on_part=within(on_raster, done=done, total=len(paths)),
            )  # fmt: skip
        notes |= dict.fromkeys((*source.notes, *found))
        called = said or called
    on_raster(len(paths), len(paths))
    together = IndexCounts.total(counts.values())
    whole = sweep('all scenes', together, edges)
    if compared is not None:
        _check_reference(whole, as_path(str(reference)), called)
    sweeps = tuple(sweep(name, each, edges) for name, each in counts.items())
    for each in sweeps if compared is not None else ():
        if each.missing() is not None:
            what = called if each.missing() == 'vegetation' else f'pixel that is not {called}'
            notes[f'{each.name}: its reference has no {what}, so that no threshold of its own is best'] = None
    rasters_of = {name: tuple(members) for name, members in of_scene.items()}
    return IndexThresholds(reading, edges, sweeps, whole, rasters_of, called, tuple(notes))


def within(on_raster: OnRaster, *, done: int, total: int) -> Callable[..., None]:
    """Return what tells how much of one of several rasters is done: a share, or blocks of how many."""

    def on_part(part: float, parts: int = 1) -> None:
        on_raster(done + part / parts, total)

    return on_part


def _scenes(paths: Sequence[Path], pattern: str | None) -> dict[str, list[Path]]:
    """Return the rasters of each scene, by its name."""
    scenes: dict[str, list[Path]] = {}
    try:
        rule = re.compile('.*' if pattern is None else pattern, re.DOTALL)
    except re.error as error:
        raise ConfigError(f'--scene {pattern!r} is not a regular expression ({error})') from error
    for path in paths:
        match = rule.match(path.stem)
        if match is None:
            raise ConfigError(f'--scene {pattern!r} does not fit {path.name}: it must find the scene in each name')
        scenes.setdefault((match.group(1) if rule.groups else match.group(0)) or path.stem, []).append(path)
    if pattern is None and len(scenes) < len(paths):
        scenes = {str(path): [path] for path in paths}  # of one name in several folders
    return scenes


def _count(
    source: IndexSource, compared: Reference | None, counts: IndexCounts, *, limits: Floats, on_part: OnPart
) -> tuple[str | None, list[str]]:
    """Count the pixels of a raster; return what its reference calls vegetation, and notes."""
    opened = nullcontext((None, None, None)) if compared is None else compared.open(source.path, source.grid)
    with opened as (read, name, note):
        windows = source.blocks()
        for number, window in enumerate(windows):
            on_part(number / len(windows))
            patch = source.read(window)
            counted = patch.counted
            dark = patch.valid & patch.dark
            reasons = (~patch.valid, dark, patch.valid & ~dark & ~counted)
            values = patch.values[counted]
            kinds = np.full(values.shape, UNKNOWN, np.uint8) if read is None else read(window)[counted]
            counts.add(values, kinds, limits=limits)
            unknown = 0 if read is None else np.count_nonzero(kinds == UNKNOWN)
            counts.left_out += np.array([*map(np.count_nonzero, reasons), unknown])
    return name, [] if note is None else [note]


def _check_reference(whole: Sweep, reference: Path, called: str) -> None:
    if not whole.compared:
        raise DataError(f'{reference} has no class at any pixel that has an index: nothing can be compared')
    if whole.missing() is not None:
        lacks = called if whole.missing() == 'vegetation' else f'what is not {called}'
        raise DataError(
            f'{reference} has no pixel of {lacks} among the {whole.compared} that have an index: no threshold can be '
            'best; check --class and --classes, or take more scenes'
        )


def write_vegetation_mask(
    found: IndexThresholds,
    raster: str | Path,
    out: str | Path,
    *,
    threshold: float,
    tags: dict[str, str] | None = None,
    on_part: OnPart = lambda part: None,
) -> None:
    """Write where the index of a raster reaches a threshold, as a class map on the raster's grid.

    Pixels left out as nodata, as shadow or without an index are nodata.

    Args:
        found: what says how the raster is read.
        raster: the file.
        out: the GeoTIFF.
        threshold: vegetation is where the index is at least this.
        tags: more of them, for the file.
        on_part: called with the finished share, 0 to 1.

    Raises:
        DataError: the raster cannot be read, or the folder cannot be written.
        ResourceError: the mask cannot be written whole.
    """
    raster, out, index = as_path(raster), Path(out), found.reading.index
    name = 'other' if found.vegetation != 'other' else 'rest'
    legend = Classes((name, found.vegetation), (GREY, GREEN), 1)
    said = {'INDEX': f'{index.title} = {index.formula}', 'THRESHOLD': f'{index.title} from {threshold:.9g}'}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with open_index(raster, found.reading) as source, TemporaryDirectory(dir=out.parent) as scratch:
            said |= {'BANDS': ','.join(map(str, source.bands)), 'VERSION': __version__, **(tags or {})}
            rows = _mask_rows(source, threshold, on_part)
            write_map(out, rows, grid=source.grid, layer=class_layer(legend, said), scratch=Path(scratch))
    except OSError as error:
        if error.errno is None:  # of GDAL, about the content of a file
            raise
        raise DataError(f'{out} cannot be written ({error.strerror}): choose a folder that is writable') from error


def _mask_rows(source: IndexSource, threshold: float, on_part: OnPart) -> Iterator[Rows]:
    for top, windows in groupby(source.blocks(), key=lambda window: window.row_off):
        on_part(top / source.grid.height)
        parts = []
        for window in windows:
            patch = source.read(window)
            with np.errstate(invalid='ignore'):
                vegetation = (patch.values >= threshold).astype(np.uint8)
            parts.append(np.where(patch.counted, vegetation, np.uint8(NODATA)))
        yield np.concatenate(parts, axis=1)[None]
