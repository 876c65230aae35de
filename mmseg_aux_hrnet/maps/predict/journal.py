"""Keeps what is finished of a map on disk while it is being made, so that a run that was cut off can go on."""

import errno
import io
import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from mmseg_aux_hrnet.errors import ConfigError, RasterError
from mmseg_aux_hrnet.files.whole import write_whole
from mmseg_aux_hrnet.maps.options import warn_once

Arrays = dict[str, NDArray[Any]]
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
CONDITIONS = 'plan.json'  # this name and those of blocks and carries stay: runs go on from version to version


class Journal:
    """A folder with one file for each finished block of rows, each whole or not there.

    Args:
        folder: where it is or will be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from the map, until the block ends or this process does, however it does.

        On a file system that knows no locks, nothing is kept from anybody, and a warning says so.

        Raises:
            ConfigError: another process holds it.
            OSError: the folder around cannot be written.
        """
        # Beside the folder, not in it: the folder is removed while the lock is still needed.
        path = self.folder.with_suffix('.lock')
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, blocking=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise ConfigError(
                f'another process is making this map, and holds {path}: wait for it, or give another --out'
            ) from error
        except (NotImplementedError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in NO_LOCKS:
                raise
            warn_once(
                f'{path.parent}: its file system knows no locks, so nothing keeps a second run from the same maps'
            )
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

    def begin(self, conditions: Mapping[str, Any], *, resume: bool) -> None:
        """Take up the blocks of an earlier run, or start with none.

        Args:
            conditions: everything that the blocks' bytes depend on, as JSON knows it.
            resume: go on with what is there; else whatever is there is refused.

        Raises:
            ConfigError: there are blocks and no ``resume``, or they were made under other conditions.
            OSError: the folder cannot be written.
        """
        path = self.folder / CONDITIONS
        if not self.exists():
            # Conditions without blocks are nothing to lose, whatever they say; parts of files may lie there too.
            shutil.rmtree(self.folder, ignore_errors=True)
            write_whole(path, json.dumps(conditions, indent=2, sort_keys=True).encode())
            return
        if not resume:
            raise ConfigError(
                f'{self.folder} holds an unfinished run: go on with --resume, or start anew with --overwrite'
            )
        try:
            old = json.loads(path.read_text(encoding='utf-8'))
        except ValueError:
            old = None
        if not isinstance(old, dict):
            raise ConfigError(f'{path} is damaged: start anew with --overwrite')
        # Through JSON, in which tuples are lists: else conditions would differ from themselves.
        new = json.loads(json.dumps(conditions))
        names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
        differing = [f'{name} was {old.get(name)}, now {new.get(name)}' for name in names]
        if differing:
            raise ConfigError(
                f'{self.folder} was begun otherwise ({"; ".join(differing)}): give what it was begun with, '
                'or start anew with --overwrite'
            )

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
            write_whole(self._carry(index + 1), content.getvalue())
        content = io.BytesIO()
        np.savez_compressed(content, allow_pickle=False, **block)
        write_whole(self._block(index), content.getvalue())
        self._carry(index).unlink(missing_ok=True)

    def carry(self, index: int) -> NDArray[np.float32] | None:
        """Return what was kept for block ``index``; None where nothing was, or it cannot be read."""
        try:
            carry: NDArray[np.float32] = np.load(self._carry(index), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return carry

    def blocks(self, count: int) -> Iterator[Arrays]:
        """Yield the blocks 0 to ``count`` - 1.

        Raises:
            RasterError: one is not what was written.
        """
        for index in range(count):
            path = self._block(index)
            try:
                with np.load(path, allow_pickle=False) as block:
                    arrays = dict(block)
            except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                raise RasterError(f'{path} is damaged: remove it and go on with --resume') from error
            yield arrays

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _block(self, index: int) -> Path:
        return self.folder / f'block_{index:06d}.npz'

    def _carry(self, index: int) -> Path:
        return self.folder / f'carry_{index:06d}.npy'
