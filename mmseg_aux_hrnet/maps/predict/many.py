"""Makes the maps of many rasters, in one process or in several; one bad raster does not stop the others."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Protocol

from mmengine.dist import all_gather_object, broadcast_object_list, get_dist_info

from mmseg_aux_hrnet.errors import AuxHRNetError, ConfigError, OutsideAreaError, ResourceError, one_line
from mmseg_aux_hrnet.maps.class_map.grids import touching_note
from mmseg_aux_hrnet.maps.predict.blocks import rows_together
from mmseg_aux_hrnet.maps.predict.model import MapModel
from mmseg_aux_hrnet.maps.predict.mosaic import Mosaic
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.sharing import Pending, Share, block_costs, share_of
from mmseg_aux_hrnet.maps.predict.small import Predicted, Small, take_together

WRITERS = 4  # small maps that are written at the same time: each mostly waits for the disk


class Listener(Protocol):
    """Hears how the work goes."""

    def begins(self, count: int) -> None:
        """Take note of how many blocks this process will predict."""

    def on_block(self, path: Path) -> None:
        """Take note that a block of this raster is done."""

    def note(self, text: str) -> None:
        """Tell a user something."""


def map_paths(rasters: Sequence[Path], folder: Path) -> list[Path]:
    """Return the file of each raster's map in a folder: ``NAME_classes.tif``.

    Raises:
        ConfigError: two rasters would have the same map, or a raster would be overwritten.
    """
    outs = [folder / f'{raster.stem}_classes.tif' for raster in rasters]
    inputs = {raster.resolve() for raster in rasters}
    for number, out in enumerate(outs):
        raster, first = rasters[number], outs.index(out)
        if first < number:
            raise ConfigError(f'{rasters[first]} and {raster} would both become {out}: give each its own --out')
        for path in (out, *(folder / f'{raster.stem}_{name}.tif' for name in ('prob', 'uncertainty'))):
            if path.resolve() in inputs:
                raise ConfigError(f'the map of {raster} would overwrite the raster {path}: give another --out')
    return outs


def predict_rasters(
    model: MapModel,
    rasters: Sequence[Path | Mosaic],
    outs: Sequence[Path],
    *,
    settings: MapSettings,
    listener: Listener,
    kind: Callable[..., RasterMap] = RasterMap,
) -> tuple[dict[int, str], list[int]]:
    """Make the maps of rasters, together with the other processes where there are any.

    Args:
        model: such as a ``Predictor``.
        rasters: files, and mosaics, which say themselves where their maps go.
        outs: the map of each; of a mosaic, the one that its journal lies beside.
        settings: of all of them.
        listener: hears how it goes in this process.
        kind: makes the map of one raster, such as one that goes to a bucket.

    Returns:
        What is wrong with each raster that failed, by its number, and the numbers of those without a pixel in the area
        of interest.

    Raises:
        ConfigError: a map or an unfinished run is in the way; nothing was predicted.
        ResourceError: memory or disk space ran out.
    """
    job = Job(model, rasters, outs, settings=settings, listener=listener, kind=kind)
    process, processes = get_dist_info()
    todo = [job.begin(shared=processes > 1) if process == 0 else []]
    broadcast_object_list(todo)  # before a process predicts, all must know what is there already
    shares = share_of(todo[0], process=process, processes=processes)
    if processes == 1:  # those of finished maps fill the batches of their neighbours as they did before a break
        shares = sorted([*shares, *(Share(number, (), alone=False, writes=False) for number in job.finished)])
    # Of the maps that the first process has planned, each with its area of interest, only its own are kept.
    job.maps = {share.raster: job.maps[share.raster] for share in shares if share.raster in job.maps}
    listener.begins(sum(len(share.blocks) for share in shares))
    with ExitStack() as locks:  # of maps in which others have a part, until those have gathered too
        together = take_together(job.members(shares), batch_size=settings.batch_size, attempt=job.attempt)
        with closing(together), ThreadPoolExecutor(WRITERS) as writers:
            for group in together:
                work = map if len(group) == 1 else writers.map  # its lock belongs to this thread
                for _ in work(partial(job.predict, locks=locks), *zip(*group, strict=True)):
                    pass
        job.gather()
        for share in shares:
            if share.writes and not share.alone and share.raster not in job.failed:
                job.attempt(share.raster, job.maps.pop(share.raster).complete)
    job.gather()
    return job.failed, job.outside


class Job:
    """The maps that this process works on, each planned once, and the results so far.

    Args:
        model: such as a ``Predictor``.
        rasters: files.
        outs: the map of each.
        settings: of all of them.
        listener: hears how it goes.
        kind: how the maps are made: together with processes that are known, or with others that are not.

    Attributes:
        maps: those that are planned and have work to do yet, by number of the raster.
        failed: what is wrong, by number of the raster.
        outside: numbers of rasters without a pixel in the area of interest.
        finished: numbers of rasters whose maps were there already.
    """

    def __init__(
        self,
        model: MapModel,
        rasters: Sequence[Path | Mosaic],
        outs: Sequence[Path],
        *,
        settings: MapSettings,
        listener: Listener,
        kind: Callable[..., RasterMap] = RasterMap,
    ) -> None:
        self._kind = kind
        self._model, self._rasters, self._outs = model, rasters, outs
        self._settings, self._listener = settings, listener
        self.maps: dict[int, RasterMap] = {}
        self.failed: dict[int, str] = {}
        self.outside: list[int] = []
        self.finished: list[int] = []

    def attempt(self, number: int, work: Callable[[], object]) -> bool:
        """Do some work for a raster, or note what was wrong; what concerns all rasters ends everything."""
        try:
            work()
            return True
        except ResourceError:
            raise
        except OutsideAreaError as error:
            self._listener.note(f'left out: {one_line(error)}')
            self.outside.append(number)
        except AuxHRNetError as error:
            self.maps.pop(number, None)
            self.fail(number, one_line(error))
        return False

    @property
    def record(self) -> dict[str, str]:
        """What decides the predictions of the model."""
        return self._model.facts.record

    def fail(self, number: int, reason: str) -> None:
        """Note what is wrong with a raster; it does not get a map."""
        if len(self._rasters) > 1:  # of the only one, the end tells
            self._listener.note(f'failed: {reason}')
        self.failed[number] = reason

    def begin(self, *, shared: bool) -> list[Pending]:
        """Plan all maps, and return what is to be predicted of each.

        Args:
            shared: look at what each block costs.

        Raises:
            ConfigError: a map or an unfinished run is in the way.
        """
        # All of them before the first is begun: a mistake in the last one is raised before anything is written.
        for number in range(len(self._rasters)):
            self.attempt(number, partial(self._plan, number))
        beside = touching_note({one.path: one.plan.grid for one in self.maps.values() if len(one.rasters) == 1})
        if beside is not None:
            self._listener.note(beside)
        todo = []
        for number, raster_map in self.maps.items():
            for note in raster_map.plan.notes:
                self._listener.note(note)
            with raster_map.locked():  # what is in the way of one map ends everything, before hours of work
                ready = raster_map.begin()
            if ready:
                missing = tuple(raster_map.missing())
                costs = block_costs(raster_map, among=missing) if shared else (1,) * len(missing)
                work = raster_map.plan.work
                together = rows_together(len(work.windows.columns.starts), work.batch_size)
                todo.append(Pending(number, missing, costs, together))
            else:
                self.finished.append(number)
                self._listener.note(f'{raster_map.shown} is finished')
        return todo

    def members(self, shares: Iterable[Share]) -> Iterator[Small]:
        """Yield shares with their maps; those whose rasters cannot be planned fail."""
        for share in shares:
            # The first process has planned all rasters; each of the others plans those of its own shares.
            if share.raster in self.maps or self.attempt(share.raster, partial(self._plan, share.raster)):
                yield share, self.maps[share.raster]

    def predict(self, share: Share, predicted: Predicted | None, *, locks: ExitStack) -> None:
        """Predict a share, and write the map where no other process has a part in it.

        Args:
            share: of one raster, which is planned.
            predicted: what is predicted already of all of the raster, whose map is locked; None for nothing.
            locks: keep from other runs the maps that this process writes when all have done their shares.
        """

        def work() -> None:
            if share.raster not in self.maps:  # another run makes this map
                return
            raster_map = self.maps[share.raster]
            if isinstance(predicted, AuxHRNetError):
                raise predicted
            with ExitStack() as lock:
                if share.writes and predicted is None:
                    lock.enter_context(raster_map.locked())
                    raster_map.note_content()
                raster_map.predict(
                    share.blocks,
                    on_block=lambda done, count: self._listener.on_block(raster_map.path),
                    batches=predicted,
                )
                if share.alone:
                    raster_map.complete()
                else:
                    locks.push(lock.pop_all())
            if share.alone or not share.writes:
                del self.maps[share.raster]

        self.attempt(share.raster, work)

    def take(self, share: Share) -> None:
        """Predict what is missing of a share of a :class:`SharedMap`; the map is written where nothing is missing then.

        Its plan is kept for the next share of the same raster.
        """

        def work() -> None:
            raster_map = self.maps.get(share.raster)
            if raster_map is None:
                self.maps.clear()
                raster_map = self._plan(share.raster)
                for note in raster_map.plan.notes if share.writes else ():
                    self._listener.note(note)
                if not raster_map.begin():
                    return
            if share.writes:
                raster_map.note_content()
            # A raster that could not be looked at when the work was shared out has no known blocks, so one owner.
            wanted = range(raster_map.blocks) if share.alone else share.blocks
            missing = set(raster_map.missing())
            raster_map.predict(
                [block for block in wanted if block in missing],
                on_block=lambda done, count: self._listener.on_block(raster_map.path),
            )
            raster_map.complete()

        self.attempt(share.raster, work)

    def finish(self, number: int) -> list[int]:
        """Write a :class:`SharedMap` if all of it is there, and return the blocks that are missing."""
        missing: list[int] = []

        def work() -> None:
            shared = self._plan(number)
            if shared.begin():
                missing.extend(shared.missing())
                shared.complete()
            del self.maps[number]

        self.attempt(number, work)
        return missing

    def gather(self) -> None:
        """Collect the results of all processes; none of them continues before all are here."""
        for failed, outside in all_gather_object((self.failed, self.outside)):
            self.failed |= failed
            self.outside += [number for number in outside if number not in self.outside]

    def _plan(self, number: int) -> RasterMap:
        self.maps[number] = self._kind(self._model, self._rasters[number], self._outs[number], self._settings)
        return self.maps[number]
