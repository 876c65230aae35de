"""Tells whether a data preprocessor of mmseg changes the order of red, green and blue."""

from typing import Any


def swaps_channels(preprocessor: Any) -> bool:
    """Return whether a data preprocessor turns BGR into RGB, or the other way, which is the same."""
    names = ('channel_conversion', '_channel_conversion')  # of the original mmsegmentation, and of its fork
    return any(getattr(preprocessor, name, False) for name in names)
