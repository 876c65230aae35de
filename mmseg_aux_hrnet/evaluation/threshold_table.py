"""The best thresholds of a sweep as a table to read."""

import math

from mmseg_aux_hrnet.evaluation.threshold_curves import FIGURES, AtThreshold, ThresholdSweep

HEADINGS = ('threshold', 'Precision', 'Recall', 'IoU', 'F1', 'kappa')  # as the fields of AtThreshold
NAMES = {'iou': 'IoU', 'f1': 'F1', 'kappa': 'kappa'}
ADVICE = (
    'choose a threshold on validation images (--split val): on the images of the final figures it would flatter them'
)


def render_sweep(sweep: ThresholdSweep) -> str:
    """Return one half and the best threshold by each figure as Markdown, with the figures and the rules below."""
    rows = [(sweep.class_name, HEADINGS), ('one half', _cells(sweep.at(0.5)))]
    rows += [(f'best {names}', _cells(at)) for names, at in _best(sweep)]
    width = max(len(name) for name, _ in rows)
    lines = [f'| {name:<{width}} |' + ''.join(f' {cell:>9} |' for cell in cells) for name, cells in rows]
    lines.insert(1, f'|{"-" * (width + 2)}|' + f'{"-" * 10}:|' * len(HEADINGS))
    area, ece = (_number(value, digits=4) for value in (sweep.average_precision, sweep.ece))
    summary = f'average precision {area}   expected calibration error {ece}'
    return '\n'.join([f'{sweep.class_name} where its probability >= threshold', '', *lines, '', summary, ADVICE])


def _best(sweep: ThresholdSweep) -> list[tuple[str, AtThreshold]]:
    """Return the best thresholds with the names of the figures that are highest there: IoU and F1 are so together."""
    names: dict[AtThreshold, list[str]] = {}
    for figure in FIGURES:
        at = sweep.best(figure)
        if at is not None:
            names.setdefault(at, []).append(NAMES[figure])
    return [(', '.join(figures), at) for at, figures in names.items()]


def _cells(at: AtThreshold) -> tuple[str, ...]:
    percents = (at.precision, at.recall, at.iou, at.f1)
    return (
        _number(at.threshold, digits=3),
        *(_number(value, digits=2) for value in percents),
        _number(at.kappa, digits=4),
    )


def _number(value: float, *, digits: int) -> str:
    return '-' if math.isnan(value) else f'{value:.{digits}f}'
