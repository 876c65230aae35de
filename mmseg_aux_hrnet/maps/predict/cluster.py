"""A Ray cluster: how this process joins it, and what runs in its actors."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mmseg_aux_hrnet.errors import ConfigError, InUseError, one_line
from mmseg_aux_hrnet.maps.options import check_available
from mmseg_aux_hrnet.maps.predict.bucket import Bucket
from mmseg_aux_hrnet.maps.predict.many import Job
from mmseg_aux_hrnet.maps.predict.model import MapModel
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.shared_map import shared_kind
from mmseg_aux_hrnet.maps.predict.sharing import Share
from mmseg_aux_hrnet.version import __version__

RAY = ('ray',)
ANSWER = 5.0  # seconds that an address may take
Make = Callable[[], MapModel]


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Join a cluster until the block ends.

    Raises:
        StackError: Ray is not installed.
        ConfigError: there is no cluster.
    """
    check_available(RAY, extra='ray')
    import ray

    advice = 'start one with "ray start --head", or give HOST:PORT of its head'
    if address != 'auto':
        host, _, port = address.rpartition(':')
        if not (host and port.isdecimal()) or '://' in address:
            raise ConfigError(f'--ray {address}: give auto, or HOST:PORT; start this tool in the cluster itself')
        try:
            # Ray itself would wait for minutes.
            socket.create_connection((host, int(port)), timeout=ANSWER).close()
        except (OSError, OverflowError) as error:
            raise ConfigError(f'--ray {address}: nothing listens there ({error}): {advice}') from error
    try:
        ray.init(address=address, log_to_driver=False, logging_level='CRITICAL')
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigError(f'--ray {address}: no cluster can be joined ({one_line(error)[:200]}): {advice}') from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def only_driver(folder: Path) -> Iterator[None]:
    """Keep other drivers from a folder of maps until the block ends, or this process does.

    Raises:
        InUseError: there is another.
    """
    lock = FileLock(folder / '.ray.lock', blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise InUseError(
            f'another run predicts into {folder} on a cluster: wait for it, or give another --out'
        ) from error
    try:
        yield
    finally:
        (folder / '.ray.lock').unlink(missing_ok=True)
        lock.release()


def check_same(there: dict[str, Any], here: dict[str, str]) -> None:
    """Raise unless a worker has the package and the network of this machine, and its folder of maps.

    Args:
        there: what :meth:`Worker.look` returns.
        here: the same, without what is known of the worker alone.

    Raises:
        ConfigError: the worker has others.
    """
    node, sees, said = there['node'], there['sees'], {**there}
    del said['node'], said['sees']
    if not sees:
        raise ConfigError(f'{node} does not see the folder of the maps: give an --out that all machines share')
    for name in {**here, **said}:
        one, other = said.get(name), here.get(name)
        if one != other:
            what = {'software': 'version of mmseg-aux-hrnet', 'MODEL_SHA256': 'checkpoint (sha256)'}.get(name, name)
            raise ConfigError(f'{node} has another {what} than this machine ({one}, here {other}): put the same there')


class Worker:
    """What runs in an actor: it holds the network, and predicts the pieces that it gets.

    Args:
        make: makes the network.
        rasters: all of them.
        outs: the map of each.
        settings: of all maps.
        bucket: that the maps go to; None for the folder of ``outs``.
    """

    def __init__(
        self,
        make: Make,
        rasters: Sequence[Path],
        outs: Sequence[Path],
        settings: MapSettings,
        bucket: Bucket | None = None,
    ) -> None:
        self._own = ExitStack()
        self._arguments = make, rasters, outs, settings, bucket

    def look(self, sign: Path) -> dict[str, Any]:
        """Make the network; return what must be as at the driver, and the name of this machine.

        Args:
            sign: a file in the folder of the maps.

        Raises:
            AuxHRNetError: the network cannot be made here, or the bucket cannot be written from here.
        """
        import ray

        make, rasters, outs, settings, bucket = self._arguments
        model = make()
        if bucket is not None:
            bucket.check((), ())
            bucket = self._own.enter_context(bucket.own_folder())
            outs = [bucket.scratch / out.name for out in outs]
        kind = shared_kind(bucket)
        self._job = Job(model, rasters, outs, settings=settings, listener=_Silent(), kind=kind)
        node = ray.get_runtime_context().get_node_id()
        where = f'{ray.util.get_node_ip_address()}/{node[:6]}'
        sees = bucket is not None or sign.exists()
        return {'software': __version__, **model.facts.record, 'sees': sees, 'node': where}

    def work(self, share: Share) -> str | None:
        """Predict a piece; return what is wrong with its raster, or None.

        Raises:
            ResourceError: memory or disk space ran out.
        """
        self._job.take(share)
        return self._job.failed.pop(share.raster, None)

    def leave(self) -> None:
        """Remove what is left of the work on this machine."""
        self._own.close()


class _Silent:
    """A listener that prints nothing: a user would not see the screen of a worker."""

    def begins(self, count: int) -> None:
        pass

    def on_block(self, path: Path) -> None:
        pass

    def note(self, text: str) -> None:
        pass
