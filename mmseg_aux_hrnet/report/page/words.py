"""Writes figures as a report prints them."""

import math
from collections.abc import Sequence

UNDEFINED = '–'  # noqa: RUF001  # an en dash, as in printed tables

Interval = Sequence[float | None] | None


def number(value: float | None, digits: int = 2) -> str:
    """Return a figure with a fixed count of decimals, a dash where it is undefined."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    return f'{value:,.{digits}f}'


def count(value: int | None) -> str:
    """Return a count with its thousands apart, a dash where there is none."""
    return UNDEFINED if value is None else f'{value:,}'


def span(interval: Interval, digits: int = 2) -> str:
    """Return an interval as ``low to high``, nothing where there is none."""
    if interval is None or any(end is None for end in interval):
        return ''
    return ' to '.join(number(end, digits) for end in interval)


def css_colour(parts: Sequence[int]) -> str:
    """Return a colour, red, green and blue 0..255, as CSS."""
    red, green, blue = (int(part) for part in parts)
    return f'rgb({red},{green},{blue})'
