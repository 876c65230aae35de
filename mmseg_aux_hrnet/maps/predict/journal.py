"""Keeps what is finished of a map on disk while it is being made, so that a run that was cut off can continue."""

import errno
import io
import json
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from mmseg_aux_hrnet.errors import ConfigError, InUseError, RasterError
from mmseg_aux_hrnet.files.whole import unique_part, whole_file, write_first, write_whole
from mmseg_aux_hrnet.maps.options import warn_once

Arrays = dict[str, NDArray[Any]]
Conditions = Mapping[str, Any]
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
CONDITIONS = 'plan.json'  # this name and those of blocks and carries stay: newer versions continue old runs
CONTENT = 'content.json'


def differing(old: Conditions, new: Conditions) -> list[str]:
    """Return in words which conditions of a map are not the same; those that only a newer version knows are not asked.

    Where the content of the raster is known, it tells more than when it was written, and so does the area of interest.
    """
    new = json.loads(json.dumps(new))  # in which tuples are lists: else conditions would differ from themselves
    names = {*old, *new} - {'content', 'modified' if 'content' in old else '', 'aoi' if 'area' in old else 'area'}
    return [
        f'{name} was {old.get(name)}, now {new.get(name)}' for name in sorted(names) if old.get(name) != new.get(name)
    ]


