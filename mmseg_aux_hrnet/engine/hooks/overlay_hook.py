"""Saves pictures of predictions while testing."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmseg.registry import HOOKS
from PIL import Image

from mmseg_aux_hrnet.visualization import panels, side_by_side


@HOOKS.register_module()
class OverlayHook(Hook):
    """Write one picture per test image: image, reference where there is one, prediction.

    Args:
        output_dir: folder for ``<stem>.png``, made where missing.
    """

    def __init__(self, output_dir: str) -> None:
        self.output_dir = Path(output_dir)

    def before_test(self, runner: Any) -> None:
        """Make the folder."""
        self.output_dir.mkdir(parents=True, exist_ok=True)

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Write the pictures of one batch."""
        meta = runner.test_dataloader.dataset.metainfo
        for sample in outputs:
            with Image.open(sample.img_path) as source:
                image = np.asarray(source.convert('RGB'))
            label = _class_map(sample.gt_sem_seg) if 'gt_sem_seg' in sample else None
            row = panels(
                image, _class_map(sample.pred_sem_seg), label, palette=meta['palette'], classes=meta['classes']
            )
            self._write(Path(sample.img_path).stem, side_by_side(row))

    def after_test(self, runner: Any) -> None:
        """Say where the pictures are."""
        print_log(f'pictures: {self.output_dir}', logger='current')

    def _write(self, stem: str, picture: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        part = self.output_dir / f'{stem}.part.png'
        Image.fromarray(picture).save(part)
        os.replace(part, self.output_dir / f'{stem}.png')


def _class_map(pixels: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return classes, uint8 (H, W), of a data sample's (1, H, W) tensor."""
    data = pixels.data.cpu().numpy()
    return np.asarray(data.reshape(data.shape[-2:]), np.uint8)
