"""The files that a map is written to: one, or of a mosaic one for each raster, each with its part of every block."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import DataError, OutsideAreaError, one_line
from mmseg_aux_hrnet.maps.class_map.geotiff import Grid, Rows
from mmseg_aux_hrnet.maps.predict.journal import Journal
from mmseg_aux_hrnet.maps.predict.mosaic import Mosaic
from mmseg_aux_hrnet.maps.predict.planning import area_of
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.windows import Axis

BESIDE = {'probabilities': 'prob', 'uncertainty': 'uncertainty'}  # what the files of these are called


class MapSheet(NamedTuple):
    """A part of a map that has files of its own.

    Attributes:
        out: the class map.
        grid: where it lies.
        window: its pixels in those of the whole map.
        key: what follows the names of its values in the journal; nothing where it is the only one.
    """

    out: Path
    grid: Grid
    window: Window
    key: str = ''

    def file(self, layer: str) -> Path:
        """Return the file of a layer: ``probabilities``, ``uncertainty`` or ``classes``."""
        if layer == 'classes':
            return self.out
        return self.out.with_name(f'{self.out.stem.removesuffix("_classes")}_{BESIDE[layer]}{self.out.suffix}')

    def rows_in(self, top: int, end: int) -> range:
        """Return which rows of a block of the whole map are of this file, in those of the whole map."""
        return range(max(top, self.window.row_off), min(end, self.window.row_off + self.window.height))


def mosaic_sheets(mosaic: Mosaic, settings: MapSettings) -> list[MapSheet]:
    """Return the files of the rasters of a mosaic that have a pixel in the area of interest.

    Raises:
        OutsideAreaError: none has.
    """
    sheets: list[MapSheet] = []
    for number, (member, window) in enumerate(zip(mosaic.members, mosaic.windows, strict=True)):
        try:
            area_of(member.path, member.grid, settings)
        except OutsideAreaError as error:
            if not sheets and number + 1 == len(mosaic.members):
                raise OutsideAreaError(f'{one_line(error)}, nor do others of its mosaic') from error
            continue
        sheets.append(MapSheet(member.out, member.grid, window, f'_{number}'))
    return sheets


def cut(values: dict[str, NDArray[Any]], sheets: list[MapSheet], *, rows: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """Return what the journal keeps of a block: of each file its part, so nothing of ground without a raster.

    Args:
        values: of the whole block, (bands, rows, width) by name.
        sheets: the files.
        rows: first row of the block, and the one after its last.
    """
    parts: dict[str, NDArray[Any]] = {}
    for sheet in sheets:
        own = sheet.rows_in(*rows)
        if own:
            down, across = slice(own.start - rows[0], own.stop - rows[0]), slice(*sheet.window.toranges()[1])
            parts |= {f'{name}{sheet.key}': whole[:, down, across] for name, whole in values.items()}
    return parts


def sheet_rows(journal: Journal, axis: Axis, name: str, sheet: MapSheet) -> Iterator[Rows]:
    """Yield the values of a file, the part of each block, (bands, rows, width).

    Args:
        journal: with all blocks.
        axis: rows of windows.
        name: of the values.
        sheet: the file.

    Raises:
        DataError: a block is damaged, or of a version whose windows lay elsewhere.
    """
    for index in range(len(axis.starts)):
        own = sheet.rows_in(*axis.block(index))
        if own:
            values = journal.part(index, f'{name}{sheet.key}')
            if values.shape[1:] != (len(own), sheet.window.width):
                raise DataError(f'{journal.folder} holds other rows: start again with --overwrite')
            yield values
