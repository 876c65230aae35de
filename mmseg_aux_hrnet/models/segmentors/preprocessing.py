"""Tells what a data preprocessor of mmseg does to the colours of an image."""

from typing import Any


def swaps_channels(preprocessor: Any) -> bool:
    """Return whether a data preprocessor turns BGR into RGB, or the other way, which is the same."""
    names = ('channel_conversion', '_channel_conversion')  # in the original mmsegmentation, and in its fork
    return any(getattr(preprocessor, name, False) for name in names)
