"""The metric that sweeps a threshold over the probability of one of two classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmseg.registry import METRICS
from rich import box
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.classes import class_set
from mmseg_aux_hrnet.decision import two_class_probability
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.evaluation.image_result import index_map
from mmseg_aux_hrnet.evaluation.metrics import AP, ECE
from mmseg_aux_hrnet.evaluation.table import markdown_table
from mmseg_aux_hrnet.evaluation.thresholds import (
    CRITERIA,
    CURVE,
    NO_COUNTS,
    AtThreshold,
    ThresholdCounts,
    ThresholdSweep,
    threshold_counts,
    threshold_sweep,
)

ADVICE = 'choose a threshold on validation images (--split val): on the test images it would make the figures too good'


def render_sweep(sweep: ThresholdSweep) -> str:
    """Return one half and the best threshold by each figure as Markdown, with the figures and the rules below."""
    table = Table(box=box.MARKDOWN)
    table.add_column(Text(sweep.class_name))
    for title in ('threshold', *(metric.title for metric in CURVE)):
        table.add_column(title, justify='right')
    best: dict[AtThreshold, list[str]] = {}  # IoU and F1 are highest at the same threshold: one row for both
    for metric in CRITERIA:
        at = sweep.best(metric.key)
        if at is not None:
            best.setdefault(at, []).append(metric.title)
    rows = [('one half', sweep.at(0.5)), *((f'best {", ".join(titles)}', at) for at, titles in best.items())]
    for name, at in rows:
        table.add_row(name, f'{at.threshold:.3f}', *(metric.text(getattr(at, metric.key)) for metric in CURVE))
    summary = f'average precision {AP.text(sweep.average_precision)}   expected calibration error {ECE.text(sweep.ece)}'
    heading = f'{sweep.class_name} where its probability >= threshold'
    lines = markdown_table(table, width=len(sweep.class_name) + 100)  # as wide as it must be: a row never continues
    return '\n'.join([heading, '', lines, '', summary, ADVICE])


@METRICS.register_module()
class ThresholdMetric(BaseMetric):
    """Figures of a two-class model at every threshold on the probability of one class, and its calibration.

    Logs the best threshold by each figure. Keys: ``AP.<name>`` and ``ECE.<name>``, 0..1; all else is in ``sweep``. The
    counts are exact integers, also when several processes evaluate together, and take the same memory for any number of
    images. They describe the probabilities of the model, with any threshold of its predictions.

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
        # The last image stands apart: it may be one that another process has counted too, see evaluate.
        self._before_last, self._last = NO_COUNTS, NO_COUNTS

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Count the pixels of every image of a batch.

        Args:
            data_batch: not used.
            data_samples: one dict per image, with ``seg_logits`` as in
                :func:`~mmseg_aux_hrnet.decision.two_class_probability` and ``gt_sem_seg['data']``, a tensor
                (1, H, W) or (H, W) of class indices.

        Raises:
            ConfigError: data set or model tell other than two classes, or the class of interest is unknown.
            DataError: an image has no label or one of another size, or a probability is not a number; names the image.
            LabelError: a value is not a class; names the image.
        """
        class_index, _ = self._class()
        for sample in data_samples:
            source = str(sample.get('seg_map_path') or sample.get('img_path') or 'image without a path')
            try:
                if 'gt_sem_seg' not in sample:
                    raise DataError('has no label, so no threshold is better than another')
                counts = threshold_counts(
                    two_class_probability(sample['seg_logits'], class_index=class_index).cpu().numpy(),
                    index_map(sample['gt_sem_seg']['data'], name='label'),
                    class_index=class_index,
                    ignore_index=self.ignore_index,
                )
            except DataError as error:
                raise type(error)(f'{source}: {error}') from error
            self._before_last, self._last = self._before_last + self._last, counts
            self._images += 1

    def evaluate(self, size: int) -> dict[str, float]:
        """Return the figures over the images of all processes.

        Args:
            size: images of the data set. Where the shares of the processes were filled up, the last image of a process
                is one that another has counted too.
        """
        rank, processes = get_dist_info()
        filled_up = self._images > len(range(rank, size, processes))
        own = self._before_last if filled_up else self._before_last + self._last
        self.results = [own]  # one from each process, also from one without images
        self._start()
        figures: dict[str, float] = super().evaluate(processes)
        return figures

    def compute_metrics(self, results: list[ThresholdCounts]) -> dict[str, float]:
        """Log the best thresholds and return the figures that need none.

        Args:
            results: counts of every process.
        """
        _, name = self._class()
        self.sweep = threshold_sweep(np.sum(results, axis=0), class_name=name)
        MMLogger.get_current_instance().info(render_sweep(self.sweep))
        return {f'{AP.title}.{name}': self.sweep.average_precision, f'{ECE.title}.{name}': self.sweep.ece}

    def _class(self) -> tuple[int, str]:
        """Return index and name of the class of interest of two."""
        classes = class_set(self.dataset_meta or {}, of_interest=self.class_of_interest)
        if len(classes.names) != 2 or classes.of_interest is None:
            raise ConfigError(
                f'a threshold needs two classes, but the data set has {len(classes.names)} ({", ".join(classes.names)})'
            )
        return classes.of_interest, classes.names[classes.of_interest]
