"""Files that go to buckets: GDAL puts each there as a whole, or not at all."""

import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmseg_aux_hrnet.errors import ResourceError
from mmseg_aux_hrnet.files.address import Address, scrub
from mmseg_aux_hrnet.raster import remote
from mmseg_aux_hrnet.raster.dataset import gdal
from mmseg_aux_hrnet.raster.gdal_files import OnProgress, forget, library, names_in, problem_of, size_of

BUCKETS = ('/vsis3/', '/vsigs/', '/vsioss/', '/vsiaz/')  # where an object shows only when it is whole
AZURE = '/vsiaz/'
# Bytes, the least VSIAZ_CHUNK_SIZE: a larger blob of Azure, GDAL by itself lets grow in everybody's sight.
ONE_REQUEST = 2**20
BLOCK = 32 * 2**20  # bytes
OnBytes = Callable[[Address, int, int], None]  # the object, the bytes that are sent, and of how many
CUT = 'uploads that were cut or refused'  # GDAL does not say which


def object_exists(target: Address) -> bool:
    """Return whether there is an object.

    Raises:
        ResourceError: the server does not say.
    """
    with gdal(**remote.http_defaults()):
        forget(target)  # another may have put it there since
        problem = problem_of(target.gdal)
    if problem is not None and not remote.NOT_THERE.search(problem):
        raise ResourceError(f'{target} {remote.explain(problem)}')
    return problem is None


def list_objects(folder: Address, *, last: str) -> set[str]:
    """Return the names of the objects in a folder.

    Args:
        folder: its address.
        last: the object that shows whether the list is whole where it is there, for GDAL does not say when a server
            fails: that of the names that count which sorts last.

    Raises:
        ResourceError: the server does not list the folder to the end.
    """
    for seconds in (*remote.PATIENCE, 0.0):
        with gdal(**remote.http_defaults()):
            forget(folder)
            names = names_in(folder)
            forget(folder)  # else GDAL would answer from this list whether an object is there
        if last in names or not object_exists(Address(f'{folder}/{last}')):
            return names
        remote.troubles[f'{folder.host}: lists of folders that were cut or refused'] += 1
        time.sleep(seconds)
    raise ResourceError(
        f'{folder} cannot be listed: see whether your rights allow that (docs/maps_remote.md) and whether the network '
        'holds'
    )


def upload(path: Path, target: Address, *, on_bytes: OnBytes = lambda target, sent, size: None) -> None:
    """Put a file into a bucket; until all of it is there, the bucket has no object of the name, or the earlier one.

    Args:
        path: of the file.
        target: of the object.
        on_bytes: called as it goes; with all bytes where all are there.

    Raises:
        ResourceError: it still fails after several tries.
        KeyboardInterrupt: Ctrl-C, after which there is no object either.
    """
    with gdal(**remote.http_defaults()):
        said = _copy(path, target, on_bytes)
        for seconds in remote.PATIENCE:
            if said is None:
                break
            remote.troubles[f'{target.host}: {CUT}'] += 1
            time.sleep(seconds)
            said = _copy(path, target, on_bytes)
    if said is None:
        return
    raise ResourceError(
        f'{target} cannot be written ({scrub(said)}): see whether your rights allow to write there '
        '(docs/maps_remote.md) and whether the network holds'
    )


def _copy(path: Path, target: Address, on_bytes: OnBytes) -> str | None:
    """Upload once, and return what was wrong; None for nothing."""
    functions, size = library(), path.stat().st_size
    with _noting_interrupts() as interrupts:
        functions.CPLErrorReset()
        # Not by writing to an open file: to close it, as after an error of ours, makes an object of its first half.
        names = str(path).encode(), target.gdal.encode()

        def go_on(share: float, *rest: object) -> bool:
            on_bytes(target, min(int(share * size), size - 1), size)  # GDAL holds back a last part that is not yet sent
            return not interrupts

        goes_on = OnProgress(go_on)
        if target.gdal.startswith(AZURE) and size >= ONE_REQUEST:
            code = _put_blocks(path, target, interrupts, on_bytes=on_bytes)
        else:
            code = functions.VSICopyFile(*names, None, size, None, goes_on, None)
        said: bytes = functions.CPLGetLastErrorMsg()
    if code != 0:
        return said.decode('utf-8', 'replace') or 'GDAL does not say why'
    forget(target)
    arrived = size_of(target)
    if arrived != size:
        return f'{arrived} of {size} bytes arrived'
    on_bytes(target, size, size)
    return None


def _put_blocks(path: Path, target: Address, interrupts: list[int], *, on_bytes: OnBytes) -> int:
    """Upload a blob by blocks, which make it when all are there, and return 0; else they vanish by themselves."""
    functions, name = library(), target.gdal.encode()
    blocks: list[bytes] = []
    upload_id = functions.VSIMultipartUploadStart(name, None)
    with path.open('rb') as file:
        while upload_id and not interrupts:
            offset, content = file.tell(), file.read(BLOCK)
            if not content:
                ids = (ctypes.c_char_p * len(blocks))(*blocks)
                return 1 - int(functions.VSIMultipartUploadEnd(name, upload_id, len(blocks), ids, offset, None))
            block = functions.VSIMultipartUploadAddPart(
                name, upload_id, len(blocks) + 1, offset, content, len(content), None
            )
            if not block:
                break
            blocks.append(block)
            on_bytes(target, offset + len(content) - 1, path.stat().st_size)
    return 1


@contextmanager
def _noting_interrupts() -> Iterator[list[int]]:
    """Keep Ctrl-C for the end of the block, for no exception passes through GDAL; it is noted at once."""
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    earlier = signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, earlier)
    if noted:
        raise KeyboardInterrupt


def remove_object(target: Address) -> None:
    """Remove an object where there is one.

    Raises:
        ResourceError: it is there still.
    """
    with gdal(**remote.http_defaults()):
        functions = library()
        functions.CPLErrorReset()
        if functions.VSIUnlink(target.gdal.encode()) == 0:
            return
        said: bytes = functions.CPLGetLastErrorMsg()
    if object_exists(target):
        raise ResourceError(
            f'{target} cannot be removed ({scrub(said.decode("utf-8", "replace"))}): see whether your rights allow it'
        )
