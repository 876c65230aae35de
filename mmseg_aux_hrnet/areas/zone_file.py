"""Zones of a vector file: polygons, each with the value by which it is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS

from mmseg_aux_hrnet.errors import ConfigError, DataError

Geometries = NDArray[np.object_]
POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
NUMBERS = 'zone'  # the name of the column of numbers, where no field is named
SHOWN = 5  # names in a message


class Zones(NamedTuple):
    """Zones as a file gives them.

    Attributes:
        field: the name of what they are known by.
        ids: text or numbers, each once.
        polygons: valid ones in ``crs``; empty where the file has none for a zone.
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
    try:
        layer = _choose_layer(path, layer)
        fields = [str(name) for name in pyogrio.read_info(path, layer=layer)['fields']]
        if id_field is not None and id_field not in fields:
            raise ConfigError(
                f'{path} has no field {id_field!r}; it has {", ".join(fields) or "none"}: give --id-field'
            )
        columns = [] if id_field is None else [id_field]
        meta, _, shapes, values = pyogrio.raw.read(path, layer=layer, columns=columns, force_2d=True)
    except (DataSourceError, DataLayerError) as error:
        raise DataError(f'{path} cannot be read as a vector file ({" ".join(str(error).split())})') from error
    if meta['crs'] is None:
        raise DataError(f'{path} has no coordinate reference system, so where its zones lie is unknown: set it first')
    ids = _checked_ids(path, id_field, values[0]) if id_field is not None else np.arange(1, len(shapes) + 1)
    polygons = _polygons(path, shapes)
    zones = Zones(id_field or NUMBERS, ids, polygons, CRS.from_user_input(meta['crs']), ())
    return _repaired(zones)


def _choose_layer(path: Path, layer: str | None) -> str:
    if not path.exists():
        raise DataError(f'{path} does not exist: name a vector file with polygons')
    layers = [str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None]
    if not layers:
        raise DataError(f'{path} holds no layer with geometries: name a vector file with polygons')
    if layer is None and len(layers) > 1:
        raise ConfigError(f'{path} holds {len(layers)} layers ({", ".join(layers)}): choose one with --layer')
    if layer is not None and layer not in layers:
        raise ConfigError(f'{path} has no layer {layer!r} with geometries; it has {", ".join(layers)}')
    return layer or layers[0]


def _checked_ids(path: Path, field: str, ids: NDArray[np.generic]) -> NDArray[np.generic]:
    missing = [i for i, value in enumerate(ids.tolist(), start=1) if value is None or value != value or value == '']
    if missing:
        numbers = _first(missing)
        raise DataError(
            f'{path}: {len(missing)} zone(s) have no {field} (number {numbers}): fill it in, or leave out --id-field'
        )
    names, counts = np.unique(ids.astype(str), return_counts=True)
    if (counts > 1).any():
        twice = _first(names[counts > 1].tolist())
        raise DataError(
            f'{path}: several zones have the same {field} ({twice}): dissolve them by it, choose another field, or '
            'leave out --id-field'
        )
    return ids


def _polygons(path: Path, shapes: NDArray[np.object_]) -> Geometries:
    if not len(shapes):
        raise DataError(f'{path} holds no zones')
    polygons: Geometries = shapely.from_wkb(shapes, on_invalid='ignore')
    others = [shape.geom_type for shape in polygons if shape is not None and shapely.get_type_id(shape) not in POLYGONS]
    if others:
        raise DataError(f'{path} holds {len(others)} geometries that are no polygons ({_first(sorted(set(others)))})')
    polygons[shapely.is_missing(polygons)] = shapely.Polygon()
    return polygons


def _repaired(zones: Zones) -> Zones:
    broken = ~shapely.is_valid(zones.polygons)
    whole = valid_polygons(zones.polygons)
    if not broken.any():
        return zones
    note = f'{broken.sum()} zone(s) had broken outlines, which were repaired: {zones.named(broken)}'
    return zones._replace(polygons=whole, notes=(note,))


def valid_polygons(polygons: Geometries) -> Geometries:
    """Return polygons that are valid: broken ones repaired, as GEOS' ``structure`` method does."""
    return np.asarray(shapely.make_valid(polygons, method='structure', keep_collapsed=False), object)


def _first(values: Sequence[object]) -> str:
    return ', '.join(map(str, values[:SHOWN])) + (', ...' if len(values) > SHOWN else '')