class Journal:
    """A folder with one file for each finished block of rows, each whole or not there.

    When the map is whole, the conditions under which it was made stay beside it, in a file of their own.

    Args:
        folder: where it is or will be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Beside the folder, not in it: the folder is removed while the lock is still needed.
        self.lock_path = folder.with_suffix('.lock')

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from the map, until the block ends or this process does, however it does.

        On a file system without locks, other processes are not kept out, and a warning says so.

        Raises:
            InUseError: another process holds it.
            OSError: the folder around cannot be written.
        """
        path = self.lock_path
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, blocking=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise InUseError(
                f'another process is making this map, and holds {path}: wait for it, or give another --out'
            ) from error
        except (NotImplementedError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in NO_LOCKS:
                raise
            warn_once(f'{path.parent}: its file system has no locks, so a second run could write the same maps')
            path.unlink(missing_ok=True)
            yield
            return
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes no open files: there, releasing it does
                path.unlink(missing_ok=True)
            lock.release()

    def exists(self) -> bool:
        """Return whether there is an unfinished run of which anything is finished."""
        return (self.folder / CONDITIONS).is_file() and bool(self.finished())

    def begin(
        self,
        conditions: Conditions,
        *,
        resume: bool,
        compare: Callable[[Conditions, Conditions], list[str]] = differing,
    ) -> None:
        """Take up the blocks of an earlier run, or start with none.

        Args:
            conditions: everything that the blocks' bytes depend on, as JSON knows it.
            resume: continue with what is there; else it is refused.
            compare: of those of the earlier run and these, returns in words what is not the same.

        Raises:
            ConfigError: there are blocks and no ``resume``, or they were made under other conditions.
            OSError: the folder cannot be written.
        """
        if not self.exists():
            # Conditions without blocks are nothing to lose, whatever they say; parts of files may lie there too.
            shutil.rmtree(self.folder, ignore_errors=True)
            self._write(conditions)
            return
        if not resume:
            raise ConfigError(
                f'{self.folder} holds an unfinished run: continue with --resume, or start again with --overwrite'
            )
        self._check(compare(self.conditions(), conditions), advice='start again with --overwrite')

    def join(self, conditions: Conditions, *, compare: Callable[[Conditions, Conditions], list[str]]) -> None:
        """Take part in a run that others may have begun, or begin at the same moment, on any machine.

        Args:
            conditions: everything that the blocks' bytes depend on, as JSON knows it.
            compare: as in :meth:`begin`.

        Raises:
            ConfigError: the run was begun under other conditions.
            OSError: the folder cannot be written.
        """
        if not self.is_open():
            write_first(self.folder / CONDITIONS, _json(conditions))
        self._check(compare(self.conditions(), conditions), advice='give another --out')

    def is_open(self) -> bool:
        """Return whether a run was begun, and has not become a map yet."""
        return (self.folder / CONDITIONS).is_file()

    def conditions(self) -> dict[str, Any]:
        """Return those under which the run was begun, and what was noted since.

        Raises:
            ConfigError: they cannot be read.
        """
        conditions = _read(self.folder / CONDITIONS)
        if conditions is None:
            raise ConfigError(f'{self.folder / CONDITIONS} is damaged: start again with --overwrite')
        return {**conditions, **(_read(self.folder / CONTENT) or {})}

    def add(self, name: str, value: Any) -> None:
        """Note a condition that was not known when the run was begun.

        Raises:
            OSError: the folder cannot be written.
        """
        self._write({**self.conditions(), name: value})

    def add_first(self, name: str, value: Any) -> Any:
        """Note a condition as :meth:`add` unless another process has, and return what stands there then.

        Raises:
            OSError: the folder cannot be written.
        """
        write_first(self.folder / CONTENT, _json({name: value}))
        return self.conditions()[name]

    def of_finished(self) -> dict[str, Any]:
        """Return the conditions of the finished map; none where they are not there, as of older versions."""
        return _read(self.folder.with_suffix('.json')) or {}

    def finish(self, conditions: Conditions) -> None:
        """Remove the folder of a map that is whole, and keep its conditions.

        Args:
            conditions: of the process that wrote the map, whose fingerprint is in it; what was noted since is kept too.

        Raises:
            OSError: it cannot be written.
        """
        content = _json({**self.conditions(), **conditions})
        with whole_file(self.folder.with_suffix('.json'), part=unique_part(self.folder / 'made')) as part:
            part.write_bytes(content)
        (self.folder / CONDITIONS).unlink(missing_ok=True)  # first, so that what is left does not look like a run
        Journal.remove(self)  # what is in a bucket stays until the map is there

    def finished(self) -> set[int]:
        """Return the indices of the blocks that are there."""
        return {int(path.stem.removeprefix('block_')) for path in self.folder.glob('block_*.npz')}

    def store(self, index: int, block: Arrays, *, carry: NDArray[np.float32] | None) -> None:
        """Write a finished block, and what the next one needs of it.

        At any moment the block is there together with its carry, or the carry that it was made from still is.

        Args:
            index: of the block.
            block: arrays by name.
            carry: what windows that begin in this block or before add to the rows below it; None after the last one.
        """
        if carry is not None:
            # First the carry of the next block: without it, a run would predict again the rows of windows above.
            content = io.BytesIO()
            np.save(content, carry)
            _put(self._carry(index + 1), content.getvalue())
        content = io.BytesIO()
        np.savez_compressed(content, allow_pickle=False, **block)
        _put(self._block(index), content.getvalue())
        self._carry(index).unlink(missing_ok=True)

    def carry(self, index: int) -> NDArray[np.float32] | None:
        """Return what was kept for block ``index``; None where nothing was, or it cannot be read."""
        try:
            carry: NDArray[np.float32] = np.load(self._carry(index), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return carry

    def part(self, index: int, name: str) -> NDArray[Any]:
        """Return one array of a block.

        Raises:
            RasterError: the block is not what was written.
        """
        path = self._block(index)
        try:
            with np.load(path, allow_pickle=False) as block:
                array: NDArray[Any] = block[name]
        except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise RasterError(f'{path} is damaged: remove it and continue with --resume') from error
        return array

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, conditions: Conditions) -> None:
        write_whole(self.folder / CONDITIONS, _json(conditions))

    def _check(self, unlike: list[str], *, advice: str) -> None:
        if unlike:
            raise ConfigError(
                f'{self.folder} was begun with other settings ({"; ".join(unlike)}): use the same settings, or {advice}'
            )

    def _block(self, index: int) -> Path:
        return self.folder / f'block_{index:06d}.npz'

    def _carry(self, index: int) -> Path:
        return self.folder / f'carry_{index:06d}.npy'


def _put(path: Path, content: bytes) -> None:
    """Write a file whole, which another process may write in the same moment, with the same content."""
    with whole_file(path, part=unique_part(path)) as part:
        part.write_bytes(content)


def _json(conditions: Conditions) -> bytes:
    return json.dumps(conditions, indent=2, sort_keys=True).encode()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        conditions = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    return conditions if isinstance(conditions, dict) else None
