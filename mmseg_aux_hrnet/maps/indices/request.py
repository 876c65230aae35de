"""The request of a command line for an index, checked first, then done: reference, thresholds, files."""

import json
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.table import Table

from mmseg_aux_hrnet.errors import ConfigError, DataError, counted
from mmseg_aux_hrnet.files.address import as_path, scrub
from mmseg_aux_hrnet.files.outputs import check_file
from mmseg_aux_hrnet.files.whole import write_whole
from mmseg_aux_hrnet.maps.indices.formulas import find_index
from mmseg_aux_hrnet.maps.indices.results import (
    curves_csv,
    draw_curves,
    scenes_csv,
    screen_table,
    thresholds_json,
)
from mmseg_aux_hrnet.maps.indices.source import IndexReading, open_index, parse_span
from mmseg_aux_hrnet.maps.indices.thresholding import IndexThresholds, index_thresholds, within, write_vegetation_mask
from mmseg_aux_hrnet.maps.options import parse_names
from mmseg_aux_hrnet.maps.predict.planning import plan_map
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.maps.predict.raster_map import predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.raster.inputs import find_rasters
from mmseg_aux_hrnet.run.trained_model import find_network
from mmseg_aux_hrnet.weights.zoo import SCHEME, zoo_models

Progress = Callable[[str], Any]  # a bar of progress with a text, as tools show it
ENDS = ('.json', '_scenes.csv', '_curves.csv', '_curves.png')  # of the files but the masks


def run_index(args: Namespace, *, progress: Progress) -> tuple[IndexThresholds, Table, str]:
    """Do the work of ``tools/ndvi.py``; return the result, the table for the screen and the closing line.

    Raises:
        AuxHRNetError: in one line, what is wrong with an argument or a file.
    """
    rasters = _check(args)
    reference = None if args.reference is None else as_path(args.reference[0])
    notes: tuple[str, ...] = ()
    if args.reference is not None and _is_network(args.reference):
        reference, notes = _predict(args, rasters, progress=progress)
    with progress('Comparing') as on_raster:
        found = index_thresholds(
            rasters,
            reference=reference,
            index=args.index,
            limits=args.range,
            bands=args.bands,
            scale=args.scale,
            nodata=args.nodata,
            nodata_tolerance=args.nodata_tolerance,
            min_brightness=args.min_brightness,
            classes=parse_names(args.classes, option='--classes'),
            vegetation=parse_names(args.vegetation, option='--class'),
            label_format=args.label_format,
            scene=args.scene,
            on_raster=on_raster,
        )
    found = replace(found, notes=(*notes, *found.notes))
    return found, screen_table(found), _write(args, found, reference, progress=progress)


def _check(args: Namespace) -> list[Path]:
    """Return the rasters, after checking what can be checked without reading any."""
    index = find_index(args.index)
    reading = IndexReading.parse(
        index, bands=args.bands, scale=args.scale, nodata=args.nodata, tolerance=args.nodata_tolerance,
        min_brightness=args.min_brightness,
    )  # fmt: skip
    if args.range is not None:
        parse_span(args.range, option='--range')
    if args.reference is not None and len(args.reference) > 2:
        raise ConfigError(
            f'--reference has {counted(len(args.reference), "value")}: give a map, a label or a folder of them, CONFIG '
            'CHECKPOINT, or a network of the zoo'
        )
    if args.reference is not None and _is_network(args.reference):
        find_network(args.reference)  # for its errors
    if args.reference is None and args.best != 'otsu':
        raise ConfigError(
            f'--best {args.best} compares with a reference: give --reference, or --best otsu, which needs none'
        )
    rasters = find_rasters(args.rasters)
    for number, raster in enumerate(rasters):
        with open_index(raster, reading):  # for its errors, which otherwise would come after hours
            pass
        first = next(other for other in rasters if other.stem == raster.stem)
        if first is not rasters[number]:
            raise ConfigError(f'{first} and {raster} would both become {_mask(args, raster)}: give each its own --out')
    outs = [args.out / f'{args.index}{end}' for end in ENDS] + [_mask(args, raster) for raster in rasters]
    for out in outs:
        check_file(out, inputs=rasters, overwrite=args.overwrite)
    return rasters


def _is_network(reference: Sequence[str]) -> bool:
    """Return whether ``--reference`` names a network; of one word, a file or folder of that name comes first."""
    if len(reference) == 2:
        return True
    [word] = reference
    return word.startswith(SCHEME) or (word in zoo_models() and not Path(word).exists())


def _mask(args: Namespace, raster: Path) -> Path:
    return Path(args.out, f'{raster.stem}_{args.index}.tif')


def _predict(args: Namespace, rasters: list[Path], *, progress: Progress) -> tuple[Path, tuple[str, ...]]:
    """Predict the classes of the rasters as the reference; return the folder of the maps, and notes for the user."""
    folder: Path = args.out / 'reference'
    settings = MapSettings(
        bands=args.rgb, nodata=args.nodata, nodata_tolerance=args.nodata_tolerance, overwrite=args.overwrite
    )
    maps = [folder / f'{raster.stem}_classes.tif' for raster in rasters]
    for out in maps:
        check_file(out, inputs=rasters, overwrite=args.overwrite)
    make = Predictor.from_zoo if len(args.reference) == 1 else Predictor.from_files
    predictor = make(*args.reference, device=args.device)
    notes = [f'reference: {note}' for raster in rasters for note in plan_map(predictor, raster, settings).notes]
    if any('--gsd' in note for note in notes):  # which this command does not have
        notes.append('reference: for --gsd make the map with tools/predict_raster.py, and give that as --reference')
    with progress('Predicting the reference') as on_raster:
        for done, (raster, out) in enumerate(zip(rasters, maps, strict=True)):
            on_block = within(on_raster, done=done, total=len(rasters))
            predict_raster(predictor, raster, out, settings, on_block=on_block)
    return folder, tuple(notes)


def _write(args: Namespace, found: IndexThresholds, reference: Path | None, *, progress: Progress) -> str:
    """Write all files, the JSON last, and return the closing line."""
    told = json.dumps(thresholds_json(found, best=args.best, mask_by=args.mask_by), indent=2, allow_nan=False)
    tags = {'BEST': args.best, 'MASK_BY': args.mask_by}
    if reference is not None:
        tags['REFERENCE'] = scrub(' '.join(args.reference))
    masks = [(scene, raster) for scene, members in found.rasters.items() for raster in members]
    with progress('Writing masks') as on_raster:
        for done, (scene, raster) in enumerate(masks):
            write_vegetation_mask(
                found, raster, _mask(args, raster), tags=tags,
                threshold=found.mask_threshold(scene, best=args.best, mask_by=args.mask_by),
                on_part=within(on_raster, done=done, total=len(masks)),
            )  # fmt: skip
    start = args.out / args.index
    try:
        write_whole(f'{start}_scenes.csv', scenes_csv(found).encode())
        if found.together.curve:
            write_whole(f'{start}_curves.csv', curves_csv(found).encode())
        draw_curves(Path(f'{start}_curves.png'), found)
        write_whole(f'{start}.json', f'{told}\n'.encode())
    except OSError as error:
        raise DataError(f'{args.out} cannot be written ({error.strerror}): choose a folder that is writable') from error
    return f'{counted(len(masks), "mask")}, {args.index}.json, tables and curves in {args.out}'
