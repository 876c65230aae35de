"""The folder of a report: complete or absent, never mixed with other files."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.evaluation.metrics import CLASS_METRICS, MIOU, OA
from mmseg_aux_hrnet.files.outputs import check_folder
from mmseg_aux_hrnet.files.whole import whole_folder
from mmseg_aux_hrnet.report.figures import Measured, report_figures
from mmseg_aux_hrnet.report.metrics_file import FORMAT, METRICS_FILE, VERSION, Report, read_report
from mmseg_aux_hrnet.report.run_record import Sources, run_record
from mmseg_aux_hrnet.visualization import draw_confusion_matrix, draw_sweep


def check_report_folder(path: str | Path, *, overwrite: bool) -> None:
    """Raise unless a report may be written to ``path``: call it before the work, not after.

    Raises:
        ConfigError: there is a file, or a folder with something in it.
        DataError: with ``overwrite``, the folder holds something other than a report, or nothing can be written there.
    """
    path = Path(path)
    target = path.resolve().parent
    existing = next(folder for folder in (target, *target.parents) if folder.exists())
    try:
        with TemporaryDirectory(dir=existing):  # made and removed, because the rights of a folder do not tell
            pass
    except OSError as error:
        raise _unwritable(path, error) from error
    advice = 'choose another --report' if path.is_file() else 'choose another --report, or add --overwrite'
    check_folder(path, overwrite=overwrite, what=f'report folder {path}', advice=advice)
    if not path.exists() or not any(path.iterdir()):
        return
    try:
        read_report(path)  # not its parts: a damaged report may be replaced, other files may not
    except DataError as error:
        raise DataError(
            f'--overwrite does not replace {path}, because it holds no readable report ({error}): choose another '
            '--report'
        ) from error


def _unwritable(path: str | Path, error: OSError) -> DataError:
    return DataError(f'report folder {path} cannot be written ({error.strerror or error}): choose another --report')


@contextmanager
def report_folder(path: str | Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a folder to write the report's files to; it is at ``path`` when the block ends, and gone where it raises.

    Raises:
        ConfigError, DataError: see :func:`check_report_folder`.
        DataError: the folder cannot be written.
    """
    # Once more, because hours of inference lie between the look before the work and this one.
    check_report_folder(path, overwrite=overwrite)
    try:
        with whole_folder(path) as folder:
            yield folder
    except OSError as error:
        raise _unwritable(path, error) from error


def write_figures(folder: Path, report: Report) -> None:
    """Write ``metrics.json``, ``per_image.csv``, the confusion matrix as CSV and PNG, and pictures of a sweep.

    Args:
        folder: an existing folder.
        report: the content of ``metrics.json``; nan where undefined.
    """
    plain: Report = without_nan(report)  # json would write NaN, which only Python reads back
    (folder / METRICS_FILE).write_text(_json_lines(plain), encoding='utf-8')
    names, matrix = [row['name'] for row in plain['classes']], plain['confusion_matrix']
    header = ['name', 'image', 'label', 'pixels', OA.title, MIOU.title]
    header += [f'{metric.title}.{name}' for name in names for metric in CLASS_METRICS]
    rows = [
        [image['name'], image['image'], image['label'], image['pixels'], image['oa'], image['miou']]
        + [image[metric.key][name] for name in names for metric in CLASS_METRICS]
        for image in plain['images']
    ]
    _write_csv(folder / 'per_image.csv', [header, *rows])
    lines = [[name, *counts] for name, counts in zip(names, matrix, strict=True)]
    _write_csv(folder / 'confusion_matrix.csv', [['reference \\ prediction', *names], *lines])
    draw_confusion_matrix(folder / 'confusion_matrix.png', matrix, names)
    if plain['threshold_sweep'] is not None:
        draw_sweep(folder, plain['threshold_sweep'])


def _json_lines(content: Report) -> str:
    """Return strict JSON with a line for each class, image, and other part of a part: to read, to compare, and fast."""
    dump = partial(json.dumps, ensure_ascii=False, allow_nan=False)
    lines = []
    for key, value in content.items():
        if isinstance(value, dict) and value:
            text = '{\n  ' + ',\n  '.join(f'{dump(name)}: {dump(part)}' for name, part in value.items()) + '\n }'
        elif isinstance(value, list) and value:
            text = '[\n  ' + ',\n  '.join(map(dump, value)) + '\n ]'
        else:
            text = dump(value)
        lines.append(f' {dump(key)}: {text}')
    return '{\n' + ',\n'.join(lines) + '\n}\n'


def without_nan(value: Any) -> Any:
    """Return ``value`` with None for every number that is not finite, in nested lists and dictionaries too."""
    if isinstance(value, Mapping):
        return {key: without_nan(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO(newline='')
    csv.writer(text).writerows(rows)  # None becomes an empty cell
    path.write_bytes(text.getvalue().encode('utf-8'))  # as bytes: Windows would turn each \r\n into \r\r\n


def report_metrics(measured: Measured, sources: Sources) -> Report:
    """Return the content of ``metrics.json``, with nan where undefined.

    Raises:
        DataError: the checkpoint or a list cannot be read.
    """
    return {
        'format': FORMAT,
        'version': VERSION,
        'run': run_record(sources, images=len(measured.images)),
        **report_figures(measured),
    }
