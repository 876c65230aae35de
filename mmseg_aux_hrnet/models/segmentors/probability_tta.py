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

ONE_CHANNEL_THRESHOLD = 0.5  # where the head names none: class 1 is predicted where it is the more probable one


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
        merged = []
        for samples in data_samples_list:
            # A running sum: with all views of a large image at once, memory would grow with their number.
            total = torch.zeros_like(samples[0].seg_logits.data, dtype=torch.float32)
            for sample in samples:
                probabilities = class_probabilities(sample.seg_logits.data)
                if sample.metainfo.get('flip') and self.swap_seg_labels:
                    # mmseg has turned the pixels back already, but not the names of what a mirror exchanges.
                    order = list(range(probabilities.shape[0]))
                    for left, right in self.swap_seg_labels:
                        order[left], order[right] = right, left
                    probabilities = probabilities[order]
                total += probabilities
            # Marked, or the next one would take their softmax again.
            mean = PixelData(metainfo={'probabilities': True}, data=total / len(samples))
            classes = (self.decision or self._decide)(mean)
            samples[0].set_data({'seg_logits': mean, 'pred_sem_seg': PixelData(data=classes)})
            merged.append(samples[0])
        return merged

    def _decide(self, mean: PixelData) -> Tensor:
        """Return the classes that the head itself would predict, int64 (1, H, W)."""
        probabilities: Tensor = mean.data
        if probabilities.shape[0] > 1:
            return most_probable(probabilities, dim=0)
        threshold = self.module.decode_head.threshold
        return (probabilities > (ONE_CHANNEL_THRESHOLD if threshold is None else threshold)).long()
