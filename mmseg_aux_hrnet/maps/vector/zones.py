"""Zones of a vector file: polygons, each with its name."""

import codecs
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile, is_zipfile

import numpy as np
import pyogrio
from numpy.typing import NDArray
from pyproj import CRS

from mmseg_aux_hrnet.errors import ConfigError, DataError, counted, first_names
from mmseg_aux_hrnet.maps.vector.polygon_file import list_layers, read_by_gdal, read_rows
from mmseg_aux_hrnet.maps.vector.polygons import Geometries

BYTES = 'ISO-8859-1'  # each byte is a character; GDAL knows it by this name alone
NUMBERS = 'zone'  # the name of the column of numbers, where no field is named


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


def read_zones(
    path: str | Path, *, id_field: str | None = None, layer: str | None = None, encoding: str | None = None
) -> Zones:
    """Read the zones of a vector file; broken outlines are repaired.

    Args:
        path: of any format that GDAL reads.
        id_field: field with the names of the zones, or ``fid`` for the numbers of the rows in the file; None numbers
            them from 1 in the order of the file.
        layer: of a file that holds several.
        encoding: of the text, as Python calls it; None for what the file says.

    Raises:
        ConfigError: the layer, field or encoding is not there, or a layer has to be chosen.
        DataError: the file cannot be read, has no reference system, no or other things than polygons, text of another
            encoding, or ids that are missing or not unique.
    """
    path = Path(path)
    layer = _choose_layer(path, layer)
    encodings = _choose_encodings(path, encoding, layer=layer)
    ids: NDArray[np.generic] | None = None
    notes = []
    if id_field is not None:  # before the polygons, which take longer
        ids, note = _read_ids(path, id_field, layer=layer, encodings=encodings)
        notes.append(note)
    polygons, crs, repaired = read_rows(path, layer=layer)
    if not len(polygons):
        raise DataError(f'{path} holds no zones')
    ids = np.arange(1, len(polygons) + 1) if ids is None else ids
    if repaired.any():
        notes.append(
            f'{counted(repaired.sum(), "zone")} had broken outlines, which were repaired: {first_names(ids[repaired])}'
        )
    others = _other_fields(path, layer=layer, id_field=id_field, encodings=encodings)
    return Zones(id_field or NUMBERS, ids, polygons, crs, tuple(filter(None, notes)), others)


def _choose_layer(path: Path, layer: str | None) -> str:
    """Return the layer to read, after checking that it is there."""
    layers = list_layers(path)
    if layer is None and len(layers) > 1:
        raise ConfigError(f'{path} holds {len(layers)} layers ({", ".join(layers)}): choose one with --layer')
    if layer is not None and layer not in layers:
        raise ConfigError(f'{path} has no layer {layer!r} with geometries; it has {", ".join(layers)}')
    return layer or layers[0]


def _choose_encodings(path: Path, encoding: str | None, *, layer: str) -> tuple[str | None, ...]:
    """Return the encodings to try after one another, None for what the file says or GDAL guesses."""
    try:
        ''.encode(encoding or 'utf-8')
    except LookupError as error:
        raise ConfigError(
            f'--encoding {encoding}: Python does not know it; some that it knows are utf-8, gbk, cp1252'
        ) from error
    driver = read_by_gdal(path, partial(pyogrio.read_info, layer=layer, encoding=BYTES))['driver']
    if encoding is not None or driver != 'ESRI Shapefile':
        return (encoding,)
    if is_zipfile(path):
        with ZipFile(path) as archive:
            says = any(name.lower().endswith('.cpg') for name in archive.namelist())
    else:
        table = path / layer if path.is_dir() else path
        says = any(table.with_suffix(suffix).exists() for suffix in ('.cpg', '.CPG'))
    return (None,) if says else ('utf-8', None)  # text in another encoding hardly ever looks like UTF-8


def _read_ids(
    path: Path, field: str, *, layer: str, encodings: tuple[str | None, ...]
) -> tuple[NDArray[np.generic], str | None]:
    """Return the ids of zones, and a note where their encoding is a guess."""
    for encoding in encodings:
        try:
            values = _field_values(path, field, layer=layer, encoding=encoding)
        except UnicodeDecodeError as error:
            if encoding == encodings[-1]:
                known = f'{path} has text that is not {error.encoding}'
                raise DataError(f'{known}: name its encoding with --encoding') from error
        else:
            break
    ids = _check_ids(path, field, values)
    odd = next((text for text in (field, *map(str, ids)) if not text.isascii()), None)
    if odd is None or encoding is not None or len(encodings) == 1:
        return ids, None
    return ids, f'{path} has no .cpg file with its encoding: if {odd} looks wrong, give the encoding with --encoding'


