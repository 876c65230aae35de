"""Tells what a data preprocessor of mmseg does to the colours of an image."""

from typing import Any

import torch


def swaps_channels(preprocessor: Any) -> bool:
    """Return whether a data preprocessor turns BGR into RGB, or the other way, which is the same."""
    names = ('channel_conversion', '_channel_conversion')  # in the original mmsegmentation, and in its fork
    return any(getattr(preprocessor, name, False) for name in names)


def colour_scale(preprocessor: Any) -> tuple[bool, list[float], list[float]]:
    """Return whether a data preprocessor swaps channels, and its mean and standard deviation; empty without them."""
    mean, std = (getattr(preprocessor, name, torch.empty(0)).flatten().tolist() for name in ('mean', 'std'))
    return swaps_channels(preprocessor), mean, std
