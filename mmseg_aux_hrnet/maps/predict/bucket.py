"""Maps that go to a bucket: made and checked in a folder of this machine, then uploaded, the class map last."""

import json
import os
import re
import tempfile
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.errors import AuxHRNetError, ConfigError, OutputExistsError, RasterError, ResourceError, one_line
from mmseg_aux_hrnet.files.address import Address, as_path
from mmseg_aux_hrnet.files.outputs import check_writable, refuse_address
from mmseg_aux_hrnet.files.whole import companions
from mmseg_aux_hrnet.maps.predict.planning import fingerprint
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap
from mmseg_aux_hrnet.raster.dataset import RUN_TAG, VERSION, open_dataset
from mmseg_aux_hrnet.raster.gdal_files import library
from mmseg_aux_hrnet.raster.remote import read_bytes
from mmseg_aux_hrnet.raster.upload import AZURE, BUCKETS, OnBytes, object_exists, remove_object, upload

PROBE = '.may-be-written'  # an object of that name is made and removed before the work


@dataclass(frozen=True)
class Bucket:
    """A folder in a bucket, and where the maps are made that go there.

    Attributes:
        folder: its address.
        scratch: of this machine; of another address it is another one.
    """

    folder: Address
    scratch: Path

    @property
    def told(self) -> str:
        """What a user should know, in a line."""
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
                probe = Path(folder) / PROBE
                probe.write_bytes(b'\n')
                upload(probe, self.place(probe))
            with suppress(ResourceError, RasterError):  # whoever may write and not remove can do without
                remove_object(self.place(probe))


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
    shared = [name for name in ('part', 'finish', 'ray') if getattr(args, name)]
    if shared:
        raise ConfigError(
            f'--{shared[0]} shares unfinished work through --out, which cannot be in a bucket: name a folder that all '
            'machines see, and copy the maps when they are whole'
        )
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
    """

    def __init__(self, *args: Any, bucket: Bucket, on_bytes: OnBytes | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bucket = bucket
        self._heard = {} if on_bytes is None else {'on_bytes': on_bytes}
        self.shown = bucket.place(self.out)
        self._record = self.journal.folder.with_suffix('.json')
        self._class_maps = [sheet.out for sheet in self.sheets]

    def begin(self) -> bool:
        """Get ready as the parent does; a map that was made and not uploaded is uploaded on ``resume``.

        Raises:
            ConfigError: as the parent, and where an object is in the way.
            RasterError: the bucket does not say what it holds.
            ResourceError: as the parent, and where an upload fails.
        """
        settings = self._settings
        if settings.resume and self._is_uploaded():
            self._remove_here()
            return False
        if settings.resume and self._is_finished():
            self._upload()
            return False
        if not settings.overwrite and not (settings.resume and self.journal.exists()):
            other = ', which was made with other settings,' if settings.resume else ''
            # Of a map that was not uploaded whole, its other files may be there.
            for file in self._class_maps if settings.resume else self.outputs:
                if self._bucket.has(file):
                    raise OutputExistsError(f'{self._bucket.place(file)}{other} exists: replace it with --overwrite')
                if file.exists() and not settings.resume:
                    raise OutputExistsError(f'{file} waits to be uploaded: give --resume, or make it anew: --overwrite')
        return super().begin()

    def complete(self) -> None:
        """Write the map as the parent does, and upload it.

        Raises:
            DataError: as the parent.
            ResourceError: as the parent, and where an upload fails.
        """
        super().complete()
        self._upload()

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
            old = [file for file in self.outputs if self._bucket.has(file)]
            # Its name would stand beside files of the new one.
            for file in sorted(old, key=lambda file: file not in self._class_maps):
                remove_object(self._bucket.place(file))
                for name in companions(file):
                    if not name.exists() and self._bucket.has(name):
                        remove_object(self._bucket.place(name))
            for file in (*first, *self._class_maps):
                if file.exists():
                    upload(file, self._bucket.place(file), **self._heard)
        except AuxHRNetError as error:
            raise ResourceError(
                f'{one_line(error)}; the map waits in {self._bucket.scratch}: --resume only uploads it'
            ) from error
        self._remove_here()

    def _remove_here(self) -> None:
        self.journal.remove()
        for file in self.outputs:
            for name in (*companions(file), file):
                name.unlink(missing_ok=True)
        self._record.unlink(missing_ok=True)
