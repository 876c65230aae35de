"""Class probabilities out of what a segmentor leaves in ``seg_logits``."""

from typing import Any

import torch
from torch import Tensor

from mmseg_aux_hrnet.errors import ConfigError


def class_probabilities(scores: Tensor) -> Tensor:
    """Return probabilities, float32 (C, H, W), of what mmseg's segmentors leave in ``seg_logits``.

    That is logits for C > 1, but for C = 1 already the foreground probability: a second sigmoid, as in mmseg's
    ``SegTTAModel``, would lift every pixel above one half. In float32 whatever the type of the scores is, because half
    precision knows few numbers near 1.
    """
    return scores.float() if scores.shape[0] == 1 else scores.float().softmax(dim=0)


def two_class_probability(seg_logits: Any, *, class_index: int) -> Tensor:
    """Return the probability of one of two classes, float32 (H, W).

    Args:
        seg_logits: ``PixelData``, or the dict that evaluators make of it, with ``data``: logits (2, H, W);
            probabilities (2, H, W) where it also says ``probabilities=True``, as ``ProbabilityTTAModel`` does; or the
            probability of class 1, (1, H, W), of a head with one channel.
        class_index: 0 or 1.

    Raises:
        ConfigError: the model tells other than two classes.
    """
    scores: Tensor = seg_logits.get('data')
    if scores.shape[0] not in (1, 2):
        raise ConfigError(f'the model tells {scores.shape[0]} classes: a threshold on a probability needs two')
    if scores.shape[0] == 1:
        foreground = scores[0].float()
        return foreground if class_index == 1 else 1 - foreground
    return (scores.float() if seg_logits.get('probabilities', False) else class_probabilities(scores))[class_index]


def reaches(probability: Tensor, threshold: float) -> Tensor:
    """Return where a probability is at least the threshold, bool; both are compared as float32.

    This is the one comparison by which thresholds are counted and used, so that both agree on every pixel.
    """
    return probability >= torch.tensor(threshold, dtype=torch.float32)
