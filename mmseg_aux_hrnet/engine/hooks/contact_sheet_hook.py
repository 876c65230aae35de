"""Keeps a sheet of sample predictions in the work dir."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmseg.registry import HOOKS
from numpy.typing import NDArray

from mmseg_aux_hrnet.bands import Bands, bands_in
from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.datasets.band_images import read_picture
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.evaluation import class_rates, confusion_counts, overall_rates
from mmseg_aux_hrnet.evaluation.confusion_metric import marked_classes
from mmseg_aux_hrnet.evaluation.image_result import index_map
from mmseg_aux_hrnet.visualization import SheetTile, draw_contact_sheet, save_picture, shrink

SHEET = 'validation_samples.png'


@HOOKS.register_module()
class ContactSheetHook(Hook):
    """Draw the same validation images with their predictions to ``validation_samples.png`` at every validation.

    They are spread evenly over the list of validation images. Each process keeps its share of them, as small as it is
    drawn.

    Args:
        samples: how many images.
        ignore_index: label of the pixels that do not count.
        show: three bands of the images, shown as red, green and blue, such as ``('nir', 'red', 'green')``; None for
            those where they are there.

    Attributes:
        sheet: the last one, RGB, uint8 (H, W, 3); None before.

    Raises:
        ConfigError: ``samples`` is below 1.
    """

    priority = 'LOW'
    sheet: NDArray[np.uint8] | None = None
    _classes: Classes
    _bands: Bands

    def __init__(self, samples: int = 8, ignore_index: int = 255, show: Sequence[str] | None = None) -> None:
        if samples < 1:
            raise ConfigError(f'ContactSheetHook with samples={samples}: give a number of images from 1 up')
        self.samples, self.ignore_index, self.show = samples, ignore_index, show
        self._order: dict[str, int] = {}
        self._tiles: dict[int, SheetTile] = {}

    def before_val_epoch(self, runner: Any) -> None:
        """Choose the images."""
        dataset = runner.val_dataloader.dataset
        chosen = np.unique(np.linspace(0, len(dataset) - 1, min(self.samples, len(dataset))).round().astype(int))
        self._order = {dataset.get_data_info(int(index))['img_path']: place for place, index in enumerate(chosen)}
        self._tiles = {}
        self._classes, self._bands = marked_classes(runner.val_evaluator, dataset.metainfo), bands_in(dataset.metainfo)

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Keep those of a batch that were chosen."""
        for sample in outputs or ():
            place = self._order.get(sample.metainfo.get('img_path'))
            if place is None:
                continue
            image = read_picture(sample.img_path, self._bands, show=self.show)
            prediction = index_map(sample.pred_sem_seg.data, name='prediction').astype(np.uint8)
            label, note = None, Path(sample.img_path).name
            if 'gt_sem_seg' in sample:
                label = index_map(sample.gt_sem_seg.data, name='label').astype(np.uint8)
                note = f'{note}   {self._iou(prediction, label)}'
            self._tiles[place] = shrink(image, prediction, label, note=note)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Draw the sheet."""
        # All processes have to get here: each waits for the tiles of the others.
        shares = all_gather_object(self._tiles)
        tiles = dict(sorted(item for share in shares for item in share.items()))
        self._tiles = {}
        if not tiles or not is_main_process():
            return
        classes = self._classes
        key = f'IoU.{classes.name_of_interest}' if len(classes.names) == 2 else 'mIoU'
        figure = f': {key} {metrics[key]:.1f}' if metrics and key in metrics else ''
        self.sheet = draw_contact_sheet(
            list(tiles.values()),
            title=f'{runner.experiment_name}, iteration {runner.iter}{figure}',
            classes=classes,
            ignore_index=self.ignore_index,
        )
        save_picture(Path(runner.work_dir) / SHEET, self.sheet)

    def _iou(self, prediction: NDArray[np.uint8], label: NDArray[np.uint8]) -> str:
        """Return the figure below a tile: the IoU of the class of interest where there are two, else the mean."""
        classes, ignored = self._classes, self.ignore_index
        counts = confusion_counts(prediction, label, num_classes=len(classes.names), ignore_index=ignored)
        if len(classes.names) != 2 or classes.of_interest is None:
            return f'mIoU {overall_rates(counts).miou:.1f}'
        value = class_rates(counts)[classes.of_interest].iou
        return f'IoU.{classes.name_of_interest} {"-: none, none predicted" if np.isnan(value) else f"{value:.1f}"}'
