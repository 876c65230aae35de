"""Predicts blocks of rows: reads rows of windows, predicts them in batches, adds up their weighted probabilities."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.maps.predict.model import MapModel
from mmseg_aux_hrnet.maps.predict.windows import Plan, axis_weights

Item = TypeVar('Item')
PATIENCE = 0.1  # seconds between looks at whether anybody still wants the items


class _Ended:
    """What follows the last item: how the generator ended."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterator[Item], *, depth: int) -> Iterator[Item]:
    """Yield the same items; the next ones are made meanwhile, at most ``depth`` of them.

    The thread ends with the generator, with an error, which is raised here, or when this iterator is closed.

    Args:
        items: a generator, which runs and is closed in the thread, so that it may keep what belongs to one thread.
        depth: 1 or more.
    """
    made: queue.Queue[Item | _Ended] = queue.Queue(depth)
    unwanted = threading.Event()
    thread = threading.Thread(target=_make, args=(items, made, unwanted), daemon=True)
    thread.start()
    try:
        while True:
            item = made.get()
            if isinstance(item, _Ended):
                break
            yield item
        if item.error is not None:
            raise item.error
    finally:
        unwanted.set()
        thread.join()


def _make(items: Iterator[Item], made: 'queue.Queue[Item | _Ended]', unwanted: threading.Event) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            if not _put(made, item, unwanted):
                break
    except BaseException as caught:  # raised again where the items are used
        error = caught
    finally:
        close = getattr(items, 'close', None)
        if close is not None:
            close()
    _put(made, _Ended(error), unwanted)


def _put(made: 'queue.Queue[Item | _Ended]', item: Item | _Ended, unwanted: threading.Event) -> bool:
    """Put an item as soon as there is room, and return whether anybody wants it."""
    while not unwanted.is_set():
        try:
            made.put(item, timeout=PATIENCE)
        except queue.Full:
            continue
        return True
    return False


Floats = NDArray[np.float32]
BANDS_AHEAD = 1  # each is a window high and as wide as the raster
BATCHES_AHEAD = 2


class Work(NamedTuple):
    """One raster and how it is predicted.

    Attributes:
        open: opens it, once for each thread; the source has ``read(window)``, which returns image and valid pixels.
        plan: its windows.
        batch_size: most windows that are predicted together; they always lie in one row of windows.
        area: which pixels of a window are asked for, bool (H, W); None for all. The model sees the others too, because
            what lies around a pixel helps to tell what it is.
    """

    open: Callable[[], AbstractContextManager[Any]]
    plan: Plan
    batch_size: int
    area: Callable[[Window], NDArray[np.bool_]] | None = None


@dataclass(frozen=True)
class Block:
    """Rows between the starts of two rows of windows.

    Attributes:
        index: of the block, from the top.
        probabilities: float32 (classes, rows, width); zeros where no window was predicted.
        valid: bool (rows, width), False too for pixels that nobody asked for.
        carry: what these windows add to the rows below, float32 (classes, rows, extent); None after the last
            block.
    """

    index: int
    probabilities: Floats
    valid: NDArray[np.bool_]
    carry: Floats | None


@dataclass(frozen=True)
class _Band:
    """A row of windows: image uint8 (window, extent, 3), filled where not valid; wanted bool (window, extent)."""

    index: int
    image: NDArray[np.uint8]
    wanted: NDArray[np.bool_]


class _Part(NamedTuple):
    """Some windows of a band, by their column, and their probabilities; no windows: the band is complete."""

    band: _Band
    columns: tuple[int, ...]
    probabilities: Floats | None


def predict_block(work: Work, model: MapModel, index: int) -> Block:
    """Return a finished block; it depends on nothing but these.

    Rows of windows that reach into the block from above are predicted for it too.
    """
    return next(predict_blocks(work, model, range(index, index + 1), in_threads=False))


