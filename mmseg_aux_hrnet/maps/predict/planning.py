"""Plans the map of one raster before anything is predicted: its windows, and what its bytes depend on."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError, DataError, one_line
from mmseg_aux_hrnet.maps.class_map.geotiff import Grid
from mmseg_aux_hrnet.maps.ground import ground_sampling
from mmseg_aux_hrnet.maps.predict.blocks import Work
from mmseg_aux_hrnet.maps.predict.model import MapModel, ModelFacts, ResampledModel
from mmseg_aux_hrnet.maps.predict.mosaic import Mosaic
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.windows import GRID, Windows, plan_axis
from mmseg_aux_hrnet.maps.vector.aoi import AreaOfInterest, area_digest
from mmseg_aux_hrnet.raster.content import size_and_date
from mmseg_aux_hrnet.raster.dataset import RUN_TAG
from mmseg_aux_hrnet.raster.source import Reading, open_source
from mmseg_aux_hrnet.raster.validity import NoData
from mmseg_aux_hrnet.version import __version__

SAME_GSD = 0.01  # relative difference
MOST_ENLARGED = 4  # times: work grows with the square
MOST_SHRUNK = 16  # times: memory grows with the square
GSD_TOLERANCE = 1.25  # ratio from which a raster is no longer what the model was trained on


@dataclass(frozen=True)
class MapPlan:
    """How the map of a raster is to be made.

    Attributes:
        model: predicts windows of the raster.
        work: the windows.
        grid: where raster and map lie.
        conditions: everything that the map's bytes depend on, by name. A run that continues compares them with those
            that its folder holds, so that neither names nor values may change from version to version; new names may
            come.
        notes: lines that a user should see.
    """

    model: MapModel
    work: Work
    grid: Grid
    conditions: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """The same for maps of equal bytes."""
        return fingerprint(self.conditions)

    @property
    def tags(self) -> dict[str, str]:
        """The tags by which a map tells how it was made; no date, so that equal runs give equal bytes."""
        axes, gsd = self.work.windows, self.conditions['gsd']
        return {
            'TIFFTAG_SOFTWARE': f'mmseg-aux-hrnet {__version__}',
            **self.model.facts.record,
            'WINDOW': f'{axes.rows.window}x{axes.columns.window}',
            'OVERLAP': f'{self.conditions["overlap"]:.6g}',
            'GSD': 'as it is' if gsd is None else f'{gsd:.6g}',
            'BANDS': self.conditions['bands'],
            'SCALE': self.conditions['scale'],
            **({'NODATA': self.conditions['nodata']} if 'nodata' in self.conditions else {}),
            RUN_TAG: self.fingerprint,
        }


def fingerprint(conditions: Mapping[str, Any]) -> str:
    """Return the same for maps of equal bytes: of all but when the raster was written and what older versions asked."""
    lasting = {name: value for name, value in conditions.items() if name not in ('modified', 'content', 'area')}
    return sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()


def plan_map(
    model: MapModel, path: Path, settings: MapSettings, *, mosaic: Mosaic | None = None, look: bool = True
) -> MapPlan:
    """Return the plan of a map; it opens the raster to read its header.

    Args:
        model: such as a ``Predictor``.
        path: the raster.
        settings: how.
        mosaic: the rasters that are planned as one, of which ``path`` is the first; None for that one only.
        look: look at samples of the raster too, for notes on its values.

    Raises:
        ConfigError: a setting is wrong, or does not fit the raster.
        DataError: the raster cannot be read, or lacks what a setting needs.
        OutsideAreaError: no pixel of it lies in the area of interest.
    """
    try:
        reading = settings.reading.of_model(model.facts.bands)
    except ConfigError as error:
        raise ConfigError(f'{path}: {error}') from error
    opened = partial(open_source, path, reading) if mosaic is None else partial(mosaic.open, reading)
    if mosaic is not None:
        grid, bands, notes = mosaic.grid, mosaic.bands, mosaic.notes
    else:
        with open_source(path, reading) as source:
            grid = Grid(source.height, source.width, source.crs, source.transform, source.placed)
            bands, collar_note = source.bands, source.collar_note() if look and settings.nodata is None else None
            notes = source.notes if collar_note is None else (*source.notes, collar_note)
    sampling = _sampling(path, grid, settings=settings, facts=model.facts)
    known = model.facts.gsd_range
    if settings.gsd is None:
        notes = (*notes, *_unlike(path, sampling, facts=model.facts))
        if known is not None and model.facts.gsd is not None and sampling is not None:
            _check_fine(path, sampling, shown=model.facts.gsd, known=known)
            settings = replace(settings, gsd=model.facts.gsd)
    elif known is not None and not _inside(settings.gsd, known):
        seen_as = f'the model sees it as images of {settings.gsd:.3g} m'
        notes = (*notes, f'{path}: {seen_as}; {_trained(known)}, so this map may be worse')
    factors = _factors(path, sampling, settings.gsd)
    # As large to the model as asked for: pixels of the raster that it sees enlarged are fewer to a window.
    seen = model.facts.window if settings.window is None else (settings.window, settings.window)
    windows = Windows(
        *(
            plan_axis(size, window=max(1, round(window / factor)), overlap=settings.overlap, grid=GRID / factor)
            for size, window, factor in zip((grid.height, grid.width), seen, factors, strict=True)
        )
    )
    return MapPlan(
        model=model if factors == (1.0, 1.0) else ResampledModel(model, factors=factors),
        work=Work(opened, windows, settings.batch_size, area_of(path, grid, settings)),
        grid=grid,
        conditions=_conditions(path, grid, windows=windows, settings=settings, facts=model.facts)
        | _reading_conditions(bands, reading, settings=settings)
        | ({} if mosaic is None else mosaic.conditions()),
        notes=notes,
    )


def area_of(path: Path, grid: Grid, settings: MapSettings) -> Callable[[Window], NDArray[np.bool_]] | None:
    """Return what tells which pixels of a window are asked for; None for all."""
    if settings.aoi is None:
        return None
    try:
        area = AreaOfInterest.from_file(
            settings.aoi, crs=grid.crs, transform=grid.transform, height=grid.height, width=grid.width
        )
    except DataError as error:
        raise type(error)(f'{path}: {one_line(error)}') from error
    return partial(area.mask, transform=grid.transform)


def _sampling(path: Path, grid: Grid, *, settings: MapSettings, facts: ModelFacts) -> tuple[float, float] | None:
    """Return the raster's own sampling where it matters; None where it does not, or cannot be known."""
    if settings.gsd is None and facts.gsd is None:
        return None
    try:
        return ground_sampling(grid.crs, grid.transform, height=grid.height, width=grid.width)
    except DataError as error:
        if settings.gsd is None:
            return None
        raise DataError(f'{path}: --gsd cannot be used: {error}') from error


