"""Predicts blocks of rows: reads rows of windows, predicts them in batches, adds up their weighted probabilities."""

import math
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.maps.predict.model import MapModel
from mmseg_aux_hrnet.maps.predict.windows import Axis, Windows, axis_weights

Item = TypeVar('Item')
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Band = tuple[int, NDArray[np.uint8], Mask]  # a row of windows: its index, image and the pixels that are asked for
Batch = tuple[int, Mask, tuple[int, ...], Floats | None]  # of a band: windows by column; none when it is complete
NEARLY_FULL = 0.9  # share of the windows that batches could hold
BANDS_AHEAD = 1  # each is a window high and as wide as the raster
BATCHES_AHEAD = 2


class Waiting(NamedTuple):
    """A window that waits for its batch to be full; without an image, the end of its row of windows."""

    row: int
    wanted: Mask
    column: int = -1
    image: NDArray[np.uint8] | None = None


class Work(NamedTuple):
    """One raster and how it is predicted.

    Attributes:
        open: opens it, once for each thread; the source has ``read(window)``, which returns image and valid pixels.
        windows: which parts of it are predicted together.
        batch_size: most windows that are predicted together; those of narrow rasters lie in several rows of windows.
        area: which pixels of a window are asked for, bool (H, W); None for all. The model sees the others too, because
            what lies around a pixel helps to tell what it is.
    """

    open: Callable[[], AbstractContextManager[Any]]
    windows: Windows
    batch_size: int
    area: Callable[[Window], NDArray[np.bool_]] | None = None


@dataclass(frozen=True)
class Block:
    """Rows between the starts of two rows of windows.

    Attributes:
        index: of the block, from the top.
        probabilities: float32 (classes, rows, width); zeros where no window was predicted.
        valid: bool (rows, width), False too for pixels outside the area that is asked for.
        carry: what these windows add to the rows below, float32 (classes, rows, extent); None after the last
            block.
    """

    index: int
    probabilities: Floats
    valid: NDArray[np.bool_]
    carry: Floats | None


