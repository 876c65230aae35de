"""The input of a network: the order of colours, and images filled up to multiples of a size."""

import logging
from collections.abc import Sequence
from types import MethodType
from typing import Any

import torch
from mmengine.logging import print_log
from mmseg.models import SegDataPreProcessor
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.weights import unwrapped

SIZE_DIVISOR = 32  # pixels: the stride of the coarsest map of HRNet, and of nearly every other backbone
WHERE = 'model.data_preprocessor.test_cfg.size_divisor'


@MODELS.register_module()
class BandDataPreProcessor(SegDataPreProcessor):
    """mmseg's ``SegDataPreProcessor`` for images of any number of bands; mmengine's takes one or three.

    Three channels are turned round where ``bgr_to_rgb`` is set, so that mean and std are in the order of the bands'
    names; any other number comes in that order from the loader, see :class:`~mmseg_aux_hrnet.bands.Bands`.

    Args:
        mean: of each band, 0..255.
        std: of each band, above 0.
        **kwargs: as in mmseg.

    Raises:
        ConfigError: mean and std are not as many numbers, or a deviation is not above 0.
    """

    def __init__(self, *, mean: Sequence[float], std: Sequence[float], **kwargs: Any) -> None:
        if not mean or len(mean) != len(std) or not min(std) > 0:
            raise ConfigError(f'mean {list(mean)} and std {list(std)}: give both for each band, std above 0')
        super().__init__(mean=(0.0,), std=(1.0,), **kwargs)
        for name, values in (('mean', mean), ('std', std)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).view(-1, 1, 1), persistent=False)


def swaps_channels(preprocessor: Any) -> bool:
    """Return whether a data preprocessor turns BGR into RGB, or the other way, which is the same.

    It does so with three channels only, with any setting.
    """
    names = ('channel_conversion', '_channel_conversion')  # in the original mmsegmentation, and in its fork
    return any(getattr(preprocessor, name, False) for name in names)


def fill_sizes(model: nn.Module) -> None:
    """Make a built segmentor fill up what it predicts to multiples of its ``size_divisor``, and cut the logits back.

    At other sizes coarse maps are rounded up and stretched over the image, at 32 n + 1 the most, as in no training
    crop. The divisor is ``test_cfg.size_divisor`` of the data preprocessor, else ``SIZE_DIVISOR``; 1 leaves sizes as
    they are. Images, or the windows of a sliding inference, are filled on the right and below, after normalisation, by
    ``pad_val`` of the preprocessor: 0 is the mean colour. Training does not come through here: the log names crops of
    other sizes.

    Args:
        model: a segmentor, or what wraps it; one that fills up already stays as it is.

    Raises:
        ConfigError: the divisor is not a whole number from 1 up.
    """
    segmentor: Any = unwrapped(model)
    if hasattr(segmentor, 'size_divisor'):
        return
    preprocessor = segmentor.data_preprocessor
    test_cfg = dict(getattr(preprocessor, 'test_cfg', None) or {})
    divisor = test_cfg.pop('size_divisor', SIZE_DIVISOR)
    if type(divisor) is not int or divisor < 1:  # True is an int too
        raise ConfigError(f'{WHERE}={divisor!r}: give a whole number of pixels from 1 up, such as {SIZE_DIVISOR}')
    # Without the divisor: mmseg would fill too, before windows are laid, and fails at images without samples.
    preprocessor.test_cfg = test_cfg
    segmentor.size_divisor, segmentor.fill_value = divisor, float(getattr(preprocessor, 'pad_val', 0))
    if divisor > 1:
        segmentor.encode_decode = MethodType(_encode_decode_filled, segmentor)
    if any(side % divisor for side in getattr(preprocessor, 'size', None) or ()):
        note = (
            f'training crops, {preprocessor.size}, are not multiples of {divisor}, to which predictions are filled up'
        )
        print_log(f'{note}: choose a crop_size that is, or {WHERE}=1', logger='current', level=logging.WARNING)


def _encode_decode_filled(segmentor: Any, inputs: Tensor, batch_img_metas: list[dict[str, Any]]) -> Tensor:
    """Return logits, float (N, classes, H, W), of normalised images, (N, channels, H, W)."""
    height, width = inputs.shape[2:]
    margins = (0, -width % segmentor.size_divisor, 0, -height % segmentor.size_divisor)
    filled = functional.pad(inputs, margins, value=segmentor.fill_value)
    # Of these two keys, heads take the size of their logits.
    metas = [{**meta, 'img_shape': filled.shape[2:], 'pad_shape': filled.shape[2:]} for meta in batch_img_metas]
    logits: Tensor = type(segmentor).encode_decode(segmentor, filled, metas)
    if not torch.compiler.is_compiling():
        return logits[..., :height, :width]
    # A slice would make torch.export note whether anything was cut off, and refuse sizes where that is otherwise.
    rows, columns = (torch.arange(side, device=logits.device) for side in (height, width))
    return logits.index_select(2, rows).index_select(3, columns)


@MODELS.register_module()
class FilledEncoderDecoder(EncoderDecoder):
    """An ``EncoderDecoder`` that predicts images of any size alike, see :func:`fill_sizes`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        fill_sizes(self)
