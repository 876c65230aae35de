"""Draws the charts of a report as SVG."""

import io
import warnings

import matplotlib as mpl
from matplotlib.figure import Figure

from mmseg_aux_hrnet.report.metrics_file import Sweep
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


def sweep_charts(sweep: Sweep) -> list[bytes]:
    """Return three pictures of a sweep of thresholds, as SVG.

    These are the figures over the threshold, precision over recall, and the observed share of the class over its
    predicted probability with the pixels of every bin below.
    """
    width, height = SIZE
    # Figure instead of pyplot, which keeps every figure alive and may ask for a screen.
    over, curve, calibration = (
        Figure(figsize=(width, tall * height), layout='constrained') for tall in (1.2, 1.2, 1.5)
    )
    draw_over_threshold(over.subplots(), sweep)
    draw_precision_recall(curve.subplots(), sweep)
    draw_calibration(*calibration.subplots(2, 1, sharex=True, height_ratios=(3, 1)), sweep=sweep)
    return [_svg(figure) for figure in (over, curve, calibration)]


def _svg(figure: Figure) -> bytes:
    data = io.BytesIO()
    # Text as text: a browser finds letters that matplotlib's font lacks. A fixed salt and no date: the same figures
    # give the same file.
    with mpl.rc_context({'svg.fonttype': 'none', 'svg.hashsalt': 'report'}), warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='Glyph .* missing')  # in the font that places are computed with
        figure.savefig(data, format='svg', metadata={'Date': None})
    return data.getvalue()
