"""Compares weights with those that a network has, and lists what is in the way."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mmseg_aux_hrnet.weights.fitting import mismatches

COUNTER = 'num_batches_tracked'  # of batch norm; files of torch before 0.4.1 lack it, and prediction does not use it
NARROW = (torch.float16, torch.bfloat16)
FLOATS = (*NARROW, torch.float32, torch.float64)


def widened(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with those of half precision as float32, which holds each of their values."""
    return {key: value.float() if value.dtype in NARROW else value for key, value in weights.items()}


def with_counters(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights in the order of ``expected``, with a 0 for each counter of batch norm that is not there."""
    counters = {key: torch.zeros((), dtype=torch.int64) for key in expected if key.endswith(COUNTER)}
    whole = {**counters, **weights}
    ordered = {key: whole[key] for key in expected if key in whole}
    return {**ordered, **{key: value for key, value in whole.items() if key not in ordered}}


def faults_of(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Return the names that keep weights from being those of a network, by kind, with what is wrong about them."""
    retyped = [
        f'{key} {value.dtype} instead of {expected[key].dtype}'
        for key, value in weights.items()
        if key in expected and value.dtype != expected[key].dtype
    ]
    return {**mismatches(expected, weights), 'other type': retyped, 'not finite': not_finite(weights)}


def not_finite(weights: Mapping[str, Tensor]) -> list[str]:
    """Return the names of weights that hold an infinity or no number."""
    return [key for key, value in weights.items() if value.dtype in FLOATS and not torch.isfinite(value).all()]


def matched(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    """Return the names that are in both with the same shape."""
    return [key for key, value in weights.items() if key in expected and value.shape == expected[key].shape]
