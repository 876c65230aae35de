"""Class indices of one image out of the tensor that a model or a loader hands over."""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mmseg_aux_hrnet.errors import DataError, LabelError


def plane(data: Tensor, *, name: str) -> Tensor:
    """Return the map of one image, (H, W), out of (1, H, W) or (H, W).

    Raises:
        DataError: the tensor is no map of one image.
    """
    values = data[0] if data.ndim == 3 and data.shape[0] == 1 else data
    if values.ndim != 2:
        raise DataError(
            f'{name} of shape {tuple(data.shape)}: it must be (1, height, width), one class index per pixel'
        )
    return values


def index_map(data: Tensor, *, name: str) -> npt.NDArray[np.integer[Any]]:
    """Return class indices as an integer array (H, W).

    Args:
        data: class indices, (1, H, W) or (H, W), on any device; whole numbers of any type, because one-channel heads
            give theirs as floats.
        name: what the tensor is, for the message.

    Raises:
        DataError: the tensor is no map of one image.
        LabelError: a value is no whole number.
    """
    values = plane(data, name=name)
    if values.is_floating_point():
        # Written so that nan is found too.
        broken = ~(values == values.round())
        if bool(broken.any()):
            row, column = broken.nonzero()[0].tolist()
            raise LabelError(
                f'{name} value {float(values[row, column])} at (row, column) {(row, column)} is no class index: '
                'it must be a whole number'
            )
        values = values.long()
    indices: npt.NDArray[Any] = values.detach().cpu().numpy()
    return indices.astype(np.uint8) if indices.dtype == np.bool_ else indices
