"""The metric that ``tools/test.py`` and validation print: every rate from one exact confusion count."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmseg.registry import METRICS
from torch import Tensor

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.evaluation.confusion import ClassRates, Counts, class_rates, confusion_counts, overall_rates
from mmseg_aux_hrnet.evaluation.index_map import index_map
from mmseg_aux_hrnet.evaluation.table import render


@METRICS.register_module()
class ConfusionMetric(BaseMetric):
    """Precision, Recall, IoU and F1 of every class, and OA, mIoU, mAcc, mDice and kappa.

    The counts are exact integers, also when several processes evaluate together. Keys: ``OA``, ``mIoU``, ``mAcc``,
    ``mDice``, ``kappa``, and for every class ``IoU.<name>``, ``Precision.<name>``, ``Recall.<name>``, ``F1.<name>``;
    all are Python floats, percent except kappa, nan where undefined. The rules for absent and never predicted classes
    are those of :mod:`~mmseg_aux_hrnet.evaluation.confusion`; the log shows them below the table. Class names come from
    the data set's metainfo.

    ``IoU.<name>`` is a safe ``save_best``: a class that is there but never predicted scores 0, it does not drop out.
    mmengine cannot guess its direction, so ``rule='greater'`` goes with it.

    Args:
        ignore_index: label value of the pixels that do not count.
        class_of_interest: name of the class that the table marks; the data set's own ``class_of_interest`` where None,
            else the last of two classes, else no class.
        collect_device: how results of several processes are gathered: ``gpu`` sends them, between CPUs too; ``cpu``
            writes files below the current directory, which all machines must share.
        prefix: put before every key with a slash.
    """

    default_prefix = ''  # None would log a warning that means nothing to a user

    def __init__(
        self,
        *,
        ignore_index: int = 255,
        class_of_interest: str | None = None,
        collect_device: str = 'gpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.ignore_index = ignore_index
        self.class_of_interest = class_of_interest

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Count the pixels of every image of a batch.

        Args:
            data_batch: not used.
            data_samples: one dict per image, with ``pred_sem_seg['data']`` and ``gt_sem_seg['data']``, both tensors
                (1, H, W) or (H, W) of class indices.

        Raises:
            ConfigError: the model's classes are not those of the data set, or the class of interest is unknown.
            DataError: an image has no label, or one of another size; names the image.
            LabelError: a value is no class; names the image, the value and its position.
        """
        classes = self._classes()
        self._named_class(classes)  # before hours of inference, not after
        for sample in data_samples:
            _check_channels(sample, classes)
            source = str(sample.get('seg_map_path') or sample.get('img_path') or 'image without a path')
            try:
                self.results.append((source, self._count(sample, num_classes=len(classes))))
            except DataError as error:
                raise type(error)(f'{source}: {error}') from error

    def compute_metrics(self, results: list[tuple[str, Counts]]) -> dict[str, float]:
        """Log the table and return the rates by key.

        Args:
            results: path and counts of every image.

        Raises:
            DataError: not one pixel of all images counts.
        """
        classes = self._classes()
        counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
        for _, image_counts in results:
            counts += image_counts
        if not counts.any():
            first = f' (first: {results[0][0]})' if results else ''
            raise DataError(
                f'no valid pixel in {len(results)} image(s){first}: every label is {self.ignore_index} (ignored); '
                'check the label folder and the label_format of the data set'
            )
        rates = dict(zip(classes, class_rates(counts), strict=True))
        self._log(rates, counts, images=len(results))
        return _by_key(rates, counts)

    def _count(self, sample: dict[str, Any], *, num_classes: int) -> Counts:
        if 'gt_sem_seg' not in sample:
            raise DataError('has no label to compare with; for a list of images only, write predictions instead')
        return confusion_counts(
            index_map(sample['pred_sem_seg']['data'], name='prediction'),
            index_map(sample['gt_sem_seg']['data'], name='label'),
            num_classes=num_classes,
            ignore_index=self.ignore_index,
        )

    def _log(self, rates: dict[str, ClassRates], counts: Counts, *, images: int) -> None:
        name = self._named_class(tuple(rates))
        overall = overall_rates(counts)
        logger = MMLogger.get_current_instance()
        table = render(rates, overall, class_of_interest=name)
        logger.info(f'{overall.pixels:,} pixels of {images:,} image(s), rates over all of them together\n\n{table}\n')
        if name is not None and not rates[name].support:
            logger.warning(
                f'class of interest {name} has no reference pixel in the evaluated images: its rates say nothing'
            )

    def _classes(self) -> tuple[str, ...]:
        classes = tuple((self.dataset_meta or {}).get('classes') or ())
        if not classes or len(set(classes)) != len(classes):
            raise ConfigError(f'data set with classes {classes}: its metainfo must name each class once')
        return classes

    def _named_class(self, classes: tuple[str, ...]) -> str | None:
        name = self.class_of_interest or (self.dataset_meta or {}).get('class_of_interest')
        if name is None:
            return classes[-1] if len(classes) == 2 else None
        if name not in classes:
            raise ConfigError(
                f'class_of_interest {name!r} is no class of the data set: choose from {", ".join(classes)}'
            )
        return str(name)


def _check_channels(sample: dict[str, Any], classes: tuple[str, ...]) -> None:
    logits: Tensor | None = sample.get('seg_logits', {}).get('data')
    # One channel is a two-class head with a threshold.
    if logits is not None and logits.shape[0] not in (1, len(classes)):
        raise ConfigError(
            f'the model predicts {logits.shape[0]} classes, but the data set has {len(classes)} '
            f'({", ".join(classes)}): set num_classes={len(classes)} in every head'
        )


def _by_key(rates: dict[str, ClassRates], counts: Counts) -> dict[str, float]:
    overall = overall_rates(counts)
    metrics = {
        'OA': overall.oa,
        'mIoU': overall.miou,
        'mAcc': overall.macc,
        'mDice': overall.mdice,
        'kappa': overall.kappa,
    }
    for name, values in rates.items():
        metrics[f'IoU.{name}'] = values.iou
        metrics[f'Precision.{name}'] = values.precision
        metrics[f'Recall.{name}'] = values.recall
        metrics[f'F1.{name}'] = values.f1
    return metrics