def _field_values(path: Path, field: str, *, layer: str, encoding: str | None) -> NDArray[np.generic]:
    """Return the values of a field, or the numbers of the rows.

    Args:
        path: of the file.
        field: the name of the field, or of the numbers.
        layer: of the file.
        encoding: of names and text; None where GDAL knows.

    Raises:
        ConfigError: there is no such field.
        UnicodeDecodeError: the text is of another encoding.
    """
    fields, numbers = _field_names(path, layer=layer, encoding=encoding)
    is_row = field not in fields and field.casefold() in ('fid', numbers.casefold())
    if not is_row and field not in fields:
        advice = '' if ''.join(fields).isascii() else ', or --encoding if they look wrong'
        raise ConfigError(
            f'{path} has no field {field!r}; it has {", ".join([*fields, "fid"])}: give --id-field{advice}'
        )
    rows, found = _read_fields(path, [] if is_row else [fields[field]], layer=layer, encoding=encoding)
    return rows if is_row else found[field]


def _other_fields(
    path: Path, *, layer: str, id_field: str | None, encodings: tuple[str | None, ...]
) -> dict[str, NDArray[np.generic]]:
    """Return the fields of the zones by name, without text of another encoding."""
    fields: dict[str, NDArray[np.generic]] = {}
    for encoding in encodings:
        with suppress(UnicodeDecodeError):
            names, _ = _field_names(path, layer=layer, encoding=encoding)
            columns = [column for name, column in names.items() if name != id_field]
            for chosen in (columns, *([column] for column in columns)):
                with suppress(UnicodeDecodeError):
                    fields |= _read_fields(path, chosen, layer=layer, encoding=encoding)[1]
                    if chosen is columns:
                        return fields
                if encoding != encodings[-1]:
                    break  # the next may be that of all; by the last they are read one by one
    return fields


def _field_names(path: Path, *, layer: str, encoding: str | None) -> tuple[dict[str, str], str]:
    """Return the fields of a layer, each name as GDAL is asked for it, and what the numbers of the rows are called."""
    info = read_by_gdal(path, partial(pyogrio.read_info, layer=layer, encoding=encoding and BYTES))
    return {_decode(name, encoding): str(name) for name in info['fields']}, str(info['fid_column'])


def _read_fields(
    path: Path, columns: list[str], *, layer: str, encoding: str | None
) -> tuple[NDArray[np.generic], dict[str, NDArray[np.generic]]]:
    """Return the numbers of the rows, and the values of some fields by name."""
    read = partial(pyogrio.raw.read, layer=layer, columns=columns, encoding=encoding and BYTES)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)  # of a type that has no place in a table
        # With the numbers of rows, for it does not read nothing at all.
        meta, rows, _, found = read_by_gdal(path, partial(read, read_geometry=False, return_fids=True))
    fields = {}
    for name, values in zip(meta['fields'], found, strict=True):
        texts = encoding is not None and values.dtype == object
        decoded = np.array([_decode(value, encoding) for value in values], object) if texts else values
        fields[str(_decode(name, encoding))] = decoded
    return rows, fields


def _decode(value: Any, encoding: str | None) -> Any:
    """Decode text of which each byte was read as a character; other values stay."""
    if encoding is None or not isinstance(value, str):
        return value
    # Not at once: programs cut text to the width of a column, be it amid a character, which is left out then.
    return codecs.getincrementaldecoder(encoding)().decode(value.encode(BYTES))


def _check_ids(path: Path, field: str, values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the ids of zones, numbers as they are and all else as text."""
    missing = [i for i, value in enumerate(values.tolist(), start=1) if value is None or value != value or value == '']
    if missing:
        raise DataError(
            f'{path}: {counted(len(missing), "zone")} without {field} (number {first_names(missing)}): fill it '
            'in, or leave out --id-field'
        )
    text = np.array([str(value) for value in values], object)  # a number of numpy keeps its digits, a day its form
    names, counts = np.unique(text.astype(str), return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f'{path}: several zones have the same {field} ({first_names(names[counts > 1])}): dissolve them by it, '
            'choose another field, or leave out --id-field'
        )
    return values if values.dtype.kind in 'iuf' else text
