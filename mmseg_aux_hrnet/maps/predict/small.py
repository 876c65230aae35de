"""Predicts small rasters together, so that they fill batches which one alone would leave nearly empty."""

import math
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import chain

from mmseg_aux_hrnet.errors import AuxHRNetError, ResourceError
from mmseg_aux_hrnet.maps.predict.blocks import NEARLY_FULL, Band, Batch, predict_in_common, read_bands
from mmseg_aux_hrnet.maps.predict.model import ResampledModel
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap
from mmseg_aux_hrnet.maps.predict.sharing import Share

Small = tuple[Share, RasterMap]
Predicted = list[Batch] | AuxHRNetError  # of a raster, or what is wrong with it
Attempt = Callable[[int, Callable[[], object]], bool]
MOST_BATCHES = 2  # of a group, whose windows are in memory together
MOST_RASTERS = 128  # of a group: their locks are open files, of which a process may have 1024
READERS = 4  # rasters that are read at the same time: each is opened, hashed and decoded by one thread


def in_groups(members: Iterable[Small], *, batch_size: int) -> Iterator[list[Small]]:
    """Yield rasters in groups whose windows nearly fill their batches; one that needs no others comes alone, at once.

    The groups depend on the list only, so that a network, which may round the last bit otherwise in another batch,
    gives the same bytes when a run goes on. A group has windows that the model sees in one size; it may take up
    rasters from far apart in the list, as only plans wait.

    Args:
        members: in their order.
        batch_size: most windows that are predicted together.
    """
    waiting: dict[tuple[tuple[int, int], ...], list[Small]] = {}
    counts: Counter[tuple[tuple[int, int], ...]] = Counter()
    for share, raster_map in members:
        (rows, columns), model = raster_map.plan.work.windows, raster_map.plan.model
        count, size = len(rows.starts) * len(columns.starts), (rows.window, columns.window)
        if (share.blocks and not share.alone) or count >= NEARLY_FULL * batch_size:
            yield [(share, raster_map)]
            continue
        key = size, model.seen(size) if isinstance(model, ResampledModel) else size
        room = math.ceil(max(1, counts[key]) / batch_size) * batch_size
        if counts[key] + count > (room if counts[key] >= NEARLY_FULL * room else MOST_BATCHES * batch_size):
            yield waiting.pop(key)
            del counts[key]
        waiting.setdefault(key, []).append((share, raster_map))
        counts[key] += count
        if counts[key] % batch_size == 0 or len(waiting[key]) == MOST_RASTERS:
            yield waiting.pop(key)
            del counts[key]
    yield from waiting.values()


def take_together(
    members: Iterable[Small], *, batch_size: int, attempt: Attempt
) -> Generator[Sequence[tuple[Share, Predicted | None]], None, None]:
    """Yield shares in the order in which they are to be done, those of small rasters with what is predicted of them.

    Of those that are yielded together the maps are locked until the next ones are asked for, and meanwhile the rasters
    of the next group are read and predicted.

    Args:
        members: shares and the maps that they belong to. A share without blocks that writes nothing is of a finished
            map: its raster only fills batches.
        batch_size: most windows that are predicted together.
        attempt: does some work for a raster; where something was wrong, it notes that and returns False.

    Raises:
        ResourceError: memory or disk space ran out.
    """
    waiting: deque[tuple[ExitStack, list[Share], Future[list[Predicted]]]] = deque()
    with ExitStack() as locks, ThreadPoolExecutor(READERS) as readers, ThreadPoolExecutor(1) as predictor:
        try:
            for group in chain(in_groups(members, batch_size=batch_size), [[]]):
                together = len(group) > 1 and any(share.writes for share, _ in group)
                if together:
                    lock = locks.enter_context(ExitStack())
                    shares = [_held(*member, lock=lock, attempt=attempt) for member in group]
                    maps = [raster_map for _, raster_map in group]
                    read = [readers.submit(_read, *member) for member in zip(shares, maps, strict=True)]
                    waiting.append((lock, shares, predictor.submit(_predict, shares, maps, read)))
                    del maps, read  # what is read is forgotten when it is predicted
                while len(waiting) > together:  # what comes next is predicted apart, so all of them
                    lock, shares, predicted = waiting.popleft()
                    with lock:
                        yield list(zip(shares, predicted.result(), strict=True))
                if not together:
                    yield from ([(share, None)] for share, _ in group)
        finally:
            for threads in (readers, predictor):
                threads.shutdown(wait=False, cancel_futures=True)


def _held(share: Share, raster_map: RasterMap, *, lock: ExitStack, attempt: Attempt) -> Share:
    """Return the share of a map that is locked now; where that fails, its raster only fills batches."""
    if share.writes and attempt(share.raster, partial(lock.enter_context, raster_map.locked())):
        return share
    return share._replace(blocks=(), writes=False)


def _read(share: Share, raster_map: RasterMap) -> list[Band] | AuxHRNetError:
    """Return all rows of windows of a raster, or what is wrong with it."""
    work, model = raster_map.plan.work, raster_map.plan.model
    try:
        if share.writes:
            raster_map.note_content()
        return list(read_bands(work, range(raster_map.blocks), fill=model.facts.fill))
    except ResourceError:
        raise
    except AuxHRNetError as error:
        return error if share.writes else []


def _predict(
    shares: Sequence[Share], maps: Sequence[RasterMap], read: Sequence[Future[list[Band] | AuxHRNetError]]
) -> list[Predicted]:
    found = [future.result() for future in read]
    rasters = [
        (raster_map.plan.work, [] if isinstance(bands, AuxHRNetError) else bands)
        for raster_map, bands in zip(maps, found, strict=True)
    ]
    asked = {place for place, share in enumerate(shares) if share.blocks}
    try:
        batches = predict_in_common(rasters, maps[0].plan.model, asked=asked)
    except ResourceError:
        raise
    except AuxHRNetError as error:
        return [error if share.writes else [] for share in shares]
    return [bands if isinstance(bands, AuxHRNetError) else own for bands, own in zip(found, batches, strict=True)]
