"""Writes the page and the JSON file of a checkup."""

import json
import math
from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.doctor.checkup import Checkup
from mmseg_aux_hrnet.doctor.examine import ExaminedTile
from mmseg_aux_hrnet.doctor.findings import count_levels
from mmseg_aux_hrnet.doctor.page import draw_page
from mmseg_aux_hrnet.doctor.summary import Summary, class_weights, config_snippets
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.files.outputs import check_file, check_writable
from mmseg_aux_hrnet.files.whole import write_whole

FORMAT = 'mmseg_aux_hrnet dataset check 1'


def record(checkup: Checkup) -> dict[str, Any]:
    """Return a checkup as lists, dicts, numbers and text; shares are 0..1, what is undefined is null."""
    classes, palette = checkup.classes.names, checkup.classes.palette or ()
    return {
        'format': FORMAT,
        'classes': [{'name': name, 'color': list(colour)} for name, colour in zip(classes, palette, strict=True)],
        'counts': count_levels(checkup.findings),
        'findings': [finding._asdict() for finding in checkup.findings],
        'splits': [_split(summary, classes) for summary in checkup.summaries],
        'tiles': [_tile(tile, classes) for tile in checkup.tiles],
    }


def _split(summary: Summary, classes: tuple[str, ...]) -> dict[str, Any]:
    mean, std = summary.colours or (None, None)
    return {
        'split': summary.split,
        'images': summary.images,
        'labels': summary.labels,
        'sizes': [{'height': size[0], 'width': size[1], 'images': count} for size, count in summary.sizes.items()],
        'label_forms': summary.forms,
        'label_values': summary.values,
        'pixels': dict(zip(classes, summary.pixels, strict=True)),
        'shares': {
            name: None if math.isnan(share) else share for name, share in zip(classes, summary.shares, strict=True)
        },
        'images_of': dict(zip(classes, summary.images_of, strict=True)),
        'ignored_pixels': summary.ignored,
        'nodata_share': summary.nodata,
        'without_foreground': list(summary.without_foreground),
        'mean_rgb': None if mean is None else list(mean),
        'std_rgb': None if std is None else list(std),
        'class_weight': class_weights(summary),
        'config': config_snippets(summary),
    }


def _tile(tile: ExaminedTile, classes: tuple[str, ...]) -> dict[str, Any]:
    image, label = tile.image, tile.label
    return {
        'split': tile.pair.split,
        'name': tile.pair.name,
        'label': None if tile.pair.label is None else tile.pair.label.as_posix(),
        'size': None if image is None else list(image.size),
        'mode': None if image is None else image.mode,
        'nodata_pixels': None if image is None else image.nodata,
        'pixels': None if label is None else dict(zip(classes, label.counts.tolist(), strict=False)),
        'label_format': None if label is None else label.label_format,
        'image_error': tile.image_error or None,
        'label_error': tile.label_error or None,
    }


def check_outputs(picture: Path, json_file: Path | None) -> None:
    """Raise before the long work where an output could not be written.

    Raises:
        ConfigError: a path is a folder, the picture is not a PNG, or a folder cannot be made or written to.
    """
    if picture.suffix.lower() != '.png':
        raise ConfigError(f'--picture {picture}: the page is a PNG file, so end its name in .png')
    for option, path in (('--picture', picture), ('--json', json_file)):
        if path is not None:
            check_file(path, overwrite=True, what=f'{option} {path}')
            check_writable(path.parent, what=f'{option} {path}', advice='choose another folder')


def write_outputs(checkup: Checkup, *, picture: Path, json_file: Path | None, title: str) -> None:
    """Write the page and, where asked for, the JSON file.

    Raises:
        ConfigError: an output is a file of the data set, or cannot be written.
    """
    pairs = [tile.pair for tile in checkup.tiles]
    inputs = {file.resolve() for pair in pairs for file in (pair.image, pair.label) if file is not None}
    inputs |= {Path(pair.source.dataset.ann_file).resolve() for pair in pairs if pair.source.listed}
    for path in (picture, json_file):
        if path is not None and path.resolve() in inputs:
            raise ConfigError(f'{path} is a file of the data set and would be overwritten: name another file')
    try:
        write_whole(picture, draw_page(checkup, title=title))
        if json_file is not None:
            text = json.dumps(record(checkup), indent=1, ensure_ascii=False, allow_nan=False)
            # Names of files may hold bytes that are not Unicode.
            write_whole(json_file, f'{text}\n'.encode('utf-8', errors='backslashreplace'))
    except OSError as error:
        raise ConfigError(f'{error.filename} cannot be written ({error.strerror}): choose another folder') from error
