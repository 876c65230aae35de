"""Predicts rasters as a command line says: config, checkpoint and rasters in, maps out."""

import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from mmengine.dist import get_dist_info
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from mmseg_aux_hrnet.errors import ConfigError, DataError, PredictionInterrupted, counted
from mmseg_aux_hrnet.files.address import Address
from mmseg_aux_hrnet.maps.predict.bucket import Bucket, find_bucket, map_kind
from mmseg_aux_hrnet.maps.predict.fleet import predict_on_ray
from mmseg_aux_hrnet.maps.predict.many import Listener, map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.mosaic import ON_TOP, find_mosaics
from mmseg_aux_hrnet.maps.predict.parts import finish_parts, predict_part
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.sharing import Part
from mmseg_aux_hrnet.maps.vector.polygon_file import read_polygons
from mmseg_aux_hrnet.raster.inputs import find_rasters
from mmseg_aux_hrnet.raster.remote import TOLD, trouble_note
from mmseg_aux_hrnet.run import launch
from mmseg_aux_hrnet.run.command import on_screen
from mmseg_aux_hrnet.weights.zoo import is_zoo_name, zoo_model, zoo_models

LARGE = 50 * 10**6  # bytes of a file whose upload has a bar


def run_prediction(args: Namespace) -> str:
    """Predict by the arguments of ``tools/predict_raster.py``, and return the closing line.

    Raises:
        AuxHRNetError: in one line, what is wrong with an argument or a file.
    """
    names = (
        'bands', 'scale', 'nodata', 'nodata_tolerance', 'window', 'overlap', 'batch_size', 'gsd', 'aoi', 'resume',
        'overwrite', 'uncertainty',
    )  # fmt: skip
    part = _parse_part(args)
    settings = MapSettings(probabilities=args.prob, **{name: getattr(args, name) for name in names})
    bucket = find_bucket(args)
    _, words = _network(args.inputs)
    if args.on_top is not None and not args.mosaic:
        raise ConfigError('--on-top says which raster counts where those of a mosaic overlap: give --mosaic too')
    rasters = find_rasters(words, as_named=args.mosaic, asset=args.asset)
    outs = map_paths(rasters, args.out if bucket is None else bucket.scratch)
    if args.aoi is not None:
        read_polygons(args.aoi)  # a wrong file is wrong for all rasters
    if bucket is not None:
        bucket.check(rasters, outs)
    # From here on it takes seconds: errors in the arguments are raised before.
    launch.join_predictors()
    predictor = make_predictor(args, device=args.device if args.ray is None else 'cpu')
    bars = _Bars()
    with bars.shown, ExitStack() as own:
        if bucket is not None and (part or args.finish or args.ray is not None):
            bucket = own.enter_context(bucket.own_folder())
            outs = [bucket.scratch / out.name for out in outs]
        if remote := sum(isinstance(raster, Address) for raster in rasters):
            bars.note(f'{counted(remote, "raster")} on servers: {TOLD}')
        if bucket is not None and get_dist_info()[0] == 0:
            bars.note(bucket.told)
        try:
            if bucket is not None:
                args.out = bucket.folder
            return _predict(args, predictor, rasters, outs, settings=settings, part=part, bucket=bucket, bars=bars)
        except KeyboardInterrupt:
            again = 'run this part again' if part else 'continue with --resume'
            raise PredictionInterrupted(f'stopped by Ctrl-C; finished blocks are kept: {again}') from None
        finally:
            if note := trouble_note():
                bars.note(note)


def _predict(
    args: Namespace,
    predictor: Predictor,
    rasters: list[Path],
    outs: list[Path],
    *,
    settings: MapSettings,
    part: Part | None,
    bucket: Bucket | None,
    bars: '_Bars',
) -> str:
    """Predict alone, in parts, on a cluster or as mosaics, and return the closing line."""
    if args.mosaic:
        return _predict_mosaics(predictor, rasters, outs, args=args, settings=settings, bucket=bucket, bars=bars)
    if args.finish:
        failed, outside, left = finish_parts(predictor, rasters, outs, settings=settings, listener=bars, bucket=bucket)
        _check_whole(left, rasters=rasters, args=args, note=bars.note)
    elif args.ray is not None:
        failed, outside, told = _on_ray(args, predictor, rasters, outs, settings=settings, listener=bars, bucket=bucket)
        bars.note(told)
    elif part is not None:
        failed, outside = predict_part(
            predictor, rasters, outs, part=part, settings=settings, listener=bars, bucket=bucket
        )
        if not failed:
            return f'part {part} is done: its rows of windows are in {args.out}; after the last part give --finish'
    else:
        kind = map_kind(bucket, on_bytes=bars.on_bytes)
        failed, outside = predict_rasters(predictor, rasters, outs, settings=settings, listener=bars, kind=kind)
    return _closing_line(failed, outside, rasters=rasters, folder=args.out)