def _factors(path: Path, sampling: tuple[float, float] | None, gsd: float | None) -> tuple[float, float]:
    """Return by what the raster's height and width are multiplied for the model.

    Raises:
        DataError: resampling would take very long for nothing, or very much memory.
    """
    if sampling is None or gsd is None:
        return 1.0, 1.0
    factors = sampling[0] / gsd, sampling[1] / gsd
    # Degrees and map projections give a nominal 0.6 m as 0.5998: not worth a resampling.
    if all(abs(factor - 1) < SAME_GSD for factor in factors):
        return 1.0, 1.0
    # Rounded: on the ground, 0.6 m are seldom exactly that.
    if round(max(factors), 1) > MOST_ENLARGED:
        raise DataError(
            f'{path}: --gsd {gsd:g} would enlarge it {max(factors):.3g} times, and it does not contain details of '
            f'{gsd:g} m: '
            f'up to {MOST_ENLARGED} times is allowed; --gsd {gsd * max(factors):.3g} leaves it as it is, or take a '
            'finer raster'
        )
    if round(1 / min(factors), 1) > MOST_SHRUNK:
        raise DataError(
            f'{path}: --gsd {gsd:g} would shrink it {1 / min(factors):.3g} times, and windows of it would not fit into '
            f'memory: up to {MOST_SHRUNK} times is allowed; resample it first, for example with gdalwarp -r average'
        )
    return factors


