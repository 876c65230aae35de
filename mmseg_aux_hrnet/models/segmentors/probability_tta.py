"""Averages the predictions of several scales and flips."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from torch import Tensor

from mmseg_aux_hrnet.errors import ConfigError

ONE_CHANNEL_THRESHOLD = 0.5


def class_probabilities(scores: Tensor) -> Tensor:
    """Return probabilities, float (C, H, W), of what mmseg's segmentors leave in ``seg_logits``.

    That is logits for C > 1, but for C = 1 already the foreground probability: a second sigmoid, as in mmseg's
    ``SegTTAModel``, would lift every pixel above one half.
    """
    return scores if scores.shape[0] == 1 else scores.softmax(dim=0)


@MODELS.register_module()
class ProbabilityTTAModel(BaseTTAModel):
    """Test-time augmentation by the mean of class probabilities, right for one-channel heads too.

    The merged sample carries the mean probabilities, float (C, H, W), as ``seg_logits`` and the class map, integer
    (1, H, W), as ``pred_sem_seg``.

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

    def merge_preds(self, data_samples_list: list[list[Any]]) -> list[Any]:
        """Merge the augmented predictions of each image.

        Args:
            data_samples_list: for each image its predictions, all brought back to the image's own size and direction.

        Returns:
            One sample per image.
        """
        return [self._merge(samples) for samples in data_samples_list]

    def _merge(self, samples: list[Any]) -> Any:
        total = torch.zeros_like(samples[0].seg_logits.data)
        for sample in samples:
            total += self._unswapped(class_probabilities(sample.seg_logits.data), flip=sample.metainfo.get('flip'))
        mean = total / len(samples)
        merged = samples[0]
        merged.set_data({'seg_logits': PixelData(data=mean), 'pred_sem_seg': PixelData(data=self._decide(mean))})
        return merged

    def _unswapped(self, probabilities: Tensor, *, flip: bool | None) -> Tensor:
        """Return what a mirror image's classes are called in the image itself; its pixels are turned back already."""
        if not flip or not self.swap_seg_labels:
            return probabilities
        order = list(range(probabilities.shape[0]))
        for left, right in self.swap_seg_labels:
            order[left], order[right] = right, left
        return probabilities[order]

    def _decide(self, probabilities: Tensor) -> Tensor:
        if probabilities.shape[0] > 1:
            return probabilities.argmax(dim=0, keepdim=True)
        threshold = self.module.decode_head.threshold
        return (probabilities > (ONE_CHANNEL_THRESHOLD if threshold is None else threshold)).long()
