"""Zones of a vector file: polygons, each with the value by which it is known."""

import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyogrio
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.maps.vector.polygon_file import Geometries, list_layers, read_rows, repair, reproject_near

NUMBERS = 'zone'  # the name of the column of numbers, where no field is named
SHOWN = 5  # names in a message
SIDE = 256  # pieces of a side of the map, whose outline is reprojected too
Floats = NDArray[np.float64]


class Zones(NamedTuple):
    """Zones as a file gives them.

    Attributes:
        field: the name of what they are known by.
        ids: text or numbers, each once.
        polygons: valid multipolygons in ``crs``; empty where the file has none for a zone.
        crs: their reference system.
        notes: what a user should know of them.
        others: the other fields of the file, by name.
    """

    field: str
    ids: NDArray[np.generic]
    polygons: Geometries
    crs: CRS
    notes: tuple[str, ...]
    others: dict[str, NDArray[np.generic]]


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
    layer = _choose_layer(path, layer, id_field=id_field)
    polygons, crs, repaired, values = read_rows(path, layer=layer, field=id_field)
    if not len(polygons):
        raise DataError(f'{path} holds no zones')
    ids: NDArray[np.generic] = np.arange(1, len(polygons) + 1)
    if id_field is not None and values is not None:
        ids = _check_ids(path, id_field, values)
    note = f'{repaired.sum()} zone(s) had broken outlines, which were repaired: {first_names(ids[repaired])}'
    notes = (note,) if repaired.any() else ()
    return Zones(id_field or NUMBERS, ids, polygons, crs, notes, _other_fields(path, layer=layer, id_field=id_field))


def _other_fields(path: Path, *, layer: str, id_field: str | None) -> dict[str, NDArray[np.generic]]:
    """Return the fields that go along with the zones, by name, but for text that is not what the file says."""
    names = [str(name) for name in pyogrio.read_info(path, layer=layer)['fields'] if name != id_field]
    fields: dict[str, NDArray[np.generic]] = {}
    for columns in (names, *([name] for name in names)):
        with warnings.catch_warnings(), suppress(UnicodeDecodeError):
            warnings.simplefilter('ignore', RuntimeWarning)  # of a type that has no place in a table
            # With the numbers of rows, for it does not read nothing at all.
            meta, _, _, values = pyogrio.raw.read(
                path, layer=layer, columns=columns, read_geometry=False, return_fids=True
            )
            fields |= dict(zip(map(str, meta['fields']), values, strict=True))
            if columns is names:
                break  # else one by one
    return fields


def first_names(values: Sequence[object] | NDArray[np.generic]) -> str:
    """Return the first few of some names as text."""
    return ', '.join(map(str, values[:SHOWN])) + (', ...' if len(values) > SHOWN else '')


def _choose_layer(path: Path, layer: str | None, *, id_field: str | None) -> str:
    """Return the layer to read, after checking that it is there and has the field."""
    layers = list_layers(path)
    if layer is None and len(layers) > 1:
        raise ConfigError(f'{path} holds {len(layers)} layers ({", ".join(layers)}): choose one with --layer')
    if layer is not None and layer not in layers:
        raise ConfigError(f'{path} has no layer {layer!r} with geometries; it has {", ".join(layers)}')
    layer = layer or layers[0]
    try:
        fields = [] if id_field is None else [str(name) for name in pyogrio.read_info(path, layer=layer)['fields']]
    except pyogrio.errors.DataSourceError as error:
        raise DataError(f'{path} cannot be read as a vector file ({error})') from error
    if id_field is not None and id_field not in fields:
        raise ConfigError(f'{path} has no field {id_field!r}; it has {", ".join(fields) or "none"}: give --id-field')
    return layer


