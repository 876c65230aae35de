"""Draws the charts of a report as SVG."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmseg_aux_hrnet.report.training_log import TrainingLog
from mmseg_aux_hrnet.visualization import draw_figures, draw_loss

SIZE = (5.4, 3.4)  # inches: the text stays readable where a phone shows it at 320 pixels
# Okabe and Ito's colours, with a line style each, so that curves are told apart without colour too.
STYLES = {
    'precision': ('#0072B2', '--'),
    'recall': ('#D55E00', '-.'),
    'f1': ('#009E73', '-'),
    'iou': ('#000000', '-'),
    'kappa': ('#CC79A7', ':'),
}
NAMES = {'precision': 'Precision', 'recall': 'Recall', 'f1': 'F1', 'iou': 'IoU', 'kappa': 'kappa x 100'}


def training_chart(log: TrainingLog) -> bytes:
    """Return loss and validation figures over iterations, as SVG."""
    figure = Figure(figsize=(SIZE[0], 1.5 * SIZE[1]), layout='constrained')
    top, bottom = figure.subplots(2, 1, sharex=True)
    if log.loss is not None:
        draw_loss(top, log.loss)
    draw_figures(bottom, log.figures)
    return _svg(figure)


def threshold_chart(sweep: Mapping[str, Any]) -> bytes:
    """Return precision, recall, F1, IoU and kappa over the threshold, the best ones marked, as SVG."""
    figure, axes = _axes()
    for key, (colour, style) in STYLES.items():
        factor = 100 if key == 'kappa' else 1
        values = [None if value is None else factor * value for value in sweep[key]]
        axes.plot(sweep['thresholds'], _numbers(values), color=colour, linestyle=style, label=NAMES[key])
        best = sweep['best'].get(key)
        if best is not None and best['value'] is not None:
            axes.plot(best['threshold'], factor * best['value'], 'o', color=colour, markersize=6)
    axes.set_xlabel(f'threshold on the probability of {_plain(sweep["class"])}')
    axes.set_ylabel('%')
    axes.set(xlim=(0, 1), ylim=(0, 100))
    axes.legend(frameon=False, ncols=2, loc='lower center', fontsize='small')
    return _svg(figure)


def precision_recall_chart(sweep: Mapping[str, Any]) -> bytes:
    """Return precision over recall, as SVG."""
    figure, axes = _axes()
    axes.plot(_numbers(sweep['recall']), _numbers(sweep['precision']), color='#0072B2', marker='.', markersize=4)
    axes.set(xlabel='recall, %', ylabel='precision, %', xlim=(0, 100), ylim=(0, 100))
    return _svg(figure)


def reliability_chart(sweep: Mapping[str, Any]) -> bytes:
    """Return the observed share over the predicted probability, bin by bin, as SVG."""
    figure, axes = _axes()
    bins = [one for one in sweep['reliability'] if one['pixels']]
    axes.plot((0, 1), (0, 1), color='#777777', linestyle='--', label='perfectly calibrated')
    axes.plot(
        _numbers([one['confidence'] for one in bins]),
        _numbers([one['observed'] for one in bins]),
        color='#0072B2',
        marker='o',
        markersize=4,
        label='this model',
    )
    axes.set(xlabel='predicted probability', ylabel='observed share', xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, loc='upper left', fontsize='small')
    return _svg(figure)


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout='constrained')
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    return figure, axes


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [float('nan') if value is None else value for value in values]


def _plain(text: str) -> str:
    """Return text that matplotlib draws as it is, not as a formula."""
    return text.replace('$', r'\$')


def _svg(figure: Figure) -> bytes:
    data = io.BytesIO()
    # Text as outlines: the same on every machine. A fixed salt and no date: the same figures give the same file.
    with mpl.rc_context({'svg.fonttype': 'path', 'svg.hashsalt': 'report'}):
        figure.savefig(data, format='svg', metadata={'Date': None})
    return data.getvalue()
