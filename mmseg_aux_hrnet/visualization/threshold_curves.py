"""Draws the figures over the threshold on a probability, and its calibration."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmseg_aux_hrnet.visualization.png import save_figure

if TYPE_CHECKING:  # see confusion_matrix
    from matplotlib.axes import Axes

CURVES = {
    'precision': ('Precision', '#0072B2', '--'),
    'recall': ('Recall', '#D55E00', '--'),
    'iou': ('IoU', '#009E73', '-'),
    'f1': ('F1', '#CC79A7', '-'),
    'kappa': ('kappa x 100', '#56B4E9', '-'),
}
INK = '#222222'


def draw_sweep(folder: Path, sweep: Mapping[str, Any]) -> None:
    """Write ``threshold_curves.png`` and ``reliability.png``.

    The first shows figures over the threshold with the best IoU marked, and precision over recall beside them; the
    second the observed share of the class over its mean probability, bin by bin, and the pixels below.

    Args:
        folder: an existing folder.
        sweep: ``threshold_sweep`` of a report, None where undefined.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout='constrained')
    left, right = figure.subplots(1, 2)
    draw_over_threshold(left, sweep)
    draw_precision_recall(right, sweep)
    figure.suptitle(f'{sweep["class"]} where its probability is at least the threshold', parse_math=False)
    save_figure(folder / 'threshold_curves.png', figure)
    figure = Figure(figsize=(5.6, 7), layout='constrained')
    draw_calibration(*figure.subplots(2, 1, sharex=True, height_ratios=(3, 1)), sweep=sweep)
    save_figure(folder / 'reliability.png', figure)


def draw_calibration(top: 'Axes', bottom: 'Axes', *, sweep: Mapping[str, Any]) -> None:
    """Draw the observed share of the class over its mean probability, and the pixels of every bin below."""
    bins = sweep['reliability']
    filled = [part for part in bins if part['pixels']]
    top.plot([0, 1], [0, 1], color='#999999', linestyle=':', label='calibrated')
    points = [part['confidence'] for part in filled], [part['observed'] for part in filled]
    top.plot(*points, color=CURVES['precision'][1], marker='o', markersize=4, label='observed')
    top.set(xlim=(0, 1), ylim=(0, 1))
    top.set_ylabel(f'share of pixels that are {sweep["class"]}', parse_math=False)
    error = 'undefined' if sweep['ece'] is None else f'{sweep["ece"]:.4f}'
    top.set_title(f'expected calibration error {error}', fontsize=10)
    top.legend(loc='upper left', frameon=False)
    low, width = [part['low'] for part in bins], [part['high'] - part['low'] for part in bins]
    bottom.bar(low, [part['pixels'] for part in bins], width=width, align='edge', color='#9ab8cc', edgecolor='white')
    bottom.set_yscale('symlog')  # most pixels are in the first and last bin, and a bin may have none
    most = max(part['pixels'] for part in bins)
    step = 1 if most < 1000 else 2 if most < 10**7 else 3  # powers of ten, few enough to stand apart
    bottom.set_yticks([0, *(10**power for power in range(step, len(str(most)), step))])
    bottom.set_ylabel('pixels')
    bottom.set_xlabel(f'probability of {sweep["class"]}', parse_math=False)
    for axes in (top, bottom):
        axes.grid(alpha=0.3)


def draw_over_threshold(axes: 'Axes', sweep: Mapping[str, Any]) -> None:
    """Draw the figures over the threshold, the best IoU marked."""
    for key, (name, colour, style) in CURVES.items():
        values = np.array(sweep[key], np.float64) * (100 if key == 'kappa' else 1)
        axes.plot(sweep['thresholds'], values, color=colour, linestyle=style, label=name, linewidth=1.4)
    best = sweep['best']['iou']
    if best is not None:
        axes.axvline(best['threshold'], color=INK, linewidth=0.8)
        axes.set_title(f'best IoU {best["value"]:.2f} at {best["threshold"]:.3f}', fontsize=10)
    worst = min((value for value in sweep['kappa'] if value is not None), default=0)
    axes.set(xlim=(0, 1), ylim=(min(0, 100 * worst), 100), xlabel='threshold', ylabel='%')
    axes.grid(alpha=0.3)
    axes.legend(loc='lower center', edgecolor='none', framealpha=1, ncols=3)


def draw_precision_recall(axes: 'Axes', sweep: Mapping[str, Any]) -> None:
    """Draw precision over recall, threshold 0.5 and the one of the best IoU marked."""
    recall, precision = (np.array(sweep[key], np.float64) for key in ('recall', 'precision'))
    axes.plot(recall, precision, color=INK, linewidth=1.4)
    half = len(recall) // 2  # the thresholds are evenly spread over 0..1, an odd number of them
    axes.plot(recall[half], precision[half], color=INK, marker='o', linestyle='none', label='threshold 0.5')
    best = sweep['best']['iou']
    if best is not None:
        at = sweep['thresholds'].index(best['threshold'])
        label = f'best IoU, threshold {best["threshold"]:.3f}'
        axes.plot(recall[at], precision[at], color=CURVES['iou'][1], marker='D', linestyle='none', label=label)
    axes.set(xlim=(0, 101), ylim=(0, 101), xlabel='Recall, %', ylabel='Precision, %')
    area = sweep['average_precision']
    words = 'undefined' if area is None else f'{area:.4f}'
    axes.set_title(f'average precision {words}', fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(loc='lower left', frameon=False)
