"""Maps that go to a bucket: made and checked in a folder of this machine, then uploaded, the class map last."""

import itertools
import json
import os
import re
import shutil
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from mmseg_aux_hrnet.errors import AuxHRNetError, ConfigError, OutputExistsError, RasterError, ResourceError, one_line
from mmseg_aux_hrnet.files.address import Address, as_path
from mmseg_aux_hrnet.files.outputs import check_writable, refuse_address
from mmseg_aux_hrnet.files.whole import companions
from mmseg_aux_hrnet.maps.predict.bucket_journal import BucketJournal
from mmseg_aux_hrnet.maps.predict.planning import fingerprint
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap
from mmseg_aux_hrnet.raster.dataset import RUN_TAG, VERSION, open_dataset
from mmseg_aux_hrnet.raster.gdal_files import library
from mmseg_aux_hrnet.raster.remote import read_bytes
from mmseg_aux_hrnet.raster.upload import AZURE, BUCKETS, OnBytes, object_exists, remove_object, upload

PROBE = '.may-be-written'  # an object whose name begins so is made and removed before the work


@dataclass(frozen=True)
class Bucket:
    """A folder in a bucket, and where the maps are made that go there.

    Attributes:
        folder: its address.
        scratch: of this machine; of another address it is another one.
        shared: machines that know nothing of each other make the maps together, by what each has put into the bucket.
    """

    folder: Address
    scratch: Path
    shared: bool = False

    @property
    def told(self) -> str:
        """What a user should know, in a line."""
        if self.shared:
            return f'rows of windows go to {self.folder} as they are done; maps are made in {self.scratch}'
        return f'maps are made in {self.scratch}, then uploaded to {self.folder}; --resume finds there what was begun'

    def place(self, file: Path) -> Address:
        """Return where a file of the scratch folder goes."""
        return Address(f'{self.folder}/{file.name}')

    def has(self, file: Path) -> bool:
        """Return whether there is an object for a file of the scratch folder."""
        return object_exists(self.place(file))

    def check(self, rasters: Sequence[Path], outs: Sequence[Path]) -> None:
        """See to it that maps can be made and uploaded, before hours of work.

        Args:
            rasters: that are read.
            outs: the class map of each, in the scratch folder.

        Raises:
            ConfigError: the scratch folder cannot be written, or a raster would be overwritten.
            ResourceError: the bucket cannot be written.
        """
        for raster, out in zip(rasters, outs, strict=True):
            stem = out.name.removesuffix('_classes.tif')
            for name in (out.name, f'{stem}_prob.tif', f'{stem}_uncertainty.tif'):
                place = self.place(Path(name))
                if place in rasters:
                    raise ConfigError(f'the map of {raster} would overwrite the raster {place}: give another --out')
        check_writable(self.scratch, what=f'{self.scratch}, where maps are made,', advice='give another --scratch')
        if os.environ.get('RANK', '0') == '0':
            with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
                probe = Path(folder) / f'{PROBE}.{uuid4().hex[:8]}'  # others may do the same at the moment
                probe.write_bytes(b'\n')
                upload(probe, self.place(probe))
            with suppress(ResourceError):  # whoever may write and not remove can do without
                remove_object(self.place(probe))

    @contextmanager
    def own_folder(self) -> Iterator['Bucket']:
        """Give the bucket with a scratch folder that no other process uses until the block ends.

        After a process that was killed, the next one has its folder. It is removed where the block ends well.
        """
        self.scratch.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            folder = self.scratch / f'process_{number}'
            lock = FileLock(f'{folder}.lock', blocking=False)
            try:
                lock.acquire()
            except Timeout:
                continue
            except (NotImplementedError, OSError):  # a file system without locks
                folder = Path(tempfile.mkdtemp(dir=self.scratch))
            break
        try:
            yield replace(self, scratch=folder, shared=True)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            lock.release()


def find_bucket(args: Namespace) -> Bucket | None:
    """Return where the maps of a command line go; None for a folder of this machine.

    Raises:
        ConfigError: GDAL cannot put files there whole, or other options do not go with it.
    """
    folder = as_path(args.out)
    if not isinstance(folder, Address):
        if args.scratch is not None:
            raise ConfigError(f'--scratch {args.scratch} is for maps that go to a bucket: leave it out')
        return None
    if folder.is_signed or not folder.gdal.startswith(BUCKETS):
        refuse_address(folder)
    if folder.gdal.startswith(AZURE) and not hasattr(library(), 'VSIMultipartUploadStart'):
        raise ConfigError(f'{folder} needs GDAL 3.10, and rasterio has {VERSION}: pip install --upgrade rasterio')
    world = os.environ.get('WORLD_SIZE', '1')
    if args.scratch is None and world != os.environ.get('LOCAL_WORLD_SIZE', world):
        raise ConfigError('processes on several machines make one map together: give a --scratch that all of them see')
    address = str(folder).rstrip('/')
    # Readable, and no other address has it.
    name = f'predict_raster{re.sub("[^A-Za-z0-9.]+", "-", f"-{address}")}-{sha256(address.encode()).hexdigest()[:8]}'
    return Bucket(Address(address), (args.scratch or Path(tempfile.gettempdir())).absolute() / name)


