"""Says which blocks of rows of many rasters are whose: of one of several processes, of a part, of a worker."""

from collections import deque
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap
from mmseg_aux_hrnet.maps.predict.windows import Axis
from mmseg_aux_hrnet.raster.dataset import open_dataset

WINDOW_COST, BAND_COST = 8, 1  # to predict a window that holds anything, and to read and write the place of any window
SAMPLES = 4  # pixels of the overview along a side of a window


class Pending(NamedTuple):
    """What is still to be predicted of one raster.

    Attributes:
        raster: its number.
        blocks: indices, ascending; none where only its file is to be written.
        costs: of each of these blocks, 1 or more.
        together: so many blocks, counted from the top, fill batches together; who makes a part of them predicts all.
    """

    raster: int
    blocks: tuple[int, ...]
    costs: tuple[int, ...]
    together: int = 1


class Share(NamedTuple):
    """What one process, part or worker does for one raster.

    Attributes:
        raster: its number.
        blocks: indices of the blocks that it predicts, ascending.
        alone: no other process predicts a part of this raster.
        writes: it is the one that sees to what is done once for a raster.
    """

    raster: int
    blocks: tuple[int, ...]
    alone: bool
    writes: bool


class Part(NamedTuple):
    """One of several equal parts of a job, none of which knows of the others.

    Attributes:
        number: from 1.
        total: how many parts there are.
    """

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> 'Part':
        """Return what ``--part I/N`` says.

        Raises:
            ConfigError: it is not of this form, or the part does not exist.
        """
        first, _, second = text.partition('/')
        if not (first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
            raise ConfigError(f'--part {text}: give I/N, part I of N from 1/N to N/N, such as 1/4')
        return cls(int(first), int(second))

    def __str__(self) -> str:
        return f'{self.number}/{self.total}'


def share_of(pending: Sequence[Pending], *, process: int, processes: int) -> list[Share]:
    """Return what one of several processes does.

    All blocks in their order are cut into as many stretches of about equal cost as there are processes; what is
    predicted together stays together.

    Args:
        pending: of every raster, the same in each process.
        process: from 0.
        processes: count.
    """
    # In whole numbers, so that all processes come to the same shares, on whatever machine.
    total = sum(sum(each.costs) for each in pending)
    before, shares = 0, []
    for raster, blocks, costs, together in pending:
        owners: list[int] = []
        for place, cost in enumerate(costs):
            joined = place > 0 and blocks[place] // together == blocks[place - 1] // together
            owners.append(owners[-1] if joined else before * processes // total)
            before += cost
        writer = owners[0] if owners else 0
        if process in (*owners, writer):
            own = tuple(block for block, owner in zip(blocks, owners, strict=True) if owner == process)
            shares.append(Share(raster, own, len(own) == len(blocks), process == writer))
    return shares


def block_costs(raster_map: RasterMap, *, among: Sequence[int] | None = None) -> tuple[int, ...]:
    """Return the cost of blocks of a map by the windows that hold a valid pixel, as far as that is cheap to know.

    The area of interest tells, and of the raster its overviews: where it has none, all of it counts as valid.

    Args:
        raster_map: of the raster.
        among: indices of the blocks; None for all.

    Raises:
        RasterError: the raster cannot be opened.
    """
    rows, columns = raster_map.plan.work.windows
    area = raster_map.plan.work.area
    used = np.ones((len(rows.starts), len(columns.starts)), bool)
    if len(raster_map.rasters) == 1:
        used = _filled(raster_map.path, rows, columns)
    chosen = list(range(len(rows.starts)) if among is None else among)
    if area is not None:
        for row in chosen:
            top = rows.starts[row]
            wanted = area(Window(0, top, columns.size, min(rows.window, rows.size - top)))
            used[row] &= [wanted[:, left : left + columns.window].any() for left in columns.starts]
    return tuple((BAND_COST * used.shape[1] + WINDOW_COST * used[chosen].sum(axis=1)).tolist())


def _filled(path: Path, rows: Axis, columns: Axis) -> NDArray[np.bool_]:
    """Return which windows hold a valid pixel as far as the overviews show, bool (rows, columns)."""
    filled = np.ones((len(rows.starts), len(columns.starts)), bool)
    with open_dataset(path) as dataset:
        if not dataset.overviews(1):
            return filled
        shape = tuple(-(-axis.size * SAMPLES // axis.window) for axis in (rows, columns))
        try:
            mask = dataset.dataset_mask(out_shape=shape)
        except RasterioError:  # damaged overviews, which maps do not use
            return filled
    down, across = (
        [slice(at * SAMPLES // axis.window, -(-(at + axis.window) * SAMPLES // axis.window)) for at in axis.starts]
        for axis in (rows, columns)
    )
    for row, column in product(range(len(down)), range(len(across))):
        filled[row, column] = mask[down[row], across[column]].any()
    return filled


class Queue:
    """Hands out pieces of the work to workers that come and go.

    Each worker gets pieces of one stretch in their order, so that what its windows add to the rows below is there when
    it goes on. A worker that has none left takes the later half of what the busiest other one has before it.

    Args:
        pending: of every raster.
        workers: how many there will be, about.
        piece: blocks that are handed out at a time, and more where these are predicted together with others.
    """

    def __init__(self, pending: Sequence[Pending], *, workers: int, piece: int) -> None:
        self._piece = piece
        self._together = {each.raster: each.together for each in pending}
        shares = (share_of(pending, process=worker, processes=workers) for worker in range(workers))
        self._free = deque(deque(share._replace(alone=False) for share in each) for each in shares if each)
        self._hands: dict[int, deque[Share]] = {}

    def __len__(self) -> int:
        """Return how many shares wait to be handed out."""
        return sum(map(len, (*self._free, *self._hands.values())))

    def take(self, worker: int) -> Share | None:
        """Return the next piece for a worker; None where all is handed out."""
        hand = self._hands.setdefault(worker, deque())
        if not hand:
            hand.extend(self._free.popleft() if self._free else self._half_of_the_busiest())
        if not hand:
            return None
        share = hand.popleft()
        end = self._cut(share, self._piece)
        if end < len(share.blocks):
            hand.appendleft(share._replace(blocks=share.blocks[end:], writes=False))
        return share._replace(blocks=share.blocks[:end])

    def give_back(self, share: Share) -> None:
        """Take back a piece that was not done."""
        self._free.append(deque([share]))

    def leave(self, worker: int) -> None:
        """Let others have what a worker that is gone had before it."""
        hand = self._hands.pop(worker, None)
        if hand:
            self._free.append(hand)

    def drop(self, raster: int) -> None:
        """Forget what is left of a raster."""
        self._free = deque(kept for hand in self._free if (kept := _without(hand, raster)))
        self._hands = {worker: _without(hand, raster) for worker, hand in self._hands.items()}

    def _cut(self, share: Share, count: int) -> int:
        """Return a count of the first blocks of a share, ``count`` or more, that no batch reaches beyond."""
        blocks, together = share.blocks, self._together.get(share.raster, 1)
        while 0 < count < len(blocks) and blocks[count] // together == blocks[count - 1] // together:
            count += 1
        return min(count, len(blocks))

    def _half_of_the_busiest(self) -> deque[Share]:
        hand = max(self._hands.values(), key=lambda hand: sum(len(share.blocks) for share in hand))
        wanted = -(-sum(len(share.blocks) for share in hand) // 2)
        taken: deque[Share] = deque()
        while hand and wanted > 0:
            share = hand.pop()
            end = self._cut(share, max(0, len(share.blocks) - wanted))
            end = 0 if end == len(share.blocks) else end
            kept, given = share.blocks[:end], share.blocks[end:]
            taken.appendleft(share._replace(blocks=given, writes=share.writes and not kept))
            wanted -= len(given)
            if kept:
                hand.append(share._replace(blocks=kept))
                break
        return taken


def _without(hand: deque[Share], raster: int) -> deque[Share]:
    return deque(share for share in hand if share.raster != raster)
