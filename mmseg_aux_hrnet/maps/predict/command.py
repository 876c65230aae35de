"""Predicts rasters as a command line says: config, checkpoint and rasters in, maps out."""

from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mmengine.dist import get_dist_info
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mmseg_aux_hrnet.errors import ConfigError, DataError, PredictionInterrupted, counted
from mmseg_aux_hrnet.files.address import Address
from mmseg_aux_hrnet.files.outputs import refuse_address
from mmseg_aux_hrnet.maps.predict.many import map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.mosaic import ON_TOP, find_mosaics
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.vector.polygon_file import read_polygons
from mmseg_aux_hrnet.raster.inputs import find_rasters
from mmseg_aux_hrnet.raster.remote import TOLD, trouble_note
from mmseg_aux_hrnet.run import launch
from mmseg_aux_hrnet.run.command import on_screen
from mmseg_aux_hrnet.weights.zoo import is_zoo_name, zoo_model, zoo_models


def run_prediction(args: Namespace) -> str:
    """Predict as ``tools/predict_raster.py`` is told to, and return the closing line.

    Raises:
        AuxHRNetError: in one line, what is wrong with an argument or a file.
    """
    names = (
        'bands', 'scale', 'nodata', 'nodata_tolerance', 'window', 'overlap', 'batch_size', 'gsd', 'aoi', 'resume',
        'overwrite', 'uncertainty',
    )  # fmt: skip
    settings = MapSettings(probabilities=args.prob, **{name: getattr(args, name) for name in names})
    refuse_address(args.out)
    make, words = _network(args.inputs)
    if args.on_top is not None and not args.mosaic:
        raise ConfigError('--on-top says which raster counts where those of a mosaic overlap: give --mosaic too')
    rasters = find_rasters(words, as_named=args.mosaic, asset=args.asset)
    outs = map_paths(rasters, args.out)
    if args.aoi is not None:
        read_polygons(args.aoi)  # a wrong file is wrong for all rasters
    # From here on it takes seconds: what is wrong with the arguments was told before.
    launch.join_predictors()
    predictor = make(
        threshold=args.threshold,
        cfg_options=args.cfg_options,
        device=args.device,
        tta=args.tta,
        amp=args.amp,
        level=args.speed,
    )
    bars = _Bars()
    with bars.shown:
        if remote := sum(isinstance(raster, Address) for raster in rasters):
            bars.note(f'{counted(remote, "raster")} on servers: {TOLD}')
        try:
            if args.mosaic:
                return _predict_mosaics(predictor, rasters, outs, args=args, settings=settings, bars=bars)
            failed, outside = predict_rasters(predictor, rasters, outs, settings=settings, listener=bars)
        except KeyboardInterrupt:
            raise PredictionInterrupted('stopped by Ctrl-C; finished parts are kept: continue with --resume') from None
        finally:
            if note := trouble_note():
                bars.note(note)
    return _closing_line(failed, outside, rasters=rasters, folder=args.out)


def _network(inputs: list[str]) -> tuple[Callable[..., Predictor], list[str]]:
    """Return what makes the predictor that the first words name, and the words of rasters behind them.

    Raises:
        ConfigError: there are too few words, or no such network.
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
    failed, _ = predict_rasters(predictor, grounds, firsts, settings=settings, listener=bars)
    lost = {member.path: text for number, text in failed.items() for member in mosaics[number].members} | broken
    # Of a mosaic that lies partly in the area of interest, some have a map.
    outside = [path for path, out in zip(rasters, outs, strict=True) if path not in lost and not out.is_file()]
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

    def begins(self, count: int) -> None:
        self.shown.update(self._task, total=count)

    def on_block(self, path: Path) -> None:
        self.shown.update(self._task, advance=1, description=path.name)

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
