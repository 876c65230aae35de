"""Predicts rasters in parts that share nothing but the folder of the maps, such as the tasks of an array job."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.errors import AuxHRNetError, ConfigError, DataError
from mmseg_aux_hrnet.files.outputs import check_writable
from mmseg_aux_hrnet.files.whole import PART, write_first, write_whole
from mmseg_aux_hrnet.maps.predict.bucket import Bucket
from mmseg_aux_hrnet.maps.predict.many import Job, Listener
from mmseg_aux_hrnet.maps.predict.model import MapModel
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.shared_map import shared_kind
from mmseg_aux_hrnet.maps.predict.sharing import Part, Pending, block_costs, share_of
from mmseg_aux_hrnet.raster.remote import read_bytes
from mmseg_aux_hrnet.raster.upload import remove_object, upload
from mmseg_aux_hrnet.version import __version__

PLAN = '.parts.json'  # which part predicts what: the first part writes it, and it is the same for all
SURVEYED_TOGETHER = 8  # rasters, whose headers may come slowly over a network
NOT_COMPARED = ('resume', 'overwrite', 'batch_size', 'aoi')  # aoi: its polygons are compared for each map


def predict_part(
    model: MapModel,
    rasters: Sequence[Path],
    outs: Sequence[Path],
    *,
    part: Part,
    settings: MapSettings,
    listener: Listener,
    bucket: Bucket | None = None,
) -> tuple[dict[int, str], list[int]]:
    """Predict one part of the maps of rasters; the part that stores the last block of a map writes the map.

    Parts need not run at the same time, on one machine, or once only. A map whose blocks all lie there when a part
    ends early is written by :func:`finish_parts`.

    Args:
        model: such as a ``Predictor``.
        rasters: files, the same for all parts.
        outs: the map of each, in one folder that all parts see; for a bucket in its scratch folder, of this part only.
        part: which one.
        settings: of all maps.
        listener: hears how it goes.
        bucket: that the maps go to.

    Returns:
        As :func:`~mmseg_aux_hrnet.maps.predict.many.predict_rasters`, for the rasters of this part.

    Raises:
        ConfigError: the parts that came before were of other rasters, settings or another count.
        ResourceError: memory or disk space ran out.
    """
    settings, kind = replace(settings, resume=True), shared_kind(bucket)
    survey = partial(_survey, partial(kind, model), rasters, outs, settings=settings, listener=listener)
    path = outs[0].parent / PLAN
    pending = _plan(path, model, rasters, settings=settings, survey=survey, count=part.total, bucket=bucket)
    shares = share_of(pending, process=part.number - 1, processes=part.total)
    job = Job(model, rasters, outs, settings=settings, listener=listener, kind=kind)
    listener.begins(sum(len(share.blocks) for share in shares))
    if not shares:
        listener.note(f'part {part} has nothing to do: there are fewer rows of windows than parts')
    for share in shares:
        job.take(share)
    return job.failed, job.outside


def finish_parts(
    model: MapModel,
    rasters: Sequence[Path],
    outs: Sequence[Path],
    *,
    settings: MapSettings,
    listener: Listener,
    bucket: Bucket | None = None,
) -> tuple[dict[int, str], list[int], dict[Part, list[int]]]:
    """Write the maps whose blocks are all there, and say what is missing of the others.

    Args:
        model: the same as of the parts.
        rasters: the same.
        outs: the same.
        settings: the same.
        listener: hears how it goes.
        bucket: the same.

    Returns:
        What :func:`predict_part` does, and for each part that has rows of windows left the numbers of their rasters,
        one for each row.

    Raises:
        ConfigError: the parts were of other rasters or settings, or there were none.
        ResourceError: disk space ran out.
    """
    settings, path = replace(settings, resume=True), outs[0].parent / PLAN
    pending = _plan(path, model, rasters, settings=settings, bucket=bucket)
    count = _read(path, bucket)['parts']
    owner = {
        (share.raster, block): Part(number + 1, count)
        for number in range(count)
        for share in share_of(pending, process=number, processes=count)
        for block in share.blocks
    }
    left: dict[Part, list[int]] = defaultdict(list)
    job = Job(model, rasters, outs, settings=settings, listener=listener, kind=shared_kind(bucket))
    listener.begins(len(rasters))
    for number, raster in enumerate(rasters):
        for block in job.finish(number):
            left[owner.get((number, block), Part(1, count))].append(number)
        listener.on_block(raster)
    if not left and not job.failed:
        if bucket is not None:
            remove_object(bucket.place(path))
        for file in (path, *path.parent.glob(f'.{PLAN}.*{PART}')):  # parts that were killed leave the latter
            file.unlink(missing_ok=True)
    return job.failed, job.outside, dict(sorted(left.items()))


def _plan(
    path: Path,
    model: MapModel,
    rasters: Sequence[Path],
    *,
    settings: MapSettings,
    survey: Any = None,
    count: int | None = None,
    bucket: Bucket | None = None,
) -> list[Pending]:
    """Return what is to be predicted of each raster, as the first part that came has written it down.

    Raises:
        ConfigError: it was of other rasters, settings or another count of parts; or none has, and there is no survey.
    """
    folder = path.parent if bucket is None else bucket.folder
    asked = {
        'parts': count,
        'rasters': [raster.name for raster in rasters],
        'settings': {
            'software': __version__,
            'model': model.facts.record,
            **{name: value for name, value in vars(settings).items() if name not in NOT_COMPARED},
        },
    }
    asked = json.loads(json.dumps(asked))
    if not (path.is_file() if bucket is None else bucket.has(path)):
        if survey is None or count is None:
            raise ConfigError(f'{folder} holds no maps in parts: run the parts first, --part 1/N to --part N/N')
        check_writable(path.parent, what=f'--out {path.parent}', advice='give another folder')
        # In a bucket the last of two stays that come at the same moment: it is read again.
        write = write_first if bucket is None else write_whole
        write(path, json.dumps({**asked, 'costs': survey()}).encode())
        if bucket is not None:
            upload(path, bucket.place(path))
    found = _read(path, bucket)
    if count is not None and found['parts'] != count:
        raise ConfigError(
            f'{folder} was begun in {found["parts"]} parts, not {count}: give --part I/{found["parts"]}; to share what '
            f'is left among other parts, remove {folder}/{PLAN} when none of them runs any more'
        )
    others = sorted({*found['rasters']} ^ {*asked['rasters']})
    if others:
        raise ConfigError(
            f'{folder} was begun with other rasters ({len(others)} differ, such as {others[0]}): give the same to all '
            'parts, or another --out'
        )
    unlike = [name for name, value in asked['settings'].items() if found['settings'].get(name) != value]
    if unlike:
        told = '; '.join(f'{name} was {found["settings"].get(name)}, now {asked["settings"][name]}' for name in unlike)
        raise ConfigError(f'{folder} was begun with other settings ({told}): give all parts the same, or another --out')
    return [Pending(number, tuple(range(len(costs))), tuple(costs)) for number, costs in enumerate(found['costs'])]


def _survey(
    kind: Callable[..., RasterMap],
    rasters: Sequence[Path],
    outs: Sequence[Path],
    *,
    settings: MapSettings,
    listener: Listener,
) -> list[tuple[int, ...]]:
    """Return the cost of each block of each raster; none for one that cannot be predicted, which its part will tell."""

    def costs(number: int) -> tuple[int, ...]:
        try:
            return block_costs(kind(rasters[number], outs[number], settings, look=False))
        except AuxHRNetError:
            return ()

    listener.begins(len(rasters))
    found = []
    with ThreadPoolExecutor(SURVEYED_TOGETHER) as threads:
        for raster, each in zip(rasters, threads.map(costs, range(len(rasters))), strict=True):
            found.append(each)
            listener.on_block(raster)
    return found


def _read(path: Path, bucket: Bucket | None) -> dict[str, Any]:
    said = None if bucket is None else read_bytes(bucket.place(path))
    try:
        found: dict[str, Any] = json.loads(path.read_bytes() if said is None else said)
        return found
    except (OSError, ValueError) as error:
        place = path if bucket is None else bucket.place(path)
        raise DataError(f'{place} cannot be read ({error}): remove it, and the next part writes it again') from error
