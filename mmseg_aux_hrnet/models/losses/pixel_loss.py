"""Shared parts of the registered losses: arguments, checks, and the call that mmseg's heads make."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmseg_aux_hrnet.errors import ConfigError, counted
from mmseg_aux_hrnet.models.losses.functional import refuse_labels, two_class_logits, wrong_labels


def host_waits(values: Tensor) -> bool:
    """Say whether reading a number from a tensor makes the host wait for a device."""
    return values.device.type != 'cpu'


class PixelLoss(nn.Module, ABC):
    """A scalar loss over pixels with class weights and a name in the log.

    Args:
        class_weight: one weight per class, at least one positive; None weighs all classes alike.
        loss_weight: factor on the result.
        loss_name: key in the log, that of the class where None; mmseg only trains on names that contain ``loss``.

    Raises:
        ConfigError: a weight is negative or all are zero, or the name would be logged but not trained.
    """

    loss_name: str = 'loss'  # mmseg's heads look for this attribute

    def __init__(
        self,
        *,
        class_weight: Sequence[float] | None = None,
        loss_weight: float = 1.0,
        loss_name: str | None = None,
    ) -> None:
        super().__init__()
        if loss_name is None:
            loss_name = type(self).loss_name
        if 'loss' not in loss_name:
            raise ConfigError(f"loss_name={loss_name!r} must contain 'loss', otherwise mmseg logs it without training")
        if class_weight is not None and not (all(w >= 0 for w in class_weight) and any(w > 0 for w in class_weight)):
            raise ConfigError(
                f'class_weight={list(class_weight)} must be non-negative with at least one positive value'
            )
        self.class_weight = None if class_weight is None else tuple(float(w) for w in class_weight)
        self.loss_weight = loss_weight
        self.loss_name = loss_name
        self._weights: Tensor | None
        # On the device of the model, where a step would otherwise wait for it to arrive; in no checkpoint.
        weights = None if self.class_weight is None else torch.tensor(self.class_weight)
        self.register_buffer('_weights', weights, persistent=False)

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Return the weighted loss, a scalar.

        Args:
            logits: float (N, C, H, W), or (N, 1, H, W) for two classes; half precision is widened first.
            labels: integer (N, H, W), 0..C-1 or ``ignore_index``.
            weight: pixel weights, float (N, H, W), as a sampler gives them.
            ignore_index: label of pixels that do not count.
            reduction_override: only what all losses here do, ``mean``.

        On a GPU, where asking for an error would make the host wait in every step, the loss is NaN where a label is
        not a class.

        Raises:
            LabelError: a label on the CPU is not a class.
            ConfigError: ``class_weight`` has another length than the classes, or a loss per pixel is asked for.
        """
        if reduction_override not in (None, 'mean'):
            raise ConfigError(
                f'{type(self).__name__} gives no loss per pixel ({reduction_override!r}): set thresh of '
                'OHEMPixelSampler, or use OHEMCrossEntropyLoss'
            )
        logits = two_class_logits(logits)
        if logits.dtype in (torch.float16, torch.bfloat16):  # sums over pixels overflow or lose their digits
            logits = logits.float()
        labels, num_classes = labels.long(), logits.shape[1]
        if self._weights is None:
            class_weight = logits.new_ones(num_classes)
        elif len(self._weights) == num_classes:
            class_weight = self._weights.to(logits)
        else:
            raise ConfigError(
                f'class_weight has {counted(len(self._weights), "value")} but the head predicts '
                f'{counted(num_classes, "class")}'
            )
        late = host_waits(labels)
        wrong = wrong_labels(labels, num_classes=num_classes, ignore_index=ignore_index)
        if late:
            labels = torch.where(wrong, ignore_index, labels)
        else:
            refuse_labels(labels, wrong, num_classes=num_classes, ignore_index=ignore_index)
        loss = self.compute(logits, labels, class_weight=class_weight, pixel_weight=weight, ignore_index=ignore_index)
        return self.loss_weight * (torch.where(wrong.any(), torch.nan, loss) if late else loss)

    @abstractmethod
    def compute(
        self, logits: Tensor, labels: Tensor, *, class_weight: Tensor, pixel_weight: Tensor | None, ignore_index: int
    ) -> Tensor:
        """Return the loss before ``loss_weight``, a scalar."""
