"""Reads what people drew: polygons of any vector format, each with its class; lines and points with a width."""

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from mmseg_aux_hrnet.errors import ConfigError, DataError, counted, first_names
from mmseg_aux_hrnet.labelling.class_rules import EMPTY, ClassRules, LabelFile, classes_of_layers, value_text
from mmseg_aux_hrnet.maps.ground import Ellipsoid
from mmseg_aux_hrnet.maps.vector.polygon_file import list_layers, read_by_gdal, refuse_surfaces
from mmseg_aux_hrnet.maps.vector.polygons import Geometries, repair

AREAS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON, shapely.GeometryType.GEOMETRYCOLLECTION)
PLACES = 0.01  # degrees or kilometres within which a metre counts alike


class Shapes(NamedTuple):
    """Polygons of one reference system, in the order of their files.

    Attributes:
        polygons: valid multipolygons with an area, shapely objects (N,).
        values: class or ``IGNORED`` of each, (N,).
        crs: their reference system.
        source: the file and layer, for messages.
    """

    polygons: Geometries
    values: NDArray[np.int64]
    crs: CRS
    source: str


class Layer(NamedTuple):
    """A layer as it is read.

    Attributes:
        geometries: of its rows, shapely objects (rows,).
        numbers: of its rows, as GDAL counts them.
        field: values of the field that was asked for; None without one.
        crs: reference system.
        source: the file and layer, for messages.
        broken: which rows had outlines that are not valid, bool (rows,).
    """

    geometries: Geometries
    numbers: NDArray[np.generic]
    field: NDArray[Any] | None
    crs: CRS
    source: str
    broken: NDArray[np.bool_]


def expand_layers(files: Sequence[LabelFile]) -> list[LabelFile]:
    """Return each file with each of its layers, or the one that was named.

    Raises:
        ConfigError: a layer is not there.
        DataError: a file cannot be read.
    """
    found = []
    for each in files:
        layers = list_layers(each.path)
        if each.layer is not None and each.layer not in layers:
            raise ConfigError(f'{each.path} has no layer {each.layer!r} with geometries; it has {", ".join(layers)}')
        found += [each._replace(layer=layer) for layer in ([each.layer] if each.layer else layers)]
    return found


def read_shapes(
    files: Sequence[LabelFile], rules: ClassRules, *, field: str | None, buffer: float | None, encoding: str | None
) -> tuple[list[Shapes], list[str]]:
    """Read the polygons of files with their classes, and notes that a user should read.

    Args:
        files: as the command line names them.
        rules: what layers or values of the field mean.
        field: whose values say the class; None where each layer is one class.
        buffer: metres round lines and points, which then count as polygons.
        encoding: of text, as Python calls it; None for what the file says.

    Raises:
        ConfigError: a layer or field is not there, or it is not certain which class a layer is.
        DataError: a file cannot be read, or holds what cannot be painted.
    """
    layers = expand_layers(files)
    fixed = [0] * len(layers) if field is not None else classes_of_layers(layers, rules)
    found, notes = [], []
    for layer, one in zip(layers, fixed, strict=True):
        read = read_layer(layer, field=field, encoding=encoding)
        values = np.full(len(read.numbers), one, np.int64)
        if read.field is not None:
            values[:] = rules.look_up(read.field, where=f'{read.source}, field {field}', option='--class-map')
        polygons, said = as_polygons(read, buffer=buffer)
        notes += said
        if field is None:
            name = 'ignore' if one >= len(rules.classes.names) else rules.classes.names[one]
            notes.append(f'{read.source}: its polygons are {name}')
        solid = ~shapely.is_empty(polygons)
        found.append(Shapes(polygons[solid], values[solid], read.crs, read.source))
    return found, notes


def read_layer(file: LabelFile, *, field: str | None, encoding: str | None = None) -> Layer:
    """Read a layer with one of its fields.

    Raises:
        ConfigError: it has no such field.
        DataError: it cannot be read, has no reference system or rows, its field is empty, or a geometry is a surface
            or unknown; names the rows.
    """
    path, layer = file.path, file.layer
    source = str(path) if layer in (None, path.stem) else f'{path}:{layer}'
    info = read_by_gdal(path, partial(pyogrio.read_info, layer=layer))
    if field is not None and field not in info['fields']:
        names = ', '.join(map(str, info['fields'])) or 'none'
        raise ConfigError(f'{source} has no field {field!r}; its fields are: {names}')
    read = partial(
        pyogrio.raw.read, layer=layer, columns=[] if field is None else [field], force_2d=True, return_fids=True,
        encoding=encoding,
    )  # fmt: skip
    try:
        with warnings.catch_warnings():  # of open rings and coordinates like nan: both are found below
            warnings.simplefilter('ignore', RuntimeWarning)
            meta, numbers, wkb, columns = read_by_gdal(path, read)
            closed = shapely.from_wkb(wkb, on_invalid='ignore')
            geometries = shapely.from_wkb(wkb, on_invalid='fix')
        crs = None if meta['crs'] is None else CRS.from_user_input(meta['crs'])
    except UnicodeDecodeError as error:
        raise DataError(f'{source} has text that is not {error.encoding}: name its encoding with --encoding') from error
    except LookupError as error:
        raise ConfigError(
            f'--encoding {encoding}: Python does not know it; some that it knows are utf-8, gbk, cp1252'
        ) from error
    except CRSError as error:
        raise DataError(f'{source} has a coordinate reference system that is not understood ({error})') from error
    if crs is None:
        raise DataError(f'{source} has no coordinate reference system: assign one, as ogr2ogr -a_srs does')
    if not len(numbers):
        raise DataError(f'{source} holds nothing: leave it out, or draw polygons in it')
    _refuse_unpaintable(source, wkb, geometries, numbers)
    values = None if field is None else columns[0]
    if values is not None and all(value_text(value) == EMPTY for value in values.tolist()):
        raise DataError(f'{source}: the field {field} is empty in all of its {counted(len(values), "row")}: fill it in')
    broken = ~shapely.is_missing(geometries) & (shapely.is_missing(closed) | ~shapely.is_valid(geometries))
    return Layer(geometries, numbers, values, crs, source, broken)


