"""A data set described in one file beside its tiles: ``dataset.json`` names classes, bands, values and ground."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.bands import MOST_BANDS, RGB, Bands
from mmseg_aux_hrnet.classes import Classes, class_set
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.files.whole import whole_file

NAME = 'dataset.json'
FORMAT, VERSION = 'mmseg_aux_hrnet data set', 1
DTYPES = ('uint8', 'uint16', 'float32')
LAYOUTS = ('singlegreen', 'urbanisation')
ENTRIES = {
    *('format', 'version', 'layout', 'classes', 'class_of_interest', 'bands', 'dtype', 'scale', 'mean', 'std'),
    *('label_values', 'gsd', 'crs'),
}


@dataclass(frozen=True)
class DataDescription:
    """A data set, as its ``dataset.json`` describes it.

    Attributes:
        classes: names, colours and the class of interest.
        bands: name of each band of the tiles, in the order of the files, such as red, green, blue, nir.
        dtype: of the values in the files: uint8, uint16 or float32.
        scale: for each band the values (low, high) that become 0 and 255 before mean and std, what lies beyond is
            clipped; None where uint8 values stay as they are.
        mean: of each band over the training tiles, 0..255, after ``scale``.
        std: the same.
        label_values: the class of each value of the label files, None for ignored; None where values are classes.
        gsd: ground sampling distance, metres per pixel; None where unknown.
        crs: of the tiles, such as EPSG:26911; None without georeference.
        layout: folders and lists: singlegreen or urbanisation.
        record: what else the file says: pixel counts, and how the tiles were made.
    """

    classes: Classes
    bands: tuple[str, ...] = RGB
    dtype: str = 'uint8'
    scale: tuple[tuple[float, float], ...] | None = None
    mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    std: tuple[float, ...] = (58.395, 57.12, 57.375)
    label_values: Mapping[int, int | None] | None = None
    gsd: float | None = None
    crs: str | None = None
    layout: str = 'singlegreen'
    record: Mapping[str, Any] = field(default_factory=dict)

    def of_bands(self, names: Sequence[str]) -> 'DataDescription':
        """Return the same tiles with some of their bands, in the order of ``names``.

        Raises:
            ConfigError: one is not among them.
        """
        some = Bands(self.bands, self.scale).of(names)
        places = [self.bands.index(name) for name in names]
        mean, std = (tuple(values[place] for place in places) for values in (self.mean, self.std))
        return replace(self, bands=some.names, scale=some.scale, mean=mean, std=std)


def read_description(root: str | Path) -> DataDescription:
    """Return what the ``dataset.json`` of a data root says.

    Args:
        root: folder of the data set.

    Raises:
        DataError: the file is missing, is not JSON, or one of its entries is not what it must be; names the entry.
    """
    path = Path(root) / NAME
    try:
        said = json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise DataError(f'{path} cannot be read ({error.strerror}): tools/make_tiles.py writes it') from error
    except ValueError as error:
        raise DataError(f'{path} is not JSON ({error}): write it again with tools/make_tiles.py') from error
    if not isinstance(said, dict) or said.get('format') != FORMAT or said.get('version') != VERSION:
        raise DataError(f'{path} is not a description of version {VERSION}: its "format" must be "{FORMAT}"')
    try:
        return _checked(said)
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f'"{error.args[0]}" is missing' if isinstance(error, KeyError) else error
        raise DataError(f'{path}: {reason}') from error


def write_description(root: str | Path, described: DataDescription) -> Path:
    """Write the ``dataset.json`` of a data root, whole or not at all; return its path."""
    classes = described.classes
    palette = classes.palette or ()
    said = {
        'format': FORMAT,
        'version': VERSION,
        'layout': described.layout,
        'classes': [
            {'name': name, 'colour': list(colour)} for name, colour in zip(classes.names, palette, strict=True)
        ],
        'class_of_interest': classes.name_of_interest,
        'bands': list(described.bands),
        'dtype': described.dtype,
        'scale': None if described.scale is None else [list(pair) for pair in described.scale],
        'mean': list(described.mean),
        'std': list(described.std),
        'label_values': None
        if described.label_values is None
        else {str(k): 'ignore' if v is None else v for k, v in described.label_values.items()},
        'gsd': described.gsd,
        'crs': described.crs,
        **described.record,
    }
    path = Path(root) / NAME
    with whole_file(path) as part:
        part.write_text(json.dumps(said, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
    return path


def _checked(said: Mapping[str, Any]) -> DataDescription:
    meta: dict[str, Any] = {
        'classes': [entry['name'] for entry in said['classes']],
        'palette': [entry['colour'] for entry in said['classes']],
        'class_of_interest': said.get('class_of_interest'),
    }
    bands = tuple(str(name) for name in said['bands'])
    if not 1 <= len(bands) <= MOST_BANDS or len(set(bands)) != len(bands):
        raise ConfigError(f'"bands" is {list(bands)}: 1 to {MOST_BANDS} different names are needed, such as red')
    for key, allowed in (('dtype', DTYPES), ('layout', LAYOUTS)):
        if said[key] not in allowed:
            raise ConfigError(f'"{key}" is {said[key]!r}: use one of {", ".join(allowed)}')
    gsd = said.get('gsd')
    if gsd is not None and not 0 < float(gsd) < math.inf:
        raise ConfigError(f'"gsd" is {gsd!r}: give metres per pixel, such as 0.25, or null')
    scale = said.get('scale')
    if scale is None and said['dtype'] != 'uint8':
        raise ConfigError(f'"scale" is null and "dtype" {said["dtype"]}: each band needs its [low, high]')
    return DataDescription(
        classes=class_set(meta),
        bands=bands,
        dtype=str(said['dtype']),
        scale=None if scale is None else _ranges(scale, len(bands)),
        mean=_numbers(said['mean'], 'mean', len(bands)),
        std=_numbers(said['std'], 'std', len(bands), positive=True),
        label_values=_label_values(said.get('label_values'), len(meta['classes'])),
        gsd=None if gsd is None else float(gsd),
        crs=said.get('crs'),
        layout=str(said['layout']),
        record={key: value for key, value in said.items() if key not in ENTRIES},
    )


def _numbers(given: Sequence[Any], key: str, count: int, *, positive: bool = False) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in given)
    if len(numbers) != count or not all(math.isfinite(value) and (value > 0 or not positive) for value in numbers):
        raise ConfigError(f'"{key}" is {list(given)}: {count} {"positive " if positive else ""}numbers are needed')
    return numbers


def _ranges(given: Sequence[Any], count: int) -> tuple[tuple[float, float], ...]:
    ranges = tuple((float(low), float(high)) for low, high in given)
    if len(ranges) != count or not all(low < high and math.isfinite(high - low) for low, high in ranges):
        raise ConfigError(f'"scale" is {list(given)}: {count} pairs [low, high] with low below high are needed')
    return ranges


def _label_values(given: Mapping[str, Any] | None, classes: int) -> dict[int, int | None] | None:
    if given is None:
        return None
    values = {int(value): None if index == 'ignore' else int(index) for value, index in given.items()}
    wrong = {value: index for value, index in values.items() if not (0 <= value <= 255 and -1 < (index or 0) < classes)}
    if wrong or not values:
        raise ConfigError(
            f'"label_values" says {wrong or "nothing"}: it gives each value 0..255 of a label a class '
            f'0..{classes - 1} or "ignore"'
        )
    return values