def _unlike(path: Path, sampling: tuple[float, float] | None, *, facts: ModelFacts) -> tuple[str, ...]:
    """Return a note where the raster's pixels are larger or smaller than those that the model knows."""
    if facts.gsd is None:
        return ()
    if sampling is None:
        unknown = (
            f'{path}: the size of its pixels is unknown: the model, trained at {facts.gsd:.3g} m, sees it as it is'
        )
        return () if facts.gsd_range is None else (unknown,)
    own = (sampling[0] * sampling[1]) ** 0.5
    if facts.gsd_range is not None:
        return () if abs(own / facts.gsd - 1) < SAME_GSD else (_resampled(path, own, facts.gsd, facts.gsd_range),)
    if 1 / GSD_TOLERANCE <= own / facts.gsd <= GSD_TOLERANCE:
        return ()
    advice = f'--gsd {facts.gsd:.3g} shows it the raster at that size'
    if round(own / facts.gsd, 1) > MOST_ENLARGED or round(facts.gsd / own, 1) > MOST_SHRUNK:
        advice = 'this map will be poor'
    return (f'{path}: its pixels are {own:.3g} m, but the model was trained at {facts.gsd:.3g} m: {advice}',)


def _resampled(path: Path, own: float, shown: float, known: tuple[float, float]) -> str:
    """Return the note on a raster that the model sees at another sampling than its own."""
    doubt = '' if _inside(own, known) else f'; {_trained(known)}, so this map may be worse'
    choice = f'--gsd {own:.3g} shows them as they are'
    return f'{path}: its pixels are {own:.3g} m, and the model sees them as {shown:.3g} m ({choice}){doubt}'


def _inside(gsd: float, known: tuple[float, float]) -> bool:
    return known[0] * (1 - SAME_GSD) <= gsd <= known[1] * (1 + SAME_GSD)


def _trained(known: tuple[float, float]) -> str:
    return f'it was trained on images of {known[0]:.3g} to {known[1]:.3g} m'


def _check_fine(path: Path, sampling: tuple[float, float], *, shown: float, known: tuple[float, float]) -> None:
    """Refuse a raster that is too coarse for the sampling that the model sees all images at.

    Raises:
        DataError: it would be enlarged more than ``MOST_ENLARGED`` times.
    """
    own = max(sampling)
    if round(own / shown, 1) > MOST_ENLARGED:
        raise DataError(
            f'{path}: its pixels are {own:.3g} m, which is too coarse for this model: {_trained(known)}, and sees '
            f'everything at {shown:.3g} m; take a raster with pixels of {MOST_ENLARGED * shown:.3g} m or less'
        )


def _reading_conditions(bands: Sequence[int], reading: Reading, *, settings: MapSettings) -> dict[str, str]:
    read = {'bands': ','.join(map(str, bands)), 'scale': str(reading.scale or 'none')}
    if reading.nodata != NoData():  # a condition that older versions did not have
        read['nodata'] = 'as it says' if settings.nodata is None else f'{settings.nodata:g}'
        read['nodata'] += f' to {settings.nodata_tolerance:g}'
    if settings.uncertainty:  # another one
        read['uncertainty'] = 'margin'
    return read


def _conditions(
    path: Path, grid: Grid, *, windows: Windows, settings: MapSettings, facts: ModelFacts
) -> dict[str, Any]:
    size, modified = size_and_date(path)
    return {
        'software': __version__,  # another one may compute other bits: half of a map would be of each
        'raster': path.name,
        'bytes': size,
        'modified': modified,  # not in the fingerprint: a copy of the raster gives the same map
        'size': [grid.height, grid.width],
        'crs': None if grid.crs is None else grid.crs.to_wkt(),
        'transform': list(grid.transform)[:6],
        'classes': list(facts.legend.names),
        'model': facts.record,
        'window': [windows.rows.window, windows.columns.window],
        'overlap': settings.overlap,
        'gsd': settings.gsd,
        'aoi': None if settings.aoi is None else sha256(settings.aoi.read_bytes()).hexdigest(),
        'area': None if settings.aoi is None else area_digest(settings.aoi),
        'probabilities': settings.probabilities,
    }
