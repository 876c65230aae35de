"""What a command line asks of the change between two maps, checked first, then done."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.files.outputs import same_file
from mmseg_aux_hrnet.maps.change.mapping import change_class, write_change
from mmseg_aux_hrnet.maps.change.pairing import open_pair
from mmseg_aux_hrnet.maps.change.picture import Thumbnail, draw_change
from mmseg_aux_hrnet.maps.change.results import FORMATS, columns, write_table
from mmseg_aux_hrnet.maps.change.transitions import ChangeAreas, change_areas, check_limits
from mmseg_aux_hrnet.maps.measure.table import write_bytes
from mmseg_aux_hrnet.maps.options import check_output, parse_names
from mmseg_aux_hrnet.maps.vector.pixel_grid import PixelGrid

Progress = Callable[[str], Any]  # a bar of progress with a text, as tools show it
MAPS = ('.tif', '.tiff')


def run_change(args: Namespace, *, progress: Progress) -> ChangeAreas:
    """Do the work of ``tools/change.py`` and return the result.

    Raises:
        AuxHRNetError: in one line, what is wrong with an argument or a file.
    """
    classes = parse_names(args.classes, option='--classes')
    _check(args)
    thumbnail = None
    with open_pair(args.old, args.new, classes=classes) as pair:  # for its errors, before anything long begins
        of = change_class(pair.legend, args.class_name)
        if args.quicklook is not None:
            grid = PixelGrid(pair.old.crs(), pair.old.transform, (pair.old.height, pair.old.width))
            thumbnail = Thumbnail(grid, pair.old.ground(grid.crs))
    with progress('Comparing') as on_strip:
        areas = change_areas(
            args.old,
            args.new,
            zones=args.zones,
            id_field=args.id_field,
            layer=args.layer,
            encoding=args.encoding,
            classes=classes,
            tolerance=args.tolerance,
            min_area=args.min_area,
            accuracy=None if args.accuracy is None else tuple(args.accuracy),
            on_strip=on_strip,
            **({} if thumbnail is None else {'see': thumbnail.see}),
        )
    columns(areas)  # for its errors, before anything is written
    areas.true_net()
    for out in args.out:
        if out.suffix.lower() in MAPS:
            with progress(f'Writing {out.name}') as on_strip:
                write_change(areas, out, of=of, on_strip=on_strip)
        else:
            write_table(areas, out, excel=args.excel)
    if thumbnail is not None:
        write_bytes(args.quicklook, draw_change(areas, thumbnail, of=of))
    return areas


def _check(args: Namespace) -> None:
    check_limits(args.tolerance, args.min_area)
    for option in ('id_field', 'layer', 'encoding'):
        if getattr(args, option) is not None and args.zones is None:
            name = option.replace('_', '-')
            raise ConfigError(f'--{name} needs --zones, which is not given')
    if args.excel and not any(out.suffix.lower() == '.csv' for out in args.out):
        raise ConfigError('--excel is for a table that Excel opens: give --out with a name that ends in .csv')
    if same_file(args.old, args.new):
        raise ConfigError(f'{args.old} and {args.new} are the same: give the maps of two dates')
    inputs: list[Path] = [args.old, args.new, *([] if args.zones is None else [args.zones]), *(args.accuracy or [])]
    for number, out in enumerate(args.out):
        check_output(out, suffixes=FORMATS, inputs=inputs, overwrite=args.overwrite)
        if out.suffix.lower() == '.gpkg' and args.zones is None:
            raise ConfigError(f'{out} holds zones: give --zones, or write .csv or .json')
        if any(same_file(out, other) for other in args.out[:number]):
            raise ConfigError(f'--out names {out} twice: name it once')
    if args.quicklook is not None:
        check_output(args.quicklook, suffixes=('.png',), inputs=inputs, overwrite=args.overwrite)
