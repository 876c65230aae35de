"""Predicts rasters by the workers of a Ray cluster, which write what they make into the shared folder themselves."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.errors import AuxHRNetError, LaunchError, ResourceError
from mmseg_aux_hrnet.files.outputs import check_writable
from mmseg_aux_hrnet.files.whole import unique_part
from mmseg_aux_hrnet.maps.predict.bucket import Bucket
from mmseg_aux_hrnet.maps.predict.cluster import Make, Worker, check_same, connected, only_driver
from mmseg_aux_hrnet.maps.predict.many import Job, Listener
from mmseg_aux_hrnet.maps.predict.model import MapModel
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.shared_map import shared_kind
from mmseg_aux_hrnet.maps.predict.sharing import Queue, Share
from mmseg_aux_hrnet.version import __version__

PIECE = 4  # blocks that a worker is given at a time
WAITING = 2  # pieces that a worker has, with the one that it works on: it need not wait for the driver
MOST_LOSSES = 3  # workers or tries that one piece may cost
STARTS = 3  # workers in a row that may die before one of them is ready
LEAVING = 2.0  # seconds that workers have to tidy up
LOOK_EVERY = 5.0  # seconds, for nodes that have come


def predict_on_ray(
    make: Make,
    model: MapModel,
    rasters: Sequence[Path],
    outs: Sequence[Path],
    *,
    settings: MapSettings,
    listener: Listener,
    address: str,
    cpus: int | None = None,
    bucket: Bucket | None = None,
) -> tuple[dict[int, str], list[int], str]:
    """Make the maps of rasters by workers of a cluster, one on each GPU, or on each so many CPUs.

    No pixel passes through this process or Ray's object store: workers read the rasters and write blocks and maps
    under the same paths as here. Other workers do again what a lost worker had not finished.

    Args:
        make: makes the network in a worker; importable there.
        model: the same network here, of which only the facts are needed.
        rasters: absolute paths, the same on all machines.
        outs: the map of each, in one folder that all machines share; for a bucket in its scratch folder.
        settings: of all maps. ``overwrite`` removes old maps at once.
        listener: hears how it goes in the cluster.
        address: ``auto``, or HOST:PORT of the head of a cluster.
        cpus: for each worker; None for a GPU each where the cluster has any, else for one.
        bucket: that the maps go to; each worker then works in a folder of its machine.

    Returns:
        As :func:`~mmseg_aux_hrnet.maps.predict.many.predict_rasters`, and how much was done where.

    Raises:
        ConfigError: nothing listens at the address, or a machine of the cluster has another package or network.
        LaunchError: workers cannot start.
        ResourceError: memory or disk space ran out, again and again.
    """
    folder = outs[0].parent
    with ExitStack() as stack:
        stack.enter_context(connected(address))
        check_writable(folder, what=f'--out {folder}', advice='give another folder')
        stack.enter_context(only_driver(folder if bucket is None else folder.parent))
        if settings.overwrite and bucket is None:
            for out in outs:
                out.unlink(missing_ok=True)  # else workers would take an equal one for theirs
        kind = RasterMap if bucket is None else shared_kind(bucket)
        job = Job(model, rasters, outs, settings=settings, listener=listener, kind=kind)
        pending = job.begin(shared=True)
        listener.begins(sum(len(each.blocks) for each in pending))
        sign = unique_part(folder / 'ray')
        sign.touch()
        stack.callback(sign.unlink, missing_ok=True)
        joined = MapSettings(**{**vars(settings), 'overwrite': False, 'resume': True})
        fleet = _Fleet((make, rasters, outs, joined, bucket), job=job, listener=listener, cpus=cpus)
        stack.callback(fleet.dismiss)
        fleet.run(Queue(pending, workers=max(1, fleet.room()), piece=PIECE), sign)
        for each in pending:
            if each.raster not in job.failed and job.maps[each.raster].journal.is_open():
                # Its last worker was lost while it wrote the map.
                shared = shared_kind(bucket)(model, rasters[each.raster], outs[each.raster], joined, look=False)
                job.attempt(each.raster, partial(_complete, shared))
    return job.failed, job.outside, fleet.summary()


def _complete(shared: RasterMap) -> None:
    if shared.begin():
        shared.complete()


class _Fleet:
    """The workers of a cluster, what each works on, and what was done where.

    Args:
        work: arguments of :class:`Worker`.
        job: of the driver.
        listener: hears of blocks and losses.
        cpus: as in :func:`predict_on_ray`.
    """

    def __init__(self, work: tuple[Any, ...], *, job: Job, listener: Listener, cpus: int | None) -> None:
        import ray

        self._ray, self._job, self._listener = ray, job, listener
        gpus = cpus is None and ray.cluster_resources().get('GPU', 0) >= 1
        self._kind, self._need = ('GPU', 1) if gpus else ('CPU', cpus or 1)
        # A worker that dies is replaced here, where its unfinished pieces are known.
        options = {'num_gpus': 1} if gpus else {'num_cpus': self._need}
        actor = ray.remote(max_restarts=0, max_task_retries=0, scheduling_strategy='SPREAD', **options)(Worker)
        self._hire = lambda: actor.remote(*work)
        self._workers: dict[int, Any] = {}
        self._nodes: dict[int, str] = {}  # of workers that are or were ready
        self._running: dict[Any, tuple[int, Share | None]] = {}
        self._losses: Counter[tuple[int, int]] = Counter()
        self._done: Counter[str] = Counter()
        self._hired = self._dead = self._again = self._pixels = 0
        self._began = time.monotonic()

    def room(self) -> int:
        """Return how many workers the machines that are there now can take.

        Raises:
            LaunchError: no machine can take one.
        """
        nodes = self._ray.nodes()
        most = max((node['Resources'].get(self._kind, 0) for node in nodes if node['Alive']), default=0)
        if most < self._need and not self._hired:
            raise LaunchError(
                f'no machine of the cluster has {self._need} {self._kind} for a worker (the largest has {most:g}): '
                'give fewer --cpus-per-worker, or add machines'
            )
        return sum(int(node['Resources'].get(self._kind, 0) // self._need) for node in nodes if node['Alive'])

    def run(self, queue: Queue, sign: Path) -> None:
        """Have all pieces of a queue done.

        Raises:
            AuxHRNetError: as :func:`predict_on_ray`.
        """
        looked = -LOOK_EVERY
        while len(queue) or any(share is not None for _, share in self._running.values()):
            if time.monotonic() - looked > LOOK_EVERY:
                looked, room = time.monotonic(), self.room()
            while len(self._workers) < min(room, len(self._workers) + len(queue)):
                self._hired += 1
                self._workers[self._hired] = worker = self._hire()
                self._running[worker.look.remote(sign)] = self._hired, None
            self._feed(queue)
            if self._running:
                ready, _ = self._ray.wait(list(self._running), timeout=1)
                for answer in ready:
                    self._hear(answer, queue)
            else:
                time.sleep(1)  # all machines are gone: others may come

    def dismiss(self) -> None:
        """End all workers."""
        leaving = [worker.leave.remote() for worker in self._workers.values()]
        if leaving:
            self._ray.wait(leaving, num_returns=len(leaving), timeout=LEAVING)
        for worker in self._workers.values():
            self._ray.kill(worker)

    def summary(self) -> str:
        """Return in words what was done where, how much twice, and how fast."""
        speed = self._pixels / 1e6 / (time.monotonic() - self._began)
        where = ', '.join(f'{node}: {count}' for node, count in sorted(self._done.items()))
        return f'rows of windows by machine: {where or "none"}; {self._again} run again; {speed:.3g} Mpixel/s'

    def _feed(self, queue: Queue) -> None:
        for _ in range(WAITING):  # each gets its first before one gets its second
            for number in self._nodes.keys() & self._workers.keys():
                if sum(owner == number for owner, _ in self._running.values()) < WAITING:
                    share = queue.take(number)
                    if share is not None:
                        self._running[self._workers[number].work.remote(share)] = number, share

    def _hear(self, answer: Any, queue: Queue) -> None:
        number, share = self._running.pop(answer)
        errors = self._ray.exceptions
        try:
            said = self._ray.get(answer)
        except errors.RayTaskError as error:  # raised by the worker, which is alive
            if share is None or not isinstance(error.cause, ResourceError):
                raise (error.cause if isinstance(error.cause, AuxHRNetError) else error) from None
            self._lose(share, queue, number, reason=error.cause)
        except errors.RayError as error:  # the worker, its machine, or the way to it
            self._bury(number, queue, error)
            if share is not None:
                self._lose(share, queue, number, reason=error)
        else:
            if share is None:
                self._nodes[number] = said['node']
                check_same(said, {'software': __version__, **self._job.record})
                self._dead = 0
            elif said is not None:
                self._job.fail(share.raster, said)
                queue.drop(share.raster)
            else:
                self._count(share, number)

    def _bury(self, number: int, queue: Queue, error: Exception) -> None:
        worker = self._workers.pop(number, None)
        if worker is None:  # its other piece has shown that
            return
        self._ray.kill(worker)
        queue.leave(number)
        if number in self._nodes:
            self._listener.note(f'a worker on {self._nodes[number]} is lost ({_reason(error)}): others do its work')
        else:
            self._dead += 1
            if self._dead >= STARTS:
                raise LaunchError(
                    f'{STARTS} workers ended before they were ready ({_reason(error)}): install mmseg-aux-hrnet '
                    f'{__version__} with the extras ray and geo on all machines, and see that their memory suffices'
                ) from error

    def _lose(self, share: Share, queue: Queue, number: int, *, reason: Exception) -> None:
        """Give back what a worker had not finished; raise an error where one worker after the other is lost to it."""
        finished = self._job.maps[share.raster].journal.finished()
        left = tuple(block for block in share.blocks if block not in finished)
        self._count(share._replace(blocks=tuple(block for block in share.blocks if block in finished)), number)
        place = share.raster, left[0] if left else -1
        self._losses[place] += 1
        if self._losses[place] < MOST_LOSSES:
            self._again += len(left)
            queue.give_back(share._replace(blocks=left))
        elif isinstance(reason, ResourceError):
            raise reason
        else:
            self._job.fail(
                share.raster,
                f'{self._job.maps[share.raster].path}: row {place[1]} of its windows ended {MOST_LOSSES} workers '
                f'({_reason(reason)}), mostly for want of memory: give a smaller --batch-size, then a smaller --window',
            )
            queue.drop(share.raster)

    def _count(self, share: Share, number: int) -> None:
        raster_map = self._job.maps[share.raster]
        windows = raster_map.plan.work.windows
        for block in share.blocks:
            top, end = windows.rows.block(block)
            self._pixels += (end - top) * windows.columns.size
            self._listener.on_block(raster_map.path)
        self._done[self._nodes[number]] += len(share.blocks)


def _reason(error: BaseException) -> str:
    """Return the first line of a message of Ray that says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if 'died because' in line or 'Error' in line), lines[0] if lines else '')
    return told[:200]
