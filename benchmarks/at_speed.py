"""Sets the speed of our segmentors, which may hold for the whole process.

A file of its own, imported where it is called, so that a process that has not imported it is known not to be set: see
``contenders.check_apart``.
"""

from typing import Any

from mmseg_aux_hrnet.models import speed


def at_speed(segmentor: Any, **options: Any) -> Any:
    """Return our segmentor after ``speed.apply`` with some options."""
    speed.apply(segmentor, **options)
    return segmentor
