"""Shares blocks of rows between processes, in stretches that lie together so that little is predicted twice."""

from collections.abc import Sequence
from typing import NamedTuple


class Pending(NamedTuple):
    """What is still to be predicted of one raster.

    Attributes:
        raster: its number.
        blocks: indices of its blocks, ascending; none where only its file is to be written.
        cost: of each block, such as its count of windows.
    """

    raster: int
    blocks: tuple[int, ...]
    cost: int


class Share(NamedTuple):
    """What one process does for one raster.

    Attributes:
        raster: its number.
        blocks: indices of the blocks that it predicts, ascending.
        alone: no other process predicts any of this raster.
        writes: the process that writes the file when all blocks are there.
    """

    raster: int
    blocks: tuple[int, ...]
    alone: bool
    writes: bool


def share_of(pending: Sequence[Pending], *, process: int, processes: int) -> list[Share]:
    """Return what one of several processes does.

    All blocks in their order are cut into as many stretches of about equal cost as there are processes.

    Args:
        pending: of every raster, the same in each process.
        process: from 0.
        processes: count.
    """
    total = sum(len(each.blocks) * each.cost for each in pending)
    before, shares = 0, []
    for each in pending:
        owners = []
        for _ in each.blocks:
            owners.append(before * processes // total)
            before += each.cost
        writer = owners[0] if owners else 0
        if process in (*owners, writer):
            own = tuple(block for block, owner in zip(each.blocks, owners, strict=True) if owner == process)
            shares.append(Share(each.raster, own, len(own) == len(each.blocks), process == writer))
    return shares