def _refuse_unpaintable(
    source: str, wkb: NDArray[np.object_], geometries: Geometries, numbers: NDArray[np.generic]
) -> None:
    refuse_surfaces(source, wkb, geometries, numbers)
    finite = np.ones(len(geometries), bool)
    points, rows = shapely.get_coordinates(geometries, return_index=True)
    finite[rows[~np.isfinite(points).all(axis=1)]] = False
    if not finite.all():
        raise DataError(
            f'{source}: coordinates are not numbers (fid {first_names(numbers[~finite])}): repair or remove these'
        )


def as_polygons(layer: Layer, *, buffer: float | None) -> tuple[Geometries, list[str]]:
    """Return for each row a valid multipolygon, empty where it has no area, and notes about what was changed.

    Args:
        layer: as it was read.
        buffer: metres round lines and points; None refuses them.

    Raises:
        DataError: there are lines or points and no buffer, or no row has an area.
    """
    geometries, notes = layer.geometries.copy(), []
    kinds = shapely.get_type_id(geometries)
    thin = ~np.isin(kinds, [*AREAS, shapely.GeometryType.MISSING]) & ~shapely.is_empty(geometries)
    if thin.any() and buffer is None:
        names = ' and '.join(sorted({shapely.GeometryType(kind).name.lower() for kind in kinds[thin]}))
        raise DataError(
            f'{layer.source}: {thin.sum()} of {counted(len(kinds), "geometry")} are of type {names}, which '
            'have no area (fid '
            f'{first_names(layer.numbers[thin])}): give --buffer METRES, or leave them out'
        )
    if thin.any() and buffer is not None:
        geometries[thin] = _widened(geometries[thin], layer.crs, buffer)
        notes.append(f'{layer.source}: {thin.sum()} lines or points were widened by {buffer:g} m')
    polygons = repair(geometries)
    if layer.broken.any():
        notes.append(
            f'{layer.source}: {layer.broken.sum()} of {counted(len(polygons), "geometry")} had broken outlines, '
            f'which were repaired (fid {first_names(layer.numbers[layer.broken])})'
        )
    empty = shapely.is_empty(polygons)
    if empty.all():
        raise DataError(
            f'{layer.source}: none of its {counted(len(empty), "geometry")} has an area: nothing can be painted'
        )
    if empty.any():
        notes.append(
            f'{layer.source}: {empty.sum()} of {counted(len(empty), "geometry")} have no area and are left out (fid '
            f'{first_names(layer.numbers[empty])})'
        )
    return polygons, notes


def _widened(geometries: Geometries, crs: CRS, metres: float) -> Geometries:
    """Return lines and points with so many metres on each side."""
    ellipsoid = Ellipsoid(crs.to_2d())
    step = PLACES if ellipsoid.is_geographic else 1e5 * PLACES / ellipsoid.unit
    centres = shapely.get_coordinates(shapely.centroid(geometries))
    cells, of_cell = np.unique(np.floor(centres / step), axis=0, return_inverse=True)
    out: Geometries = geometries.copy()
    for number, cell in enumerate(cells):
        lengths = np.array(ellipsoid.unit_lengths(*((cell + 0.5) * step)))
        chosen = of_cell.ravel() == number
        plane = shapely.transform(geometries[chosen], lambda points, by=lengths: points * by)
        out[chosen] = shapely.transform(shapely.buffer(plane, metres), lambda points, by=lengths: points / by)
    return out


def companion_files(path: Path) -> list[Path]:
    """Return the files that a vector file is made of: those of a folder, and those of one stem beside it."""
    if path.is_dir():
        return sorted(file for file in path.rglob('*') if file.is_file())
    if path.suffix.lower() == '.shp':
        return sorted(file for file in path.parent.glob(f'{path.stem}.*') if file.is_file())
    return [path]
