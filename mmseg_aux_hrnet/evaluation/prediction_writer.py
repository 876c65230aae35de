"""Predictions on disk, as palette PNG label maps under the names of the images."""

from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmseg.registry import METRICS

from mmseg_aux_hrnet.errors import ConfigError, LabelError
from mmseg_aux_hrnet.evaluation.image_result import index_map
from mmseg_aux_hrnet.files.label_png import write_label_png
from mmseg_aux_hrnet.files.names import OutputFiles, claim_name


@METRICS.register_module()
class PredictionWriter(BaseMetric):
    """Write the predicted class of every pixel to ``<output_dir>/<stem of the image>.png``; measure nothing.

    It needs no labels, so it serves image-only lists too. Files of an earlier run are replaced. Colours come from the
    data set's palette; the pixel values are the class indices.

    Args:
        output_dir: folder of the label maps; made if missing.
        collect_device: how results of several processes are gathered: ``gpu`` sends them, between CPUs too; ``cpu``
            writes files below the current directory, which all machines must share.

    Raises:
        DataError: the folder cannot be made.
    """

    default_prefix = ''  # None would log a warning that means nothing to a user

    def __init__(self, output_dir: str, *, collect_device: str = 'gpu') -> None:
        super().__init__(collect_device=collect_device)
        self._files = OutputFiles(output_dir)

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Write the prediction of every image of a batch.

        Args:
            data_batch: not used.
            data_samples: one dict per image, with ``pred_sem_seg['data']``, a tensor (1, H, W) or (H, W) of class
                indices, and ``img_path``.

        Raises:
            ConfigError: the data set has no palette.
            DataError: two images would have the same file, a source would be overwritten, or writing failed.
            LabelError: a predicted value is not a class.
        """
        palette = list((self.dataset_meta or {}).get('palette') or ())
        if not palette:
            raise ConfigError('data set without a palette: its metainfo must give one RGB colour per class')
        for sample in data_samples:
            image_path = str(sample['img_path'])
            target = self._files.target(image_path, label_path=sample.get('seg_map_path'))
            indices = index_map(sample['pred_sem_seg']['data'], name='prediction')
            if int(indices.max()) >= len(palette):
                raise LabelError(
                    f'{image_path}: predicted class {int(indices.max())}, but the data set has {len(palette)} classes: '
                    f'set num_classes={len(palette)} in every head'
                )
            write_label_png(target, indices, palette)
            self.results.append(image_path)

    def compute_metrics(self, results: list[str]) -> dict[str, float]:
        """Log how many files were written; there is nothing to measure.

        Args:
            results: paths of the images whose predictions were written.

        Raises:
            DataError: two processes wrote different images to the same file.
        """
        # Each process knows only the names that it claimed itself, so all of them are claimed once more together.
        images: dict[str, str] = {}
        for image_path in results:
            claim_name(images, image_path)
        logger = MMLogger.get_current_instance()
        logger.info(f'{len(images):,} label maps (palette PNG) written to {self._files.folder}')
        return {}
