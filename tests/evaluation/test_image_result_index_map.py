"""Tensors of models and loaders become integer maps, or one-line errors."""

import numpy as np
import pytest
import torch

from mmseg_aux_hrnet.errors import DataError, LabelError
from mmseg_aux_hrnet.evaluation.image_result import index_map


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int64, torch.int32, torch.float32, torch.float16, torch.bool])
@pytest.mark.parametrize('shape', [(2, 2), (1, 2, 2)])
def test_values_survive(dtype, shape):
    result = index_map(torch.tensor([[0, 1], [1, 1]], dtype=dtype).reshape(shape), name='prediction')
    assert result.tolist() == [[0, 1], [1, 1]]
    assert np.issubdtype(result.dtype, np.integer)


def test_one_pixel_keeps_two_axes():
    assert index_map(torch.zeros(1, 1, 1), name='prediction').shape == (1, 1)


@pytest.mark.parametrize('shape', [(2, 4, 4), (1, 1, 4, 4), (4,)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(DataError, match='prediction of shape'):
        index_map(torch.zeros(shape), name='prediction')


@pytest.mark.parametrize('value', [0.5, float('nan')])
def test_fractions_are_refused(value):
    with pytest.raises(LabelError, match=rf'prediction value {value} at \(row, column\) \(0, 1\)'):
        index_map(torch.tensor([[0.0, value]]), name='prediction')
