"""The metric that ``tools/test.py`` and validation print: every rate from one exact confusion count."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmseg.registry import METRICS
from torch import Tensor

from mmseg_aux_hrnet.classes import Classes, class_set
from mmseg_aux_hrnet.errors import ConfigError, DataError, counted
from mmseg_aux_hrnet.evaluation.confusion import Counts
from mmseg_aux_hrnet.evaluation.image_result import (
    ImageResult,
    PendingCount,
    count_image,
    index_map,
    plane,
    read,
    summed_counts,
    tally,
)
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates, rates_by_key
from mmseg_aux_hrnet.evaluation.table import render

HOST = 'cpu'  # the kind of device whose maps numpy counts at once; maps elsewhere are counted where they are


@METRICS.register_module()
class ConfusionMetric(BaseMetric):
    """Precision, Recall, IoU and F1 of every class, and the rates over all of them.

    The counts are exact integers, also when several processes evaluate together. Maps on a GPU are counted there
    (unless contours are asked for), and the counts are read when all images are done. Keys: ``OA``, ``mIoU``, ``mAcc``,
    ``mDice``, ``FWIoU``, ``kappa``, ``MCC``, ``balanced accuracy``, and for every class ``IoU.<name>``,
    ``Precision.<name>``, ``Recall.<name>``, ``F1.<name>``; all are Python floats, percent except kappa and MCC, nan
    where undefined. The rules for absent and never predicted classes are those of
    :mod:`~mmseg_aux_hrnet.evaluation.rates`; the log shows them below the table. Class names come from the data set's
    metainfo.

    ``IoU.<name>`` is a safe ``save_best``: a class that is there but never predicted scores 0, it does not drop out.
    mmengine cannot guess its direction, so ``rule='greater'`` goes with it.

    Args:
        ignore_index: label value of the pixels that do not count.
        class_of_interest: name of the class that the table marks; the data set's own ``class_of_interest`` where None,
            else the last of two classes, else no class.
        boundary_tolerance: pixels, 1 to 1000: count contours too, for a report; not where None.
        collect_device: how results of several processes are gathered: ``gpu`` sends them, between CPUs too; ``cpu``
            writes files below the current directory, which all machines must share.
        prefix: put before every key with a slash.

    Attributes:
        images: after an evaluation, the counts of every image in the order of the data set; in the first process only.
    """

    default_prefix = ''  # None would log a warning that means nothing to a user

    def __init__(
        self,
        *,
        ignore_index: int = 255,
        class_of_interest: str | None = None,
        boundary_tolerance: float | None = None,
        collect_device: str = 'gpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.ignore_index = ignore_index
        self.class_of_interest = class_of_interest
        self.boundary_tolerance = boundary_tolerance
        self.images: list[ImageResult] = []

    @property
    def classes(self) -> Classes:
        """The classes of the data set, with the class of interest.

        Raises:
            ConfigError: the metainfo does not name each class once, or the class of interest is unknown.
        """
        return class_set(self.dataset_meta or {}, of_interest=self.class_of_interest)

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Count the pixels of every image of a batch.

        Args:
            data_batch: not used.
            data_samples: one dict per image, with ``pred_sem_seg['data']`` and ``gt_sem_seg['data']``, both tensors
                (1, H, W) or (H, W) of class indices.

        Raises:
            ConfigError: the model's classes are not those of the data set, or the class of interest is unknown.
            DataError: an image has no label, or one of another size; names the image.
            LabelError: a value is not a class; names the image, the value and its position.
        """
        names = self.classes.names
        for sample in data_samples:
            logits: Tensor | None = sample.get('seg_logits', {}).get('data')
            # One channel is a two-class head with a threshold.
            if logits is not None and logits.shape[0] not in (1, len(names)):
                raise ConfigError(
                    f'the model predicts {counted(logits.shape[0], "class")}, but the data set has {len(names)} '
                    f'({", ".join(names)}): set num_classes={len(names)} in every head'
                )
            image = str(sample.get('img_path') or 'image without a path')
            try:
                self.results.append(self._count(sample, image=image, num_classes=len(names)))
            except DataError as error:
                raise type(error)(f'{sample.get("seg_map_path") or image}: {error}') from error

    def evaluate(self, size: int) -> dict[str, float]:
        """Read what is still on a GPU, then gather the counts of all processes and return the rates by key.

        Args:
            size: images of the data set.

        Raises:
            LabelError: a value is not a class; names the image.
        """
        # Before super() gathers the results: it pickles them, and each tensor would be copied from its device alone.
        self.results: list[Any] = read(self.results, num_classes=len(self.classes.names))
        rates: dict[str, float] = super().evaluate(size)
        return rates

    def compute_metrics(self, results: list[ImageResult]) -> dict[str, float]:
        """Log the table and return the rates by key.

        Args:
            results: counts of every image.

        Raises:
            DataError: not one pixel of all images counts.
        """
        classes = self.classes
        counts = summed_counts(results, num_classes=len(classes.names))
        check_counted(counts, results, ignore_index=self.ignore_index)
        self.images = list(results)
        rates, overall = dict(zip(classes.names, class_rates(counts), strict=True)), overall_rates(counts)
        logger = MMLogger.get_current_instance()
        table = render(rates, overall, class_of_interest=classes.name_of_interest)
        logger.info(
            f'{overall.pixels:,} pixels of {counted(len(results), "image")}, rates over all of them '
            f'together\n\n{table}\n'
        )
        if classes.name_of_interest is not None and not rates[classes.name_of_interest].support:
            logger.warning(
                f'class of interest {classes.name_of_interest} has no reference pixel in the evaluated images: '
                'its rates say nothing'
            )
        return rates_by_key(counts, classes.names)

    def _count(self, sample: dict[str, Any], *, image: str, num_classes: int) -> ImageResult | PendingCount:
        if 'gt_sem_seg' not in sample:
            raise DataError('has no label to compare with; for a list of images only, write predictions instead')
        path = sample.get('seg_map_path')
        label_path = None if path is None else str(path)
        prediction, label = sample['pred_sem_seg']['data'], sample['gt_sem_seg']['data']
        rule: dict[str, Any] = {'num_classes': num_classes, 'ignore_index': self.ignore_index}
        # Contours need OpenCV, which works on the host. Anything else stays on the device: to copy a map would make the
        # next batch wait for it.
        if self.boundary_tolerance is None and prediction.device.type != HOST:
            maps = (plane(prediction, name='prediction'), plane(label, name='label').to(prediction.device))
            return image, label_path, tally(*maps, **rule)
        return count_image(
            index_map(prediction, name='prediction'),
            index_map(label, name='label'),
            image=image,
            label_path=label_path,
            tolerance=self.boundary_tolerance,
            **rule,
        )


def check_counted(counts: Counts, images: Sequence[ImageResult], *, ignore_index: int) -> None:
    """Raise where not one pixel of all images counts.

    Raises:
        DataError: says so.
    """
    if not counts.any():
        first = f' (first: {images[0].source})' if images else ''
        raise DataError(
            f'no valid pixel in {counted(len(images), "image")}{first}: every label is {ignore_index} (ignored); '
            'check the label folder and the label_format of the data set'
        )


def marked_classes(evaluator: Any, meta: Mapping[str, Any]) -> Classes:
    """Return the classes of a data set with the class of interest that the tables of an evaluation mark.

    Pictures ask here and not the data set, because a ``ConfusionMetric`` of the config can name another class.

    Args:
        evaluator: mmengine's ``Evaluator``; None where nothing is measured.
        meta: metainfo of the data set.

    Raises:
        ConfigError: as in :func:`~mmseg_aux_hrnet.classes.class_set`.
    """
    metrics = [metric for metric in getattr(evaluator, 'metrics', ()) if isinstance(metric, ConfusionMetric)]
    return class_set(meta, of_interest=metrics[0].class_of_interest if metrics else None)
