"""Two class maps on one grid, as what each pixel was and became."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.class_map.aligning import AlignedMap
from mmseg_aux_hrnet.maps.class_map.reading import ClassMap, open_class_map
from mmseg_aux_hrnet.maps.legend import NODATA

Codes = NDArray[np.uint16]  # of each pixel: its old class times the number of classes, plus its new class
STRIP = 2**22  # pixels of a strip, about


@contextmanager
def open_pair(old: Path, new: Path, *, classes: Sequence[str] | None) -> Iterator['MapPair']:
    """Open two class maps of one place.

    Args:
        old: the earlier map, whose grid counts.
        new: the later map.
        classes: names of the values 0, 1, ... of maps that do not say them.

    Raises:
        RasterError: a file cannot be read as a raster.
        ConfigError: the names of the classes are not known, or of another number than a file's.
        DataError: one is not a class map, their classes differ, or they do not overlap.
    """
    with ExitStack() as stack:
        yield MapPair(*(stack.enter_context(open_class_map(path, classes=classes)) for path in (old, new)))


class MapPair:
    """Two class maps that are open, on the grid of the first.

    Attributes:
        old: the earlier map.
        legend: the classes of both.
        nothing: the code of pixels without data in one map or both; below it lie those of transitions.
        notes: what a user should know.

    Args:
        old: the earlier map.
        new: the later map.

    Raises:
        DataError: their classes differ, or they do not overlap.
    """

    def __init__(self, old: ClassMap, new: ClassMap) -> None:
        names, others = old.legend.names, new.legend.names
        if sorted(names) != sorted(others):
            raise DataError(
                f'{old.path} has the classes {", ".join(names)} and {new.path} has {", ".join(others)}: change needs '
                'two maps of the same classes; where only the names differ, give those of both with --classes NAME,NAME'
            )
        self.old = old
        self.legend: Classes = old.legend
        self._new = AlignedMap(new, old.grid())
        count = len(names)
        self.nothing = count**2
        # By name, for the values of the same classes may be others in the second map.
        self._old_part, self._new_part = np.zeros(256, np.uint16), np.zeros(256, np.uint16)
        self._old_part[:count] = count * np.arange(count)
        self._new_part[:count] = [names.index(name) for name in others]
        self.notes: tuple[str, ...] = () if self._new.note is None else (self._new.note,)
        if names != others:
            self.notes += (f'{new.path} has its classes in another order: they are matched by name',)

    def strips(self) -> list[Window]:
        """Return windows as wide as the map that cover it once, from top to bottom."""
        # Not along blocks, which of wide maps would be large: GDAL keeps a row of them for the strip below.
        rows = max(STRIP // self.old.width, 1)
        height = self.old.height
        return [Window(0, top, self.old.width, min(rows, height - top)) for top in range(0, height, rows)]

    def read(self, window: Window, *, around: int = 0) -> Codes:
        """Return what each pixel was and became, uint16 (height, width).

        Args:
            window: inside the first map.
            around: pixels beyond each side to read too; outside of the map they are ``nothing``.

        Raises:
            RasterError: a file is damaged there.
            DataError: a value is neither a class nor nodata.
        """
        (top, bottom), (left, right) = window.toranges()
        upper, lower = min(around, top), min(around, self.old.height - bottom)
        before, after = min(around, left), min(around, self.old.width - right)
        inner = Window(left - before, top - upper, right - left + before + after, bottom - top + upper + lower)
        old, new = self.old.read(inner), self._new.read(inner)
        codes = self._old_part[old] + self._new_part[new]
        codes[(old == NODATA) | (new == NODATA)] = self.nothing
        beyond = (around - upper, around - lower), (around - before, around - after)
        return np.pad(codes, beyond, constant_values=np.uint16(self.nothing)) if around else codes