def _parse_part(args: Namespace) -> Part | None:
    """Return the part that is asked for; None for none.

    Raises:
        ConfigError: the part does not exist, or the other options do not allow parts.
    """
    part = None if args.part is None else Part.parse(args.part)
    asked = '--ray' if args.ray is not None else '--finish' if args.finish else f'--part {part}'
    if args.cpus_per_worker is not None and (args.ray is None or args.cpus_per_worker < 1):
        raise ConfigError(f'--cpus-per-worker {args.cpus_per_worker}: give 1 or more, with --ray')
    if part or args.finish or args.ray is not None:
        if args.mosaic:
            raise ConfigError(
                f'{asked} cannot share a mosaic: leave out one of the two, or give a VRT of the rasters (gdalbuildvrt)'
            )
        if args.overwrite and args.ray is None:
            raise ConfigError(f'{asked} cannot tell old maps from those of other parts: leave out --overwrite')
        if int(os.environ.get('WORLD_SIZE', '1')) > 1:
            raise ConfigError(f'{asked} below torchrun: start it as a process of its own')
    return part


def _check_whole(
    left: dict[Part, list[int]], *, rasters: list[Path], args: Namespace, note: Callable[[str], None]
) -> None:
    """Raise unless all maps are whole; note what each part has left, and the command that makes it."""
    tool = Path(sys.argv[0]).name
    start = f'python tools/{tool}' if tool.endswith('.py') else tool
    for part, numbers in left.items():
        names = list(dict.fromkeys(rasters[number].name for number in numbers))
        told = ', '.join(names[:3]) + (f' and {len(names) - 3} others' if len(names) > 3 else '')
        words = [str(word) for word in args.words if word not in ('--finish', '--resume')]
        again = f'{start} {shlex.join([*words, "--part", str(part)])}'
        note(f'missing: {counted(len(numbers), "row")} of windows of {told}: {again}')
    if left:
        count = len({number for numbers in left.values() for number in numbers})
        raise DataError(
            f'{count} of {counted(len(rasters), "map")} not whole, see above: run again part '
            f'{", ".join(map(str, left))}, then --finish once more'
        )


def make_predictor(args: Namespace, *, device: str | None) -> Predictor:
    """Return the predictor that a command line asks for.

    Raises:
        AuxHRNetError: in one line, what is wrong with its files or settings.
    """
    make, _ = _network(args.inputs)
    return make(
        threshold=args.threshold,
        cfg_options=args.cfg_options,
        device=device,
        tta=args.tta,
        amp=args.amp,
        level=args.speed,
    )


def _on_ray(
    args: Namespace,
    predictor: Predictor,
    rasters: list[Path],
    outs: list[Path],
    *,
    settings: MapSettings,
    listener: Listener,
    bucket: Bucket | None,
) -> tuple[dict[int, str], list[int], str]:
    """Predict on a cluster, whose workers make the same network from the same files, by absolute paths."""
    words = [str(Path(word).absolute()) if Path(word).exists() else word for word in args.inputs[:2]]
    there = Namespace(**{**vars(args), 'inputs': [*words, *args.inputs[2:]]})
    return predict_on_ray(
        partial(make_predictor, there, device=args.device),
        predictor,
        [raster.absolute() for raster in rasters],
        [out.absolute() for out in outs],
        settings=replace(settings, aoi=None if settings.aoi is None else settings.aoi.absolute()),
        listener=listener,
        address=args.ray,
        cpus=args.cpus_per_worker,
        bucket=bucket,
    )


