"""Predicts rasters as a command line says: config, checkpoint and rasters in, maps out."""

from argparse import Namespace
from pathlib import Path

from mmengine.dist import get_dist_info
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mmseg_aux_hrnet.errors import DataError, PredictionInterrupted
from mmseg_aux_hrnet.maps.predict.many import Job, Listener, Outcome, map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.raster.inputs import find_rasters
from mmseg_aux_hrnet.maps.vector.polygon_file import read_polygons
from mmseg_aux_hrnet.run import launch


def run_prediction(args: Namespace) -> str:
    """Predict as ``tools/predict_raster.py`` is told to, and return the closing line.

    Raises:
        AuxHRNetError: in one line, what is wrong with an argument or a file.
    """
    names = ('bands', 'scale', 'window', 'overlap', 'batch_size', 'gsd', 'aoi', 'resume', 'overwrite')
    settings = MapSettings(probabilities=args.prob, **{name: getattr(args, name) for name in names})
    rasters = find_rasters(args.rasters)
    outs = map_paths(rasters, args.out)
    if args.aoi is not None:
        read_polygons(args.aoi)  # a wrong file is wrong for all rasters
    launch.join_predictors()
    predictor = Predictor.from_files(
        args.config,
        args.checkpoint,
        threshold=args.threshold,
        cfg_options=args.cfg_options,
        device=args.device,
        tta=args.tta,
        amp=args.amp,
        level=args.speed,
    )
    with _bars() as bars:
        try:
            outcome = predict_rasters(Job(predictor, rasters, outs, settings, _listener(bars)))
        except KeyboardInterrupt:
            raise PredictionInterrupted('stopped by Ctrl-C; what is finished is kept: go on with --resume') from None
    return _closing_line(outcome, rasters, args.out)


def _bars() -> Progress:
    """Return bars on a terminal, of the first process only: each has its own share."""
    shown = Console(stderr=True)
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden = not shown.is_terminal or get_dist_info()[0] > 0
    return Progress(*columns, TextColumn('left'), TimeRemainingColumn(), console=shown, transient=True, disable=hidden)


def _listener(bars: Progress) -> Listener:
    task = bars.add_task('rows of windows', total=None)
    return Listener(
        begins=lambda count: bars.update(task, total=count),
        on_block=lambda path: bars.update(task, advance=1, description=path.name),
        note=lambda text: bars.console.print(text, markup=False, highlight=False, soft_wrap=True),
    )


def _closing_line(outcome: Outcome, rasters: list[Path], folder: Path) -> str:
    """Return how many maps there are.

    Raises:
        DataError: not all rasters have one.
    """
    failed, count = outcome.failed, len(rasters)
    if failed and count == 1:
        raise DataError(failed[0])
    if failed:
        names = ', '.join(rasters[number].name for number in sorted(failed))
        others = f'; the maps of the others are in {folder}' if count > len(failed) + len(outcome.outside) else ''
        raise DataError(f'{len(failed)} of {count} rasters failed, see above: {names}{others}')
    outside = len(outcome.outside)
    if outside == count:
        raise DataError('no raster has a pixel in the area of interest: nothing was written')
    return f'{count - outside} map(s) in {folder}' + (f', {outside} raster(s) outside the area' if outside else '')