def predict_blocks(
    work: Work, model: MapModel, indices: range, *, carry: Floats | None = None, in_threads: bool = True
) -> Generator[Block, None, None]:
    """Yield successive blocks, and predict no window twice; each block depends on nothing but these arguments.

    Args:
        work: the raster.
        model: predicts windows.
        indices: of the blocks.
        carry: that of the block before the first one; without it, the rows of windows above that reach into the first
            block are predicted again.
        in_threads: read and predict in threads of their own, ahead of the code that uses the blocks.
    """
    first = indices.start if carry is not None else work.windows.rows.first_over(indices.start)
    together = rows_together(len(work.windows.columns.starts), work.batch_size)
    end = min(-(-indices.stop // together) * together, len(work.windows.rows.starts))
    bands = read_bands(work, range(first - first % together, end), fill=model.facts.fill)
    with ExitStack() as threads:  # they end the last one first: it may wait for what the other makes
        if in_threads:
            bands = threads.enter_context(closing(ahead(bands, depth=BANDS_AHEAD)))
        batches = _predict(bands, model, work, range(first, indices.stop))
        if in_threads:
            batches = threads.enter_context(closing(ahead(batches, depth=BATCHES_AHEAD)))
        for block in add_up(batches, work.windows, classes=len(model.facts.legend.names), carry=carry):
            if block.index >= indices.start:
                yield block


def ahead(items: Iterator[Item], *, depth: int) -> Generator[Item, None, None]:
    """Yield the same items; a thread makes the next ones meanwhile, at most ``depth`` and the current one.

    The thread ends with the items, with an error, which is raised here, or when this iterator is closed.

    Args:
        items: a generator, which runs and is closed in the thread, so that it may keep what belongs to one thread.
        depth: 1 or more.
    """
    end = object()
    with ThreadPoolExecutor(max_workers=1) as thread:
        waiting = deque(thread.submit(next, items, end) for _ in range(depth + 1))
        try:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(thread.submit(next, items, end))
                yield item  # type: ignore[misc]  # not the end
        finally:
            for future in waiting:
                future.cancel()
            thread.submit(getattr(items, 'close', bool)).result()  # GDAL's settings and files are those of a thread


def read_bands(work: Work, rows: range, *, fill: tuple[int, ...]) -> Generator[Band, None, None]:
    """Yield rows of windows, uint8 (window, extent, bands), with ``fill`` where the raster holds nothing.

    Raises:
        RasterError: the raster cannot be read.
    """
    axis, columns = work.windows.rows, work.windows.columns
    # Rows that two windows share are read once: some formats would decode all that lies above them again.
    before, end = 0, 0
    image, valid = np.empty((0, columns.extent, len(fill)), np.uint8), np.empty((0, columns.extent), bool)
    with work.open() as source:
        for index in rows:
            top = axis.starts[index]
            window = Window(0, top, columns.size, min(axis.window, axis.size - top))
            area = None if work.area is None else work.area(window)
            kept, kept_valid = image, valid
            wanted = np.zeros((axis.window, columns.extent), bool)
            image, valid = np.full((*wanted.shape, len(fill)), fill, np.uint8), wanted.copy()
            if area is not None and not area.any():
                end = 0
            else:
                start = max(top, end)
                image[: start - top] = kept[top - before : start - before]
                valid[: start - top] = kept_valid[top - before : start - before]
                before, end = top, top + window.height
                if end > start:
                    patch = source.read(Window(0, start, columns.size, end - start))
                    new = slice(start - top, end - top), slice(0, columns.size)
                    cv2.copyTo(patch.image, patch.valid.view(np.uint8), image[new])
                    valid[new] = patch.valid
                inside = slice(0, window.height), slice(0, window.width)
                wanted[inside] = valid[inside] if area is None else valid[inside] & area
            yield index, image, wanted


def rows_together(columns: int, batch_size: int) -> int:
    """Return how many rows of windows fill their batches together, as few as nearly do.

    They are counted from the top of the raster, and a batch does not reach beyond them. So the windows that are
    predicted together, which decide how a last bit is rounded, do not depend on where a run begins.
    """
    counts = range(1, batch_size + 1)  # as many rows as a batch has windows fill all batches
    batches = (math.ceil(count * columns / batch_size) for count in counts)
    return next(
        count for count, made in zip(counts, batches, strict=True) if count * columns >= NEARLY_FULL * made * batch_size
    )


def _predict(bands: Iterator[Band], model: MapModel, work: Work, rows: range) -> Generator[Batch, None, None]:
    """Yield what is predicted of some rows of windows; the bands begin and end with rows that fill batches together."""
    together = rows_together(len(work.windows.columns.starts), work.batch_size)
    waiting: list[Waiting] = []
    for item in _windows(bands, work.windows.columns):
        waiting.append(item)
        count = sum(one.image is not None for one in waiting)
        last_of_rows = item.image is None and (item.row + 1) % together == 0
        if count in (0, work.batch_size) or last_of_rows:
            yield from _predict_together(waiting, model, rows)
            waiting = []
            if item.row >= rows.stop or (item.row + 1 == rows.stop and item.image is None):
                return  # the rest was there to fill the last batch
        elif item.image is None:  # as views they would keep whole rows of windows
            waiting = [one._replace(image=None if one.image is None else one.image.copy()) for one in waiting]
    yield from _predict_together(waiting, model, rows)


def predict_in_common(
    rasters: Sequence[tuple[Work, Sequence[Band]]], model: MapModel, *, asked: Container[int]
) -> list[list[Batch]]:
    """Predict the windows of several rasters, one after the other, in batches that cross from one to the next.

    Args:
        rasters: each with all of its rows of windows, or with none; windows of one size.
        model: predicts windows.
        asked: the numbers of those that are to be predicted. The windows of the others only fill batches with them,
            as in a run in which these were asked for too.

    Returns:
        For each, what :func:`add_up` makes blocks of; nothing for those that are not asked for.
    """
    stride = max(len(bands) for _, bands in rasters)  # rows of all rasters get numbers of their own
    items = [
        item._replace(row=number * stride + item.row)
        for number, (work, bands) in enumerate(rasters)
        for item in _windows(bands, work.windows.columns)
    ]
    rows = {number * stride + row for number in range(len(rasters)) if number in asked for row in range(stride)}
    found: list[list[Batch]] = [[] for _ in rasters]
    waiting: list[Waiting] = []
    for place, item in enumerate(items, start=1):
        waiting.append(item)
        if sum(one.image is not None for one in waiting) == rasters[0][0].batch_size or place == len(items):
            for row, wanted, columns, probabilities in _predict_together(waiting, model, rows):
                number, own = divmod(row, stride)
                found[number].append((own, wanted, columns, probabilities))
            waiting = []
    return found


def _windows(bands: Iterable[Band], columns: Axis) -> Iterator[Waiting]:
    """Yield the windows of each row from which anything is asked for, and then that it is complete."""
    for row, image, wanted in bands:
        for column, start in enumerate(columns.starts):
            span = slice(start, start + columns.window)
            # Of an orthophoto's empty corners and of all around an area of interest, nothing is predicted.
            if wanted[:, span].any():
                yield Waiting(row, wanted, column, image[:, span])
        yield Waiting(row, wanted)


def _predict_together(waiting: Sequence[Waiting], model: MapModel, rows: Container[int]) -> Iterator[Batch]:
    images = [one.image for one in waiting if one.image is not None]
    asked = any(one.row in rows for one in waiting if one.image is not None)
    predicted = model.predict(np.stack(images)) if asked else np.empty(0, np.float32)
    first = 0
    for row, group in groupby(waiting, key=attrgetter('row')):
        items = list(group)
        columns = tuple(one.column for one in items if one.image is not None)
        if row in rows and columns:
            yield row, items[0].wanted, columns, predicted[first : first + len(columns)]
        if row in rows and items[-1].image is None:
            yield row, items[0].wanted, (), None
        first += len(columns)


def add_up(
    batches: Iterable[Batch], windows: Windows, *, classes: int, carry: Floats | None = None
) -> Generator[Block, None, None]:
    """Yield blocks; a pixel's windows are added in their order, so that the bytes are equal wherever a run begins.

    Args:
        batches: of successive rows of windows.
        windows: of the raster.
        classes: count.
        carry: that of the block before the first one.
    """
    down, across = axis_weights(windows.rows), axis_weights(windows.columns)
    total: Floats | None = None
    for index, wanted, columns, probabilities in batches:
        if total is None:
            total = np.zeros((classes, windows.rows.window, windows.columns.extent), np.float32)
            if carry is not None:
                total[:, : carry.shape[1]] = carry
        if probabilities is None:
            top, end = windows.rows.block(index)
            height, width = end - top, windows.columns.size
            # What windows that begin here add to the rows below: the next block, or a later run, continues from it.
            carry = total[:, height:] if index + 1 < len(windows.rows.starts) else None
            yield Block(index, total[:, :height, :width], wanted[:height, :width], carry)
            total = None
            continue
        for column, window in zip(columns, probabilities, strict=True):
            start, weights = windows.columns.starts[column], np.outer(down[index], across[column])
            product = np.empty_like(weights)
            # Class by class, so that the product of one class is still in the processor's cache when it is added.
            for sums, values in zip(total[:, :, start : start + windows.columns.window], window, strict=True):
                np.multiply(values, weights, out=product)
                sums += product
