"""A map that several processes make without knowing each other: the one that stores the last block writes it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from mmseg_aux_hrnet.errors import ConfigError, DataError, InUseError, OutputExistsError, ResourceError
from mmseg_aux_hrnet.files.outputs import check_file
from mmseg_aux_hrnet.maps.predict.blocks import Batch
from mmseg_aux_hrnet.maps.predict.bucket import Bucket, BucketMap
from mmseg_aux_hrnet.maps.predict.journal import Conditions
from mmseg_aux_hrnet.maps.predict.raster_map import OnBlock, RasterMap
from mmseg_aux_hrnet.raster.content import unlike_files


class SharedMap(RasterMap):
    """The map of a raster in whose folder others work at the same time, without a lock.

    They may run on any machine, do the same work twice, and end at any moment: the bytes of a block do not depend on
    who makes it, and every file is whole or not there. A lock is held only while the map is written.
    """

    def begin(self) -> bool:
        """Take part, and return whether there is anything to do: a finished map is kept.

        Raises:
            ConfigError: there is a map that was made otherwise, or others began it otherwise.
            DataError: others began it with a raster of other content.
            ResourceError: the folder cannot be written.
        """
        there = self.out.exists()  # asked first: another may put it there while the rest is looked at
        if self._is_finished():
            with suppress(ConfigError):  # another does the same, and is quicker
                if self.journal.is_open():  # of one that was cut off just before it would have
                    self.journal.finish(self.plan.conditions)
            self.journal.remove()  # of one that came late
            with suppress(OSError):
                self.journal.lock_path.unlink()
            return False
        if there and not self.journal.is_open():
            check_file(
                self.out, what=f'{self.out}, which was made otherwise,', advice='remove it, or give another --out'
            )
        try:
            with self._disk_errors():
                self.journal.join(self.plan.conditions, compare=self._unlike)
            noted = self.journal.conditions()
        except (ConfigError, ResourceError):
            if self._done_elsewhere():
                return False
            raise
        if 'content' not in noted and noted['modified'] != self.plan.conditions['modified']:
            self.note_content()  # a copy on another machine: only what is in it tells whether it is the same
        return True

    def note_content(self) -> None:
        """Note what the files of the raster hold, or compare it with what another has noted.

        Raises:
            DataError: it is other content than that of the others, or a file cannot be read.
            ResourceError: the disk is full.
        """
        try:
            content = self._read_content(self.journal.conditions().get('content', ()))
            with self._disk_errors():
                standing = self.journal.add_first('content', content)
        except (ConfigError, ResourceError):
            if self._done_elsewhere():
                return
            raise
        files = unlike_files(standing, content)
        if files:
            raise DataError(f'{self.path}: {", ".join(files)} holds other content than where its map was begun')

    def predict(
        self, indices: Sequence[int], *, on_block: OnBlock | None = None, batches: Sequence[Batch] | None = None
    ) -> None:
        """Predict blocks as the parent does; end early where others have finished the map meanwhile."""

        def after(done: int, count: int) -> None:
            if on_block is not None:
                on_block(done, count)
            if not self.journal.is_open():
                raise _DoneElsewhereError

        try:
            super().predict(indices, on_block=after, batches=batches)
        except _DoneElsewhereError:
            self.journal.remove()  # a block that was stored after they had removed it
        except ResourceError:
            if not self._done_elsewhere():
                raise

    def _done_elsewhere(self) -> bool:
        """Return whether others finished the map, and so removed the folder in which something has just failed."""
        if self.journal.is_open() or not self._is_finished():
            return False
        self.journal.remove()  # what was stored in it since
        return True

    def complete(self) -> None:
        """Write the map if all of it is there and no other process is writing it.

        Raises:
            DataError: as the parent.
            ResourceError: as the parent.
        """
        if not self.journal.is_open() or self.missing():
            return
        with suppress(InUseError), self.locked():
            try:
                if self.begin():  # no other process has written it since
                    if 'content' not in self.journal.conditions():
                        self.note_content()
                    super().complete()
            except (DataError, ResourceError):  # where there are no locks, another may be quicker
                if not self._is_finished():
                    raise

    def _unlike(self, old: Conditions, new: Conditions) -> list[str]:
        if 'content' not in old:  # times of copies do not count: see begin()
            old = {**old, 'modified': new['modified']}
        return self._differing(old, new)


class SharedBucketMap(SharedMap, BucketMap):
    """The same of a map in a bucket, in which the machines meet: each works in a folder of its own.

    Two of them that write the map at the same moment upload the same bytes.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.journal = self.parts
        self._advice = 'its rows of windows are in the bucket: start the same again'

    def begin(self) -> bool:
        """Take part as the parent does; without ``resume`` nothing may be there, and ``overwrite`` removes it.

        Raises:
            ConfigError: as the parent.
            DataError: the raster cannot be read.
            ResourceError: the bucket cannot be listed or written.
        """
        if self._settings.overwrite:
            self._remove_there()
            self.parts.remove()
        elif not self._settings.resume:
            self._check_free()
        there = self._bucket.has(self.out)
        if there and self._is_uploaded():
            self._clear()
            return False
        if there:
            raise OutputExistsError(f'{self.shown}, which was made otherwise, exists: remove it, or give another --out')
        content = self._read_content(self.parts.conditions().get('content', ()))
        with self._disk_errors():
            self.parts.join({**self.plan.conditions, 'content': content}, compare=self._differing)
        if self._is_finished():  # by others, meanwhile: what was joined is a new run
            self._clear()
            return False
        return True

    def note_content(self) -> None:
        """Do nothing: who takes part has noted it."""

    def complete(self) -> None:
        """Write and upload the map if all of it is there.

        Raises:
            DataError: as the parent.
            ResourceError: as the parent, and where an upload fails.
        """
        self.parts.flush()
        if self.parts.is_open():
            super().complete()
        else:
            self.parts.remove()  # blocks that came after others had finished the map

    def _is_finished(self) -> bool:
        return self._bucket.has(self.out) and self._is_uploaded()

    def _upload(self) -> None:
        if self.parts.is_open():  # else others have
            super()._upload()


def shared_kind(bucket: Bucket | None) -> Callable[..., RasterMap]:
    """Return what makes the map of one raster together with processes that are not known."""
    return SharedMap if bucket is None else partial(SharedBucketMap, bucket=bucket)


class _DoneElsewhereError(Exception):
    """The map is finished, by others."""
