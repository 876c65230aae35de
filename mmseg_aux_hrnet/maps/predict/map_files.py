"""The files of a map: one set for each raster of a mosaic, and what each file holds of the probabilities."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.decision import Threshold, reaches
from mmseg_aux_hrnet.errors import DataError, OutsideAreaError, one_line
from mmseg_aux_hrnet.maps.class_map.geotiff import Grid, Layer, Rows
from mmseg_aux_hrnet.maps.legend import NODATA, main_class
from mmseg_aux_hrnet.maps.predict.journal import Journal
from mmseg_aux_hrnet.maps.predict.mosaic import Mosaic
from mmseg_aux_hrnet.maps.predict.planning import area_of
from mmseg_aux_hrnet.maps.predict.settings import STEPS, Depth, MapSettings
from mmseg_aux_hrnet.maps.predict.windows import Axis
from mmseg_aux_hrnet.maps.styles import STYLE, ramp_style

BESIDE = {'probabilities': 'prob', 'uncertainty': 'uncertainty'}  # what the files of these are called
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


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


def class_values(probabilities: Floats, valid: Mask, *, decision: Threshold | None) -> NDArray[np.uint8]:
    """Return the class of every pixel, uint8 (H, W), ``NODATA`` where not valid.

    Args:
        probabilities: float32 (classes, H, W).
        valid: bool (H, W).
        decision: a threshold for one of two classes; None for the most probable class, of equal ones the first.
    """
    if decision is None:
        # The first of the most probable, plane by plane: for few planes several times as fast as numpy's argmax.
        classes: NDArray[np.uint8] = np.zeros(valid.shape, np.uint8)
        highest = probabilities[0]
        for index, plane in enumerate(probabilities[1:], start=1):
            classes[plane > highest] = index
            highest = np.maximum(highest, plane)
    else:
        classes = decision.decide(probabilities[decision.place]).astype(np.uint8)
    classes[~valid] = NODATA
    return classes


def kept_classes(legend: Classes) -> tuple[int, ...]:
    """Return the classes whose probabilities are worth a band: of two the one of interest, else all."""
    if len(legend.names) != 2:
        return tuple(range(len(legend.names)))
    return (1 if legend.of_interest is None else legend.of_interest,)


def probability_layer(legend: Classes, depth: Depth, tags: dict[str, str]) -> Layer:
    """Return the layer of probabilities."""
    kept = kept_classes(legend)
    names = tuple(f'probability of {legend.names[index]}' for index in kept)
    style = ramp_style(1 if len(kept) == 1 else main_class(legend) + 1)
    return Layer(depth, STEPS[depth] + 1, names, tags, step=1 / STEPS[depth], beside={STYLE: style})


def in_steps(shares: Floats, valid: Mask, *, depth: Depth) -> NDArray[np.unsignedinteger]:
    """Return shares 0..1 in whole steps, (bands, H, W), the one above 1 where not valid.

    Args:
        shares: float32 (bands, H, W).
        valid: bool (H, W).
        depth: of the result.
    """
    steps = STEPS[depth]
    # Half up, in float32 as ever: numpy rounds halves to even numbers, which would make other files.
    halved_up = np.floor(np.clip(shares, 0, 1) * np.float32(steps) + np.float32(0.5))
    whole: NDArray[np.unsignedinteger] = halved_up.astype(depth)
    whole[:, ~valid] = steps + 1  # nodata, the one value above 1
    return whole


def uncertainty(probabilities: Floats, *, decision: Threshold | None) -> Floats:
    """Return how near each pixel is to another class, 0 for sure to 1 for a tie, float32 (H, W).

    That is 1 less the margin between the two most probable classes. Where a threshold decides, the tie is there, and
    both sides are measured from it: p / t below, and (1 - p) / (1 - t) from t on. At 0.5 both rules are one.

    Args:
        probabilities: float32 (classes, H, W).
        decision: a threshold for one of two classes; None for the most probable class.
    """
    if decision is not None:
        share, tie = probabilities[decision.place], np.float32(decision.value)
        below, above = (np.maximum(side, np.finfo(np.float32).tiny) for side in (tie, 1 - tie))
        return np.asarray(np.where(reaches(share, decision.value), (1 - share) / above, share / below), np.float32)
    highest, second = probabilities[0], np.zeros_like(probabilities[0])
    for plane in probabilities[1:]:
        second = np.maximum(second, np.minimum(highest, plane))
        highest = np.maximum(highest, plane)
    return np.asarray(1 - (highest - second))


def uncertainty_meaning(decision: Threshold | None) -> str:
    """Return what :func:`uncertainty` gives, in a line."""
    if decision is None:
        return '1 - margin between the two most probable classes'
    return f'nearness of the probability of {decision.class_name} to the threshold {decision.value:.9g}, on each side'