def _network(inputs: list[str]) -> tuple[Callable[..., Predictor], list[str]]:
    """Return what makes the predictor that the first words name, and the words after them, which name rasters.

    Raises:
        ConfigError: there are too few words, or the network does not exist.
        CheckpointError: the file of the network is damaged.
    """
    if is_zoo_name(inputs[0]):
        make, words = partial(Predictor.from_zoo, inputs[0]), inputs[1:]
    else:
        make, words = partial(Predictor.from_files, *map(str, inputs[:2])), inputs[2:]
    if not words:
        raise ConfigError(
            f'{" ".join(inputs)}: give CONFIG CHECKPOINT IN..., or NAME IN... with a network of the zoo: '
            f'{", ".join(zoo_models()) or "none"}'
        )
    if is_zoo_name(inputs[0]):
        zoo_model(inputs[0])  # before anything that takes seconds
    return make, words


def _predict_mosaics(
    predictor: Predictor,
    rasters: list[Path],
    outs: list[Path],
    *,
    args: Namespace,
    settings: MapSettings,
    bucket: Bucket | None,
    bars: '_Bars',
) -> str:
    """Predict rasters that touch or overlap as one ground, and return the closing line."""
    silent = get_dist_info()[0] > 0  # all processes find the same
    mosaics, broken = find_mosaics(
        predictor.facts,
        dict(zip(rasters, outs, strict=True)),
        settings=settings,
        on_top=args.on_top or ON_TOP[0],
        note=(lambda text: None) if silent else bars.note,
    )
    # A raster that touches no other is one as ever, and its map the same as without the option.
    grounds = [mosaic if len(mosaic.members) > 1 else mosaic.members[0].path for mosaic in mosaics]
    firsts = [min(member.out for member in mosaic.members) for mosaic in mosaics]
    kind = map_kind(bucket, on_bytes=bars.on_bytes)
    failed, _ = predict_rasters(predictor, grounds, firsts, settings=settings, listener=bars, kind=kind)
    lost = {member.path: text for number, text in failed.items() for member in mosaics[number].members} | broken
    # Of a mosaic that lies partly in the area of interest, some have a map.
    is_there = Path.is_file if bucket is None else bucket.has
    outside = [path for path, out in zip(rasters, outs, strict=True) if path not in lost and not is_there(out)]
    numbers = {rasters.index(path): text for path, text in lost.items()}
    return _closing_line(numbers, [rasters.index(path) for path in outside], rasters=rasters, folder=args.out)


class _Bars:
    """Shows on a terminal how the work goes, of the first process only: each has its own share."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        hidden = not console.is_terminal or get_dist_info()[0] > 0
        self.shown = Progress(
            *columns, TextColumn('left'), TimeRemainingColumn(), console=console, transient=True, disable=hidden
        )
        self._task = self.shown.add_task('rows of windows', total=None)
        self._upload: TaskID | None = None

    def begins(self, count: int) -> None:
        self.shown.reset(self._task, total=count)

    def on_block(self, path: Path) -> None:
        self.shown.update(self._task, advance=1, description=path.name)

    def on_bytes(self, target: Address, sent: int, size: int) -> None:
        if size >= LARGE:
            self._upload = self.shown.add_task('') if self._upload is None else self._upload
            named, done, total = f'upload of {target.name}, MB', sent // 10**6, size // 10**6
            self.shown.update(self._upload, description=named, completed=done, total=total, visible=sent < size)

    def note(self, text: str) -> None:
        with on_screen():
            self.shown.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _closing_line(failed: dict[int, str], outside: list[int], *, rasters: list[Path], folder: Path) -> str:
    """Return how many maps there are.

    Raises:
        DataError: not all rasters have one.
    """
    count = len(rasters)
    if failed and count == 1:
        raise DataError(failed[0])
    if failed:
        names = ', '.join(rasters[number].name for number in sorted(failed))
        others = f'; the maps of the others are in {folder}' if count > len(failed) + len(outside) else ''
        raise DataError(f'{len(failed)} of {counted(count, "raster")} failed, see above: {names}{others}')
    if len(outside) == count:
        raise DataError('no raster has a pixel in the area of interest: nothing was written')
    skipped = f', {counted(len(outside), "raster")} outside the area' if outside else ''
    return f'{counted(count - len(outside), "map")} in {folder}{skipped}'
