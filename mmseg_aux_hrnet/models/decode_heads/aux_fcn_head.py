"""The auxiliary decoder of aux-HRNet."""

from collections.abc import Sequence
from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models.decode_heads.branchwise_fcn_head import BranchwiseFCNHead

LOSS_WEIGHT = 0.4  # of each auxiliary decoder in the published system


@MODELS.register_module()
class AuxFCNHead(BranchwiseFCNHead):
    """FCN decoder over a subset of the branches, at the resolution of its finest one.

    The branches are resized to the finest, concatenated, and pass a 1x1 convolution with norm and ReLU, and a 1x1
    classifier (aux-HRNet, doi 10.3390/land11060905). It takes part in training only. State-dict keys are those of
    mmseg's ``FCNHead``: ``convs.0.{conv,bn}.*`` and ``conv_seg.*``.

    Args:
        in_channels: channels of the chosen branches.
        in_index: which branches, 0 is the finest; strictly ascending.
        channels: width of the decoder; the sum of ``in_channels`` where not given.
        num_classes: classes.
        loss_decode: one loss config or several, None for masked cross entropy; each weighs 0.4 unless it says
            otherwise.
        **kwargs: as in mmseg's ``FCNHead``.

    Raises:
        ConfigError: ``in_index`` and ``in_channels`` do not fit, or a chosen branch does not exist (at the first
            forward pass, since only the backbone knows).
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        in_index: Sequence[int],
        num_classes: int,
        loss_decode: dict[str, Any] | Sequence[dict[str, Any]] | None = None,
        channels: int | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(in_index, int) or isinstance(in_channels, int):
            raise ConfigError(f'in_index={in_index} and in_channels={in_channels} of AuxFCNHead must be lists')
        if len(in_index) != len(in_channels) or not in_index:
            raise ConfigError(
                f'AuxFCNHead got {len(in_channels)} in_channels for {len(in_index)} in_index: '
                'give one of each per branch'
            )
        if list(in_index) != sorted(set(in_index)) or in_index[0] < 0:
            raise ConfigError(
                f'in_index={list(in_index)} of AuxFCNHead must ascend from 0 without repeats: the first, finest branch '
                'sets the resolution'
            )
        given = {'type': 'MaskedCrossEntropyLoss'} if loss_decode is None else loss_decode
        losses = [given] if isinstance(given, dict) else given
        # A head of mmseg takes these too, but with defaults of a larger decoder.
        settings = {
            'num_convs': 1,
            'kernel_size': 1,
            'concat_input': False,
            'dropout_ratio': 0.0,
            'out_channels': num_classes,
            **kwargs,
        }
        super().__init__(
            in_channels=list(in_channels),
            in_index=list(in_index),
            input_transform='resize_concat',
            channels=sum(in_channels) if channels is None else channels,
            num_classes=num_classes,
            loss_decode=[{'loss_weight': LOSS_WEIGHT, **loss} for loss in losses],
            **settings,
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the logits of the maps of a backbone, float (N, classes, H, W) at the resolution of the finest."""
        if self.in_index[-1] >= len(inputs):  # mmseg would end in an IndexError that names neither
            raise ConfigError(
                f'in_index={self.in_index} of AuxFCNHead names a branch that the backbone lacks: '
                f'it has {len(inputs)}, so use 0..{len(inputs) - 1}'
            )
        return super().forward(inputs)
