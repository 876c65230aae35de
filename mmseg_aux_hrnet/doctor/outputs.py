"""Writes the page and the JSON file of a checkup."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mmseg_aux_hrnet.doctor.checkup import Checkup
from mmseg_aux_hrnet.doctor.page import draw_page
from mmseg_aux_hrnet.doctor.record import record
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.whole_files import write_whole


def check_outputs(picture: Path, json_file: Path | None) -> None:
    """Raise before the long work where an output could not be written.

    Raises:
        ConfigError: a path is a folder, the picture is no PNG, or a folder cannot be made or written to.
    """
    if picture.suffix.lower() != '.png':
        raise ConfigError(f'--picture {picture}: the page is a PNG file, so end its name in .png')
    for option, path in (('--picture', picture), ('--json', json_file)):
        if path is None:
            continue
        if path.is_dir():
            raise ConfigError(f'{option} {path} is a folder: name a file')
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=path.parent).close()
        except OSError as error:
            raise ConfigError(f'{option} {path} cannot be written ({error.strerror}): choose another folder') from error


def write_outputs(checkup: Checkup, *, picture: Path, json_file: Path | None, title: str) -> None:
    """Write the page and, where asked for, the JSON file.

    Raises:
        ConfigError: an output is a file of the data set, or cannot be written.
    """
    _refuse_inputs(checkup, [picture, *([json_file] if json_file else [])])
    try:
        write_whole(picture, draw_page(checkup, title=title))
        if json_file is not None:
            text = json.dumps(record(checkup), indent=1, ensure_ascii=False, allow_nan=False)
            write_whole(json_file, f'{text}\n'.encode('utf-8', errors='backslashreplace'))
    except OSError as error:
        raise ConfigError(f'{error.filename} cannot be written ({error.strerror}): choose another folder') from error


def _refuse_inputs(checkup: Checkup, outputs: Sequence[Path]) -> None:
    pairs = [tile.pair for tile in checkup.tiles]
    inputs = {file.resolve() for pair in pairs for file in (pair.image, pair.label) if file is not None}
    inputs |= {Path(pair.source.dataset.ann_file).resolve() for pair in pairs if pair.source.listed}
    for path in outputs:
        if path.resolve() in inputs:
            raise ConfigError(f'{path} is a file of the data set and would be overwritten: name another file')
