"""Averages the predictions of several scales and flips."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from torch import Tensor

from mmseg_aux_hrnet.decision import class_probabilities
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models.segmentors.postprocessing import most_probable

ONE_CHANNEL_THRESHOLD = 0.5


@MODELS.register_module()
class ProbabilityTTAModel(BaseTTAModel):
    """Test-time augmentation by the mean of class probabilities, right for one-channel heads too.

    The merged sample carries the mean probabilities, float (C, H, W), as ``seg_logits`` and the class map, integer
    (1, H, W), as ``pred_sem_seg``. ``decision`` makes the classes of the probabilities where it is set.

    Args:
        module: the segmentor, or its config.
        swap_seg_labels: pairs of classes that a mirror image exchanges, such as left and right arm; as in the
            ``RandomFlip`` that trained the model.
        **kwargs: as in mmengine's ``BaseTTAModel``.

    Raises:
        ConfigError: a class stands in several pairs.
    """

    def __init__(self, module: Any, *, swap_seg_labels: Sequence[tuple[int, int]] = (), **kwargs: Any) -> None:
        super().__init__(module, **kwargs)
        counts = Counter(label for pair in swap_seg_labels for label in pair)
        if any(count > 1 for count in counts.values()):
            raise ConfigError(
                f'swap_seg_labels={list(swap_seg_labels)} names a class twice: give each class one partner'
            )
        self.swap_seg_labels = swap_seg_labels
        self.decision: Callable[[PixelData], Tensor] | None = None

    def merge_preds(self, data_samples_list: list[list[Any]]) -> list[Any]:
        """Merge the augmented predictions of each image.

        Args:
            data_samples_list: for each image its predictions, all brought back to the image's own size and direction.

        Returns:
            One sample per image.
        """
        return [self._merge(samples) for samples in data_samples_list]

    def _merge(self, samples: list[Any]) -> Any:
        total = torch.zeros_like(samples[0].seg_logits.data, dtype=torch.float32)
        for sample in samples:
            total += self._unswapped(class_probabilities(sample.seg_logits.data), flip=sample.metainfo.get('flip'))
        mean = PixelData(metainfo={'probabilities': True}, data=total / len(samples))
        decide = self.decision or self._decide
        merged = samples[0]
        merged.set_data({'seg_logits': mean, 'pred_sem_seg': PixelData(data=decide(mean))})
        return merged

    def _unswapped(self, probabilities: Tensor, *, flip: bool | None) -> Tensor:
        """Return what a mirror image's classes are called in the image itself; its pixels are turned back already."""
        if not flip or not self.swap_seg_labels:
            return probabilities
        order = list(range(probabilities.shape[0]))
        for left, right in self.swap_seg_labels:
            order[left], order[right] = right, left
        return probabilities[order]

    def _decide(self, mean: PixelData) -> Tensor:
        probabilities: Tensor = mean.data
        if probabilities.shape[0] > 1:
            return most_probable(probabilities, dim=0)
        threshold = self.module.decode_head.threshold
        return (probabilities > (ONE_CHANNEL_THRESHOLD if threshold is None else threshold)).long()
