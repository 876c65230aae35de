"""Makes the maps of many rasters, in one process or in several; one bad raster does not stop the others."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mmengine.dist import all_gather_object, broadcast_object_list, get_dist_info

from mmseg_aux_hrnet.errors import AuxHRNetError, ConfigError, OutsideAreaError, ResourceError, one_line
from mmseg_aux_hrnet.maps.predict.model import MapModel
from mmseg_aux_hrnet.maps.predict.planning import PlannedMap, plan_map
from mmseg_aux_hrnet.maps.predict.raster_map import begin, complete, held, pending, predict
from mmseg_aux_hrnet.maps.predict.settings import MapSettings


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


class Listener(NamedTuple):
    """Is told how the work goes.

    Attributes:
        begins: count of blocks that this process will predict.
        on_block: a block of this raster is done.
        note: something that a user should read.
    """

    begins: Callable[[int], None]
    on_block: Callable[[Path], None]
    note: Callable[[str], None]


class Job(NamedTuple):
    """What is asked for.

    Attributes:
        model: predicts windows.
        rasters: files.
        outs: the map of each.
        settings: of all of them.
        listener: hears how it goes.
    """

    model: MapModel
    rasters: Sequence[Path]
    outs: Sequence[Path]
    settings: MapSettings
    listener: Listener

    def plan(self, number: int) -> PlannedMap:
        """Return the plan of a raster's map."""
        return plan_map(self.model, self.rasters[number], self.outs[number], self.settings)


class Outcome:
    """What has become of each raster.

    Attributes:
        failed: what is wrong, by number of the raster.
        outside: numbers of rasters without a pixel in the area of interest.
    """

    def __init__(self) -> None:
        self.failed: dict[int, str] = {}
        self.outside: list[int] = []

    def attempt(self, job: Job, number: int, work: Callable[[], None]) -> None:
        """Do some work for a raster, or note what was wrong; what concerns all rasters ends everything."""
        try:
            work()
        except ResourceError:
            raise
        except OutsideAreaError as error:
            job.listener.note(f'left out: {one_line(error)}')
            self.outside.append(number)
        except AuxHRNetError as error:
            if len(job.rasters) > 1:  # of the only one, the end tells
                job.listener.note(f'failed: {one_line(error)}')
            self.failed[number] = one_line(error)

    def shared(self) -> 'Outcome':
        """Return what has become of the rasters in all processes, of which none goes on before all are here."""
        everywhere = Outcome()
        for failed, outside in all_gather_object((self.failed, self.outside)):
            everywhere.failed.update(failed)
            everywhere.outside += [number for number in outside if number not in everywhere.outside]
        return everywhere


def map_paths(rasters: Sequence[Path], folder: Path) -> list[Path]:
    """Return the file of each raster's map in a folder: ``NAME_classes.tif``.

    Raises:
        ConfigError: two rasters would have the same map, or a raster would be overwritten.
    """
    outs = [folder / f'{raster.stem}_classes.tif' for raster in rasters]
    given = {raster.resolve() for raster in rasters}
    for number, out in enumerate(outs):
        raster, first = rasters[number], outs.index(out)
        if first < number:
            raise ConfigError(f'{rasters[first]} and {raster} would both become {out}: give each its own --out')
        for path in (out, folder / f'{raster.stem}_prob.tif'):
            if path.resolve() in given:
                raise ConfigError(f'the map of {raster} would overwrite the raster {path}: give another --out')
    return outs


def predict_rasters(job: Job) -> Outcome:
    """Make the maps of rasters, together with the other processes where there are any.

    Raises:
        ConfigError: a map or an unfinished run is in the way; nothing was predicted.
        ResourceError: memory or disk space ran out.
    """
    process, processes = get_dist_info()
    outcome = Outcome()
    todo = [_begin_all(job, outcome) if process == 0 else []]
    broadcast_object_list(todo)  # nobody predicts before it is clear what is there already
    shares = share_of(todo[0], process=process, processes=processes)
    job.listener.begins(sum(len(share.blocks) for share in shares))
    with ExitStack() as held_maps:
        for share in shares:
            outcome.attempt(job, share.raster, partial(_predict, job, share, held_maps))
        outcome = outcome.shared()
        for share in shares:
            if share.writes and not share.alone and share.raster not in outcome.failed:
                outcome.attempt(job, share.raster, partial(_complete, job, share.raster))
    return outcome.shared()


def _begin_all(job: Job, outcome: Outcome) -> list[Pending]:
    plans: dict[int, PlannedMap] = {}
    for number in range(len(job.rasters)):
        outcome.attempt(job, number, lambda number=number: plans.update({number: job.plan(number)}))  # type: ignore[misc]
    todo = []
    for number, planned in plans.items():
        for note in planned.notes:
            job.listener.note(note)
        with held(planned):  # what is in the way of one map ends everything, before hours of work
            ready = begin(planned)
        if ready:
            todo.append(Pending(number, tuple(pending(planned)), len(planned.work.plan.columns.starts)))
        else:
            job.listener.note(f'{planned.out} is finished')
    return todo


def _predict(job: Job, share: Share, held_maps: ExitStack) -> None:
    """Predict a share; who writes the map keeps it from others, beyond this where others have a share in it."""
    planned = job.plan(share.raster)
    with ExitStack() as hold:
        if share.writes:
            hold.enter_context(held(planned))
        predict(planned, share.blocks, on_block=lambda done, count: job.listener.on_block(planned.path))
        if share.alone:
            complete(planned)
        else:
            held_maps.push(hold.pop_all())


def _complete(job: Job, number: int) -> None:
    complete(job.plan(number))