def _check_ids(path: Path, field: str, values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the ids of zones, numbers as they are and all else as text."""
    missing = [i for i, value in enumerate(values.tolist(), start=1) if value is None or value != value or value == '']
    if missing:
        raise DataError(
            f'{path}: {len(missing)} zone(s) have no {field} (number {first_names(missing)}): fill it in, or leave out '
            '--id-field'
        )
    text = np.array([str(value) for value in values], object)  # a number of numpy keeps its digits, a day its form
    names, counts = np.unique(text.astype(str), return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f'{path}: several zones have the same {field} ({first_names(names[counts > 1])}): dissolve them by it, '
            'choose another field, or leave out --id-field'
        )
    return values if values.dtype.kind in 'iuf' else text


class PixelGrid(NamedTuple):
    """Where the pixels of a map, or of a picture of it, lie.

    Attributes:
        crs: its reference system.
        transform: from pixels to it.
        shape: (height, width) in pixels.
    """

    crs: CRS
    transform: Affine
    shape: tuple[int, int]

    def outline(self) -> shapely.Polygon:
        """Return the outline in ``crs``, with points between the corners: elsewhere its sides may be curves."""
        height, width = self.shape
        return _affine(shapely.segmentize(shapely.box(0, 0, width, height), max(self.shape) / SIDE), self.transform)


def place_zones(zones: Zones, grid: PixelGrid) -> tuple[Geometries, Floats]:
    """Return the zones in the pixels of a map, and which share of each the map covers.

    The straight edges of zones are straight in their own reference system.

    Returns:
        The parts near the map, in pixels: x is the column and y the row downwards, times -1; and the share of each
        zone's area that the map covers, 0..1, in the plane of the zones' reference system.

    Raises:
        DataError: no zone overlaps the map, or one of the two systems does not reach to the other.
    """
    outline, polygons = grid.outline(), zones.polygons
    same = zones.crs.equals(grid.crs, ignore_axis_order=True)
    if not same:
        outline = _outline_in(zones.crs, outline, source=grid.crs)
    shapely.prepare(outline)
    areas = shapely.area(polygons)
    inside = shapely.area(shapely.intersection(polygons, outline))
    covered = np.minimum(np.divide(inside, areas, out=np.zeros(len(areas)), where=areas > 0), 1.0)
    # The quotient of a zone that lies inside may miss 1 by rounding, and the user would be told of a zone cut off.
    covered[shapely.covers(outline, polygons) & (areas > 0)] = 1.0
    if not covered.any():
        bounds = shapely.total_bounds(polygons), shapely.total_bounds(outline)
        extents = ['({:.6g}, {:.6g}) to ({:.6g}, {:.6g})'.format(*corners) for corners in bounds]
        raise DataError(
            f'none of the {len(polygons)} zones overlaps the map: in the reference system of the zones, '
            f'{zones.crs.name}, they lie within {extents[0]} and the map within {extents[1]}'
        )
    if not same:
        polygons = reproject_near(polygons, zones.crs, grid.crs, near=grid.outline())
    # y is turned round because exactextract knows rasters with north up only; so rotated maps are like any other.
    to_pixels = Affine.scale(1, -1) @ ~grid.transform
    return repair(_affine(polygons, to_pixels)), covered


def _outline_in(crs: CRS, outline: shapely.Polygon, *, source: CRS) -> shapely.Polygon:
    """Return the outline of a map in another reference system, where it has one."""
    forward = Transformer.from_crs(source, crs, always_xy=True)
    moved = shapely.transform(outline, forward.transform, interleaved=False)
    points = shapely.get_coordinates(moved)
    turn = np.pi / crs.axis_info[0].unit_conversion_factor if crs.is_geographic else np.inf
    # A jump of half a turn is where longitudes start again.
    if not np.isfinite(points).all() or np.abs(np.diff(points[:, 0])).max() > turn or not moved.is_valid:
        raise DataError(
            f'the map reaches beyond the edge of {crs.name}, the reference system of the zones: '
            'reproject the zones to the reference system of the map'
        )
    return moved


def _affine(geometries: Any, transform: Affine) -> Any:
    return shapely.transform(geometries, lambda x, y: transform @ (x, y), interleaved=False)
