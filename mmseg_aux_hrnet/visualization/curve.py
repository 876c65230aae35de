"""Draws the training curve: loss and validation figures over iterations."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.visualization.png import save_figure

if TYPE_CHECKING:  # see confusion_matrix
    from matplotlib.axes import Axes

SMOOTHING_SHARE = 0.05  # of the iterations, the width of the running mean
LOSS_COLOUR = '#0072B2'
FIGURE_COLOURS = ('#009E73', '#D55E00', '#CC79A7', '#56B4E9')


class Curve(NamedTuple):
    """A figure over iterations."""

    name: str
    iterations: list[int]
    values: list[float]


def running_mean(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the mean of the last ``width`` values at each position, of fewer at the start."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def draw_curves(path: str | Path, *, loss: Curve, figures: list[Curve], title: str) -> None:
    """Write a PNG with the loss above and the validation figures, in percent, below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout='constrained')
    top, bottom = figure.subplots(2, 1, sharex=True)
    draw_loss(top, loss)
    draw_figures(bottom, figures)
    figure.suptitle(title)
    save_figure(path, figure)


def draw_loss(axes: 'Axes', loss: Curve) -> None:
    """Draw the training loss and its running mean."""
    values = np.array(loss.values, np.float64)
    axes.plot(loss.iterations, values, color=LOSS_COLOUR, alpha=0.25, linewidth=0.8)
    if len(values):
        smooth = running_mean(values, max(1, round(len(values) * SMOOTHING_SHARE)))
        axes.plot(loss.iterations, smooth, color=LOSS_COLOUR, label='training loss, running mean')
        axes.legend(loc='upper right', frameon=False)
    axes.set_ylabel('loss')
    axes.grid(alpha=0.3)


def draw_figures(axes: 'Axes', figures: list[Curve]) -> None:
    """Draw the validation figures, in percent."""
    for curve, colour in zip(figures, FIGURE_COLOURS, strict=False):
        axes.plot(curve.iterations, curve.values, color=colour, marker='o', markersize=3, label=curve.name)
    axes.set_xlabel('iteration')
    axes.set_ylabel('validation, %')
    axes.set_ylim(0, 100)
    axes.grid(alpha=0.3)
    if figures:
        for words in axes.legend(loc='lower right', frameon=False).get_texts():
            words.set_parse_math(False)  # a class may have a dollar sign in its name
