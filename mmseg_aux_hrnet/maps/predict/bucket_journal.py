"""A journal that machines share through a bucket: each finished block is an object there, until the map is whole."""

import json
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.files.address import Address
from mmseg_aux_hrnet.files.whole import write_whole
from mmseg_aux_hrnet.maps.predict.journal import CONDITIONS, Arrays, Conditions, Journal
from mmseg_aux_hrnet.maps.predict.planning import fingerprint
from mmseg_aux_hrnet.raster.remote import read_bytes
from mmseg_aux_hrnet.raster.upload import list_objects, object_exists, remove_object, upload

PLAN = '.plan'  # the end of the name of the object that says under which conditions a run was begun
AT_ONCE = 4  # requests
WAITING = 8  # blocks that are not uploaded yet: a run that is killed loses them
ASKED_EVERY = 5.0  # seconds
_threads = ThreadPoolExecutor(AT_ONCE)


class BucketJournal(Journal):
    """A journal whose blocks other machines see; what one block leaves for the next stays here.

    Buckets have no locks, so nothing depends on who comes first: the names of a run begin with a digest of all that the
    bytes of its blocks depend on, and blocks of other settings or of another raster never mix with them.

    Args:
        folder: of this machine; no other process uses it.
        there: of the bucket.
    """

    def __init__(self, folder: Path, there: Address) -> None:
        super().__init__(folder)
        self.there, self._key = there, ''
        self._uploads: deque[Future[None]] = deque()
        self._asked = -inf

    def join(self, conditions: Conditions, *, compare: Callable[[Conditions, Conditions], list[str]]) -> None:
        """Take part in a run as the parent does.

        Args:
            conditions: everything that the blocks' bytes depend on, with the ``content`` of the raster.
            compare: of those of another run and these, returns in words what is not the same.

        Raises:
            ConfigError: another run was begun under other conditions.
            RasterError: its conditions cannot be read.
            ResourceError: the bucket cannot be listed or written.
            OSError: the folder cannot be written.
        """
        self._key = _key(conditions)
        if _key(self.conditions()) != self._key:
            super().remove()
            self._write(conditions)
        own = f'{self._key}{PLAN}'
        for is_new in (False, True):  # again with the own plan there: of two that begin at once, one sees the other
            names = self._names()
            for other in sorted(name for name in names if name.endswith(PLAN) and name != own):
                unlike = compare(json.loads(read_bytes(self._place(other))), conditions)
                if is_new:
                    remove_object(self._place(own))
                raise ConfigError(
                    f'{self.there} was begun with other settings ({"; ".join(unlike) or "another file of --aoi"}): use '
                    'the same settings, remove that folder, or give another --out'
                )
            if own in names:
                break
            upload(self.folder / CONDITIONS, self._place(own))
        for index in sorted(super().finished() - self._blocks(names)):
            self._send(index)
        self._wait(0)  # else they would be counted as missing

    def is_open(self) -> bool:
        """Return whether the run was begun, and has not become a map yet, as it was some seconds ago.

        Raises:
            ResourceError: the bucket does not say.
        """
        if time.monotonic() - self._asked > ASKED_EVERY:
            if not (self._key and object_exists(self._place(f'{self._key}{PLAN}'))):
                return False
            self._asked = time.monotonic()
        return True

    def conditions(self) -> dict[str, Any]:
        """Return those under which this machine takes part; none before it does."""
        return super().conditions() if super().is_open() else {}

    def others(self) -> bool:
        """Return whether a run was begun by machines that share it."""
        return any(name.endswith(PLAN) for name in self._names())

    def take_up(self) -> None:
        """Fetch what others have finished, for a run that goes on alone.

        Raises:
            RasterError: an object cannot be read.
        """
        plan = min(name for name in self._names() if name.endswith(PLAN))
        self._key = plan.removesuffix(PLAN)
        write_whole(self.folder / CONDITIONS, read_bytes(self._place(plan)))
        self._fetch()

    def finished(self) -> set[int]:
        """Return the indices of the blocks that anybody has uploaded."""
        return self._blocks(self._names())

    def store(self, index: int, block: Arrays, *, carry: NDArray[np.float32] | None) -> None:
        """Write a block as the parent does, and have it uploaded meanwhile.

        Raises:
            ResourceError: an earlier one could not be uploaded.
            OSError: the folder cannot be written.
        """
        super().store(index, block, carry=carry)
        self._send(index)

    def flush(self) -> None:
        """Wait until all blocks are uploaded.

        Raises:
            ResourceError: one cannot be.
        """
        self._wait(0)
        self._asked = -inf

    def part(self, index: int, name: str) -> NDArray[Any]:
        """Return one array of a block, which is fetched with all others where it is not here.

        Raises:
            RasterError: the block is not what was written, or cannot be read.
        """
        if not self._block(index).exists():
            self._fetch()
        return super().part(index, name)

    def remove(self) -> None:
        """Remove the folder, and all of the run from the bucket.

        Raises:
            ResourceError: the bucket cannot be listed, or an object cannot be removed.
        """
        for each in self._uploads:
            each.cancel() or each.exception()  # one that is under way would come later
        self._uploads.clear()
        self._asked = -inf
        super().remove()
        names = self._names()
        # The plan first: who uploads a block from now on sees that it came too late.
        for chosen in ([name for name in names if name.endswith(PLAN)], names):
            list(_threads.map(remove_object, map(self._place, chosen)))

    def _send(self, index: int) -> None:
        self._wait(WAITING - 1)
        block = self._block(index)
        self._uploads.append(_threads.submit(upload, block, self._place(f'{self._key}.{block.name}')))

    def _wait(self, left: int) -> None:
        while len(self._uploads) > left:
            try:
                self._uploads.popleft().result()
            except BaseException:  # without a network, each of the others would take minutes
                for each in self._uploads:
                    each.cancel()
                raise

    def _fetch(self) -> None:
        def fetch(index: int) -> None:
            block = self._block(index)
            write_whole(block, read_bytes(self._place(f'{self._key}.{block.name}')))

        list(_threads.map(fetch, self.finished() - super().finished()))

    def _blocks(self, names: set[str]) -> set[int]:
        start = f'{self._key}.block_'
        return {int(Path(name.removeprefix(start)).stem) for name in names if name.startswith(start)}

    def _names(self) -> set[str]:
        return list_objects(self.there, last=f'{self._key}{PLAN}')

    def _place(self, name: str) -> Address:
        return Address(f'{self.there}/{name}')


def _key(conditions: Conditions) -> str:
    """Return the same for runs whose blocks have the same bytes."""
    content = [(entry['name'], entry['sha256']) for entry in conditions.get('content', ())]
    return sha256(json.dumps([fingerprint(conditions), content]).encode()).hexdigest()[:16]