def map_kind(bucket: Bucket | None, *, on_bytes: OnBytes | None = None) -> Callable[..., RasterMap]:
    """Return what makes the map of one raster; ``on_bytes`` hears how uploads go."""
    return RasterMap if bucket is None else partial(BucketMap, bucket=bucket, on_bytes=on_bytes)


class BucketMap(RasterMap):
    """A map in a bucket. Its class map is there only together with all else, and the files here are removed then.

    Args:
        *args: as of the parent.
        bucket: where it goes.
        on_bytes: hears how uploads go.
        **kwargs: as of the parent.

    Attributes:
        parts: what machines that share the work have put there.
    """

    def __init__(self, *args: Any, bucket: Bucket, on_bytes: OnBytes | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bucket = bucket
        self._heard = {} if on_bytes is None else {'on_bytes': on_bytes}
        self.shown = bucket.place(self.out)
        self._record = self.journal.folder.with_suffix('.json')
        self._class_maps = [sheet.out for sheet in self.sheets]
        self.parts = BucketJournal(self.journal.folder, Address(f'{bucket.folder}/.{self.out.name}.parts'))
        self._advice = f'the map waits in {bucket.scratch}: --resume only uploads it'

    def begin(self) -> bool:
        """Get ready as the parent does; a map that was made and not uploaded is uploaded on ``resume``.

        Raises:
            ConfigError: as the parent, and where an object is in the way.
            ResourceError: as the parent, and where the bucket does not say what it holds, or an upload fails.
        """
        settings = self._settings
        if settings.resume and self._is_uploaded():
            self._clear()
            return False
        if settings.resume and self._is_finished():
            self._upload()
            return False
        if settings.overwrite:
            self.parts.remove()
        elif not (settings.resume and self.journal.exists()):
            self._check_free()
            if self.parts.others():  # only where it is resumed
                self.parts.take_up()
        return super().begin()

    def complete(self) -> None:
        """Write the map as the parent does, and upload it.

        Raises:
            DataError: as the parent.
            ResourceError: as the parent, and where an upload fails.
        """
        super().complete()
        self._upload()

    def _check_free(self) -> None:
        """Raise where the bucket holds what the settings do not allow to replace or to continue with."""
        resume = self._settings.resume
        other = ', which was made with other settings,' if resume else ''
        # Of a map that was not uploaded whole, its other files may be there.
        for file in self._class_maps if resume else self.outputs:
            if self._bucket.has(file):
                raise OutputExistsError(f'{self._bucket.place(file)}{other} exists: replace it with --overwrite')
            if file.exists() and not resume:
                raise OutputExistsError(f'{file} waits to be uploaded: give --resume, or make it anew: --overwrite')
        if not resume and self.parts.others():
            raise ConfigError(
                f'{self.parts.there} holds an unfinished run: continue with --resume, or start again with --overwrite'
            )

    def _is_uploaded(self) -> bool:
        """Return whether the map is in the bucket, made by an equal run of the raster as it is now."""
        if not all(map(self._bucket.has, [self._record, *self.outputs])):
            return False
        try:
            conditions = json.loads(read_bytes(self._bucket.place(self._record)))
        except ValueError:
            return False
        runs = set()
        for file in self.outputs:
            with suppress(RasterError), open_dataset(self._bucket.place(file)) as written:
                runs.add(written.tags().get(RUN_TAG))
        return runs == {fingerprint(conditions)} and not self._differing(conditions, self.plan.conditions)

    def _upload(self) -> None:
        """Upload all files, those last whose name means that all is there, and remove them here."""
        beside = [name for file in self.outputs for name in companions(file)]
        first = [file for file in [*beside, *self.outputs, self._record] if file not in self._class_maps]
        try:
            if not self._bucket.shared:
                self._remove_there()
            for file in (*first, *self._class_maps):
                if file.exists():
                    upload(file, self._bucket.place(file), **self._heard)
        except AuxHRNetError as error:
            raise ResourceError(f'{one_line(error)}; {self._advice}') from error
        self._clear()

    def _remove_there(self) -> None:
        """Remove an old map, the class map first: its name would stand beside files of the new one."""
        old = [file for file in self.outputs if self._bucket.has(file)]
        for file in sorted(old, key=lambda file: file not in self._class_maps):
            remove_object(self._bucket.place(file))
            for name in companions(file):
                if not name.exists() and self._bucket.has(name):
                    remove_object(self._bucket.place(name))

    def _clear(self) -> None:
        """Remove what the map was made of, and the files here."""
        self.parts.remove()
        for file in self.outputs:
            for name in (*companions(file), file):
                name.unlink(missing_ok=True)
        self._record.unlink(missing_ok=True)
