"""Puts a report together: the content of ``metrics.json``, then every file of its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.report.figures import Measured, report_figures
from mmseg_aux_hrnet.report.folder import report_folder, without_nan, write_figures
from mmseg_aux_hrnet.report.page import Tile, TrainingLog, write_html
from mmseg_aux_hrnet.report.run_record import Sources, run_record
from mmseg_aux_hrnet.report_file import FORMAT

PAGE_FILE = 'report.html'


def report_metrics(measured: Measured, sources: Sources) -> dict[str, Any]:
    """Return the content of ``metrics.json``, with nan where undefined.

    Raises:
        DataError: the checkpoint or a list cannot be read.
    """
    return {
        'format': FORMAT,
        'run': run_record(sources, images=len(measured.images)),
        **report_figures(measured),
    }


def write_report(
    path: str | Path, metrics: Mapping[str, Any], *, overwrite: bool, tiles: Mapping[int, Tile], log: TrainingLog
) -> None:
    """Write all files of a report to the folder ``path``.

    Args:
        path: the folder.
        metrics: content of ``metrics.json``, with nan where undefined.
        overwrite: whether a report that is there is replaced.
        tiles: what the page shows of images, by their place in the metrics' list.
        log: curves of the training.

    Raises:
        DataError: there is something else at ``path``, or it cannot be written.
    """
    with report_folder(path, overwrite=overwrite) as folder:
        write_figures(folder, metrics)
        write_html(folder / PAGE_FILE, metrics=without_nan(metrics), tiles=tiles, log=log)
