"""Zones of a vector file: polygons, each with the value by which it is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyogrio
from numpy.typing import NDArray
from pyproj import CRS

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.raster.polygon_file import list_layers, read_rows
from mmseg_aux_hrnet.raster.polygonal import Geometries

NUMBERS = 'zone'  # the name of the column of numbers, where no field is named
SHOWN = 5  # names in a message


class Zones(NamedTuple):
    """Zones as a file gives them.

    Attributes:
        field: the name of what they are known by.
        ids: text or numbers, each once.
        polygons: valid multipolygons in ``crs``; empty where the file has none for a zone.
        crs: their reference system.
        notes: what a user should know of them.
    """

    field: str
    ids: NDArray[np.generic]
    polygons: Geometries
    crs: CRS
    notes: tuple[str, ...]

    def named(self, which: NDArray[np.bool_]) -> str:
        """Return the first few of the ids where ``which`` is true, as text."""
        names = [str(name) for name in self.ids[which]]
        return ', '.join(names[:SHOWN]) + (', ...' if len(names) > SHOWN else '')


def read_zones(path: str | Path, *, id_field: str | None = None, layer: str | None = None) -> Zones:
    """Read the zones of a vector file; broken outlines are repaired.

    Args:
        path: of any format that GDAL reads.
        id_field: the field by which zones are known; None numbers them from 1 in the order of the file.
        layer: of a file that holds several.

    Raises:
        ConfigError: the layer or field is not there, or a layer has to be chosen.
        DataError: the file cannot be read, has no reference system, no or other things than polygons, or ids that are
            missing or not unique.
    """
    path = Path(path)
    layer = _choose_layer(path, layer)
    if id_field is not None:
        _check_field(path, id_field, layer=layer)
    rows = read_rows(path, layer=layer, field=id_field)
    if not len(rows.geometries):
        raise DataError(f'{path} holds no zones')
    if rows.values is None:
        ids: NDArray[np.generic] = np.arange(1, len(rows.geometries) + 1)
    else:
        ids = _checked_ids(path, id_field or '', rows.values)
    zones = Zones(id_field or NUMBERS, ids, rows.geometries, rows.crs, ())
    if not rows.repaired.any():
        return zones
    note = f'{rows.repaired.sum()} zone(s) had broken outlines, which were repaired: {zones.named(rows.repaired)}'
    return zones._replace(notes=(note,))


def _choose_layer(path: Path, layer: str | None) -> str:
    layers = list_layers(path)
    if layer is None and len(layers) > 1:
        raise ConfigError(f'{path} holds {len(layers)} layers ({", ".join(layers)}): choose one with --layer')
    if layer is not None and layer not in layers:
        raise ConfigError(f'{path} has no layer {layer!r} with geometries; it has {", ".join(layers)}')
    return layer or layers[0]


def _check_field(path: Path, field: str, *, layer: str) -> None:
    try:
        fields = [str(name) for name in pyogrio.read_info(path, layer=layer)['fields']]
    except pyogrio.errors.DataSourceError as error:
        raise DataError(f'{path} cannot be read as a vector file ({error})') from error
    if field not in fields:
        raise ConfigError(f'{path} has no field {field!r}; it has {", ".join(fields) or "none"}: give --id-field')


def _checked_ids(path: Path, field: str, values: NDArray[np.generic]) -> NDArray[np.generic]:
    missing = [i for i, value in enumerate(values.tolist(), start=1) if value is None or value != value or value == '']
    if missing:
        raise DataError(
            f'{path}: {len(missing)} zone(s) have no {field} (number {_first(missing)}): fill it in, or leave out '
            '--id-field'
        )
    text = np.array([str(value) for value in values], object)  # a number of numpy keeps its digits, a day its form
    names, counts = np.unique(text.astype(str), return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f'{path}: several zones have the same {field} ({_first(names[counts > 1].tolist())}): dissolve them by it, '
            'choose another field, or leave out --id-field'
        )
    return values if values.dtype.kind in 'iuf' else text


def _first(values: Sequence[object]) -> str:
    return ', '.join(map(str, values[:SHOWN])) + (', ...' if len(values) > SHOWN else '')
