"""The metric that sweeps a threshold over the probability of one of two classes."""

import math
from collections.abc import Sequence
from typing import Any

from mmengine.dist import get_dist_info
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import MMLogger
from mmseg.registry import METRICS

from mmseg_aux_hrnet.classes import class_set
from mmseg_aux_hrnet.decision import two_class_probability
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.evaluation.image_result import index_map
from mmseg_aux_hrnet.evaluation.thresholds import (
    FIGURES,
    AtThreshold,
    ThresholdCounts,
    ThresholdSweep,
    no_counts,
    threshold_counts,
    threshold_sweep,
)

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


@METRICS.register_module()
class ThresholdMetric(BaseMetric):
    """Figures of a two-class model at every threshold on the probability of one class, and its calibration.

    Logs the best threshold by each figure. Keys: ``AP.<name>`` and ``ECE.<name>``, 0..1; all else is in ``sweep``. The
    counts are exact integers, also when several processes evaluate together, and take the same memory for any number of
    images. What they say is that of the model's probabilities, whatever threshold decides its predictions.

    Args:
        class_of_interest: name of the class; the data set's own ``class_of_interest`` where None, else the last of two.
        ignore_index: label value of the pixels that do not count.
        collect_device: how results of several processes are gathered: ``gpu`` sends them, between CPUs too; ``cpu``
            writes files below the current directory, which all machines must share.
        prefix: put before every key with a slash.

    Attributes:
        sweep: what the last evaluation found, in the first process; None before.
    """

    default_prefix = ''  # None would log a warning that means nothing to a user

    def __init__(
        self,
        *,
        class_of_interest: str | None = None,
        ignore_index: int = 255,
        collect_device: str = 'gpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.class_of_interest = class_of_interest
        self.ignore_index = ignore_index
        self.sweep: ThresholdSweep | None = None
        self._start()

    def _start(self) -> None:
        self._images = 0
        self._before_last, self._last = no_counts(), no_counts()

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Count the pixels of every image of a batch.

        Args:
            data_batch: not used.
            data_samples: one dict per image, with ``seg_logits`` as in
                :func:`~mmseg_aux_hrnet.decision.two_class_probability` and ``gt_sem_seg['data']``, a tensor
                (1, H, W) or (H, W) of class indices.

        Raises:
            ConfigError: data set or model tell other than two classes, or the class of interest is unknown.
            DataError: an image has no label, one of another size, or a probability that is no number; names the image.
            LabelError: a value is no class; names the image.
        """
        class_index, _ = self._class()
        for sample in data_samples:
            source = str(sample.get('seg_map_path') or sample.get('img_path') or 'image without a path')
            try:
                counts = self._count(sample, class_index=class_index)
            except DataError as error:
                raise type(error)(f'{source}: {error}') from error
            self._before_last, self._last = self._before_last.plus(self._last), counts
            self._images += 1

    def _count(self, sample: dict[str, Any], *, class_index: int) -> ThresholdCounts:
        if 'gt_sem_seg' not in sample:
            raise DataError('has no label, without which no threshold is better than another')
        return threshold_counts(
            two_class_probability(sample['seg_logits'], class_index=class_index).cpu().numpy(),
            index_map(sample['gt_sem_seg']['data'], name='label'),
            class_index=class_index,
            ignore_index=self.ignore_index,
        )

    def evaluate(self, size: int) -> dict[str, float]:
        """Return the figures over the images of all processes.

        Args:
            size: images of the data set. Where the shares of the processes were filled up, the last image of a process
                is one that another has counted too.
        """
        rank, processes = get_dist_info()
        filled_up = self._images > len(range(rank, size, processes))
        own = self._before_last if filled_up else self._before_last.plus(self._last)
        self.results = [own]  # one from each process, also from one without images
        self._start()
        figures: dict[str, float] = super().evaluate(processes)
        return figures

    def compute_metrics(self, results: list[ThresholdCounts]) -> dict[str, float]:
        """Log the best thresholds and return the figures that need none.

        Args:
            results: counts of every process.
        """
        total = no_counts()
        for counts in results:
            total = total.plus(ThresholdCounts(*counts))
        _, name = self._class()
        self.sweep = threshold_sweep(total, class_name=name)
        MMLogger.get_current_instance().info(render_sweep(self.sweep))
        return {f'AP.{name}': self.sweep.average_precision, f'ECE.{name}': self.sweep.ece}

    def _class(self) -> tuple[int, str]:
        """Return index and name of the class of interest of two."""
        classes = class_set(self.dataset_meta or {}, of_interest=self.class_of_interest)
        if len(classes.names) != 2 or classes.of_interest is None:
            raise ConfigError(
                f'a threshold needs two classes, but the data set has {len(classes.names)} ({", ".join(classes.names)})'
            )
        return classes.of_interest, classes.names[classes.of_interest]


def find_sweep(evaluator: Evaluator) -> ThresholdSweep | None:
    """Return what a finished evaluation found, in the first process; None where it did not sweep."""
    sweeps = [metric.sweep for metric in evaluator.metrics if isinstance(metric, ThresholdMetric)]
    return sweeps[0] if sweeps else None