def predict_blocks(
    work: Work, model: MapModel, indices: range, *, carry: Floats | None = None, in_threads: bool = True
) -> Iterator[Block]:
    """Yield successive blocks, each equal to what ``predict_block`` returns for it, and predict no window twice.

    Args:
        work: the raster.
        model: predicts windows.
        indices: of the blocks.
        carry: that of the block before the first one; without it, the rows of windows above that reach into the first
            block are predicted again.
        in_threads: read and predict in threads of their own, ahead of whoever uses the blocks.
    """
    first = indices.start if carry is not None else work.plan.rows.first_over(indices.start)
    bands = _read(work, range(first, indices.stop), fill=model.facts.fill)
    if in_threads:
        bands = ahead(bands, depth=BANDS_AHEAD)
    parts = _predict(bands, model, work)
    if in_threads:
        parts = ahead(parts, depth=BATCHES_AHEAD)
    classes = len(model.facts.legend.names)
    for block in _add_up(parts, work.plan, classes=classes, carry=carry):
        if block.index >= indices.start:
            yield block


def _read(work: Work, rows: range, *, fill: tuple[int, int, int]) -> Iterator[_Band]:
    axis, columns = work.plan.rows, work.plan.columns
    with work.open() as source:
        for index in rows:
            top = axis.starts[index]
            window = Window(0, top, columns.size, min(axis.window, axis.size - top))
            area = None if work.area is None else work.area(window)
            image = np.full((axis.window, columns.extent, 3), fill, np.uint8)
            wanted = np.zeros(image.shape[:2], bool)
            if area is None or area.any():  # else it is not even read
                _fill_in(image, wanted, patch=source.read(window), area=area)
            yield _Band(index, image, wanted)


def _fill_in(
    image: NDArray[np.uint8], wanted: NDArray[np.bool_], *, patch: Any, area: NDArray[np.bool_] | None
) -> None:
    """Copy what a source has read to the upper left: its valid pixels, and which of them are asked for."""
    inside = tuple(slice(0, size) for size in patch.valid.shape)
    cv2.copyTo(patch.image, patch.valid.view(np.uint8), image[inside])
    wanted[inside] = patch.valid if area is None else patch.valid & area


def _predict(bands: Iterator[_Band], model: MapModel, work: Work) -> Iterator[_Part]:
    columns = work.plan.columns
    for band in bands:
        starts = [(j, slice(start, start + columns.window)) for j, start in enumerate(columns.starts)]
        used = [(j, span) for j, span in starts if band.wanted[:, span].any()]
        for at in range(0, len(used), work.batch_size):
            batch = used[at : at + work.batch_size]
            images = np.stack([band.image[:, span] for _, span in batch])
            yield _Part(band, tuple(j for j, _ in batch), model.predict(images))
        yield _Part(band, (), None)


def _add_up(parts: Iterator[_Part], plan: Plan, *, classes: int, carry: Floats | None) -> Iterator[Block]:
    """Yield blocks; a pixel's windows are added in their order, whichever block is the first, to equal bytes."""
    down, across = axis_weights(plan.rows), axis_weights(plan.columns)
    total: Floats | None = None
    for part in parts:
        if total is None:
            total = np.zeros((classes, plan.rows.window, plan.columns.extent), np.float32)
            if carry is not None:
                total[:, : carry.shape[1]] = carry
        if part.probabilities is None:
            block = _finished(part.band, total, plan)
            total, carry = None, block.carry
            yield block
            continue
        for column, probabilities in zip(part.columns, part.probabilities, strict=True):
            start, weights = plan.columns.starts[column], np.outer(down[part.band.index], across[column])
            _add_weighted(total[:, :, start : start + plan.columns.window], probabilities, weights)


def _add_weighted(total: Floats, probabilities: Floats, weights: Floats) -> None:
    """Add to ``total`` class by class, so that the product of one class is still in the cache when it is added."""
    product = np.empty_like(weights)
    for sums, values in zip(total, probabilities, strict=True):
        np.multiply(values, weights, out=product)
        sums += product


def _finished(band: _Band, total: Floats, plan: Plan) -> Block:
    top, end = plan.rows.block(band.index)
    height, width = end - top, plan.columns.size
    carry = total[:, height:] if band.index + 1 < len(plan.rows.starts) else None
    return Block(band.index, total[:, :height, :width], band.wanted[:height, :width], carry)
