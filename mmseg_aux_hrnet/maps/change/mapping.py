"""The map of change: named, coloured classes on the grid of the earlier map."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from numpy.typing import NDArray

from mmseg_aux_hrnet.classes import Classes, Colour, class_colours
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.maps.change.pairing import open_pair
from mmseg_aux_hrnet.maps.change.transitions import EDGE, KEPT, SMALL, Change, ChangeAreas
from mmseg_aux_hrnet.maps.class_map.geotiff import Rows, class_layer, write_map
from mmseg_aux_hrnet.maps.legend import NODATA
from mmseg_aux_hrnet.maps.measure.zonal import OnBlock
from mmseg_aux_hrnet.raster.dataset import GDAL_CACHE
from mmseg_aux_hrnet.version import __version__

# Okabe and Ito, which the colour-blind tell apart; nearly white for what is not of the class in either map.
PALE: Colour = (250, 250, 242)
STABLE: Colour = (0, 158, 115)
GAIN: Colour = (0, 114, 178)
LOSS: Colour = (213, 94, 0)
NARROW: Colour = (240, 228, 66)
LITTLE: Colour = (204, 121, 167)
AMONG_OTHERS: Colour = (130, 130, 130)


def change_class(legend: Classes, name: str | None) -> int | None:
    """Return the class whose gain and loss the map of change shows; None for what became what of all.

    Args:
        legend: of both maps.
        name: of the class; None for the class of interest, or the last of two.

    Raises:
        ConfigError: there is no such class, or there are too many for a map of what became what.
    """
    if name is not None:
        if name not in legend.names:
            raise ConfigError(f'--class {name}: the maps have the classes {", ".join(legend.names)}')
        return legend.names.index(name)
    if legend.of_interest is not None or len(legend.names) == 2:
        return 1 if legend.of_interest is None else legend.of_interest
    if len(legend.names) ** 2 + 2 > NODATA:
        raise ConfigError(
            f'the maps have {len(legend.names)} classes, too many for a map of all changes: name one class with '
            '--class, and the map shows its gain and loss'
        )
    return None


def change_legend(legend: Classes, of: int | None) -> tuple[Classes, NDArray[np.uint8]]:
    """Return the classes of a map of change, and which of them each value of :class:`Change` is, uint8 (values,).

    Args:
        legend: of both maps.
        of: the class whose gain and loss it shows; None for what became what of all.
    """
    count = len(legend.names)
    table = np.full((3, count, count), NODATA, np.uint8)
    if of is None:
        kinds = np.arange(count**2).reshape(count, count)
        names = [old if old == new else f'{old} to {new}' for old in legend.names for new in legend.names]
        colours = class_colours(legend)
        # What is stable is pale, so that changes show.
        pale = [tuple(255 - (255 - part) // 4 for part in colour) for colour in colours]
        palette = [pale[new] if old == new else colours[new] for old in range(count) for new in range(count)]
        edge, small, gain = count**2, count**2 + 1, None
    else:
        name = legend.names[of]
        names = [f'without {name}', f'{name} in both', f'gain of {name}', f'loss of {name}']
        palette = [PALE, STABLE, GAIN, LOSS]
        edge, small, gain = 4, 5, 2
        kinds = np.zeros((count, count), np.uint8)
        if count > 2:
            kinds[~np.eye(count, dtype=bool)] = 6
        kinds[of, :], kinds[:, of], kinds[of, of] = 3, 2, 1
    table[KEPT], table[EDGE], table[SMALL] = kinds, edge, small
    names += ['edge', 'small change']
    palette += [NARROW, LITTLE]
    if of is not None and count > 2:
        names.append('change among others')
        palette.append(AMONG_OTHERS)
    colours_of = tuple((int(red), int(green), int(blue)) for red, green, blue in palette)
    return Classes(tuple(names), colours_of, gain), np.append(table.ravel(), np.uint8(NODATA))


def write_change(areas: ChangeAreas, path: Path, *, of: int | None, on_strip: OnBlock) -> None:
    """Write the map of change as a class map, cloud-optimised GeoTIFF.

    Args:
        areas: what says which maps, and what is kept apart.
        path: the file.
        of: the class whose gain and loss it shows; None for what became what of all.
        on_strip: called with the number of strips done and their total.

    Raises:
        DataError: a map cannot be read, or the folder cannot be written.
        ResourceError: the map cannot be written whole.
    """
    legend, table = change_legend(areas.legend, of)
    tags = {'OLD': areas.paths[0].name, 'NEW': areas.paths[1].name, 'TOLERANCE': f'{areas.tolerance} pixels'}
    if areas.min_area is not None:
        tags['MIN_AREA'] = f'{areas.min_area:g} m2'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            TemporaryDirectory(dir=path.parent) as scratch,
            rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE),
            open_pair(*areas.paths, classes=areas.legend.names) as pair,
        ):
            change = Change(pair, areas.ground, tolerance=areas.tolerance, min_area=areas.min_area, on_strip=on_strip)
            layer = class_layer(legend, {**tags, 'VERSION': __version__})
            rows = _rows(change, table, on_strip)
            write_map(path, rows, grid=pair.old.grid(), layer=layer, scratch=Path(scratch))
    except OSError as error:
        if error.errno is None:  # of GDAL, about the content of a file
            raise
        raise DataError(f'{path} cannot be written ({error.strerror}): choose a folder that is writable') from error


def _rows(change: Change, table: NDArray[np.uint8], on_strip: OnBlock) -> Iterator[Rows]:
    strips = change.pair.strips()
    for done, window in enumerate(strips):
        on_strip(done, len(strips))
        yield table[change.read(window)][None]
