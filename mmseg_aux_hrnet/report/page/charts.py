"""Draws the charts of a report as SVG."""

import io
import warnings
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from mmseg_aux_hrnet.report.page.training_log import TrainingLog
from mmseg_aux_hrnet.visualization.curve import draw_figures, draw_loss
from mmseg_aux_hrnet.visualization.threshold_curves import draw_calibration, draw_over_threshold, draw_precision_recall

SIZE = (5.4, 3.4)  # inches: the text stays readable where a phone shows it at 320 pixels


def training_chart(log: TrainingLog) -> bytes:
    """Return loss and validation figures over iterations, as SVG."""
    figure = Figure(figsize=(SIZE[0], 1.5 * SIZE[1]), layout='constrained')
    top, bottom = figure.subplots(2, 1, sharex=True)
    if log.loss is not None:
        draw_loss(top, log.loss)
    draw_figures(bottom, log.figures)
    return _svg(figure)


def threshold_chart(sweep: Mapping[str, Any]) -> bytes:
    """Return the figures over the threshold, as SVG."""
    figure = Figure(figsize=(SIZE[0], 1.2 * SIZE[1]), layout='constrained')
    draw_over_threshold(figure.subplots(), sweep)
    return _svg(figure)


def precision_recall_chart(sweep: Mapping[str, Any]) -> bytes:
    """Return precision over recall, as SVG."""
    figure = Figure(figsize=(SIZE[0], 1.2 * SIZE[1]), layout='constrained')
    draw_precision_recall(figure.subplots(), sweep)
    return _svg(figure)


def reliability_chart(sweep: Mapping[str, Any]) -> bytes:
    """Return the observed share over the predicted probability with the pixels of every bin below, as SVG."""
    figure = Figure(figsize=(SIZE[0], 1.5 * SIZE[1]), layout='constrained')
    draw_calibration(*figure.subplots(2, 1, sharex=True, height_ratios=(3, 1)), sweep=sweep)
    return _svg(figure)


def _svg(figure: Figure) -> bytes:
    data = io.BytesIO()
    # Text as text: a browser finds letters that matplotlib's font lacks. A fixed salt and no date: the same figures
    # give the same file.
    with mpl.rc_context({'svg.fonttype': 'none', 'svg.hashsalt': 'report'}), warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='Glyph .* missing')  # in the font that places are computed with
        figure.savefig(data, format='svg', metadata={'Date': None})
    return data.getvalue()
