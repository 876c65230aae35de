"""Measure the change between two class maps: python tools/change.py OLD.tif NEW.tif [--zones FILE] [--out FILE...]."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, progress, raster_path, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Measure the change between two class maps of one place on the ground, for the whole map or for '
        'each zone of a vector file. Pixels without data in one map are left out of both.'
    )
    add = line.add_argument
    add('old', type=raster_path, help='the earlier class map (tools/predict_raster.py); its grid counts')
    add('new', type=raster_path, help='the later class map; on another grid, the nearest pixels count')
    add('--class', dest='class_name', metavar='NAME', help='the map of change shows gain and loss of this class')
    add('--classes', metavar='NAME,NAME', help='names of the values 0, 1, ..., if the maps have none')
    add('--zones', type=Path, metavar='FILE', help='polygons, in any format and reference system')
    add('--id-field', metavar='NAME', help='field with the names of the zones (default: numbers from 1)')
    add('--layer', metavar='NAME', help='layer of the zones, if the file has several')
    add('--encoding', metavar='NAME', help='text encoding of --zones, such as gbk (default: from the file)')
    add_shared(line, '--tolerance', type=int, default=2, metavar='PIXELS',
        help='count narrower changes apart, as edge (default: %(default)s; 1 counts none apart)')  # fmt: skip
    add('--min-area', type=float, metavar='M2', help='count changes in smaller patches apart, as small change')
    add('--accuracy', type=Path, nargs=2, metavar=('OLD', 'NEW'),
        help='for the error of the net change: of each map a report, a CSV of points, or an error matrix')  # fmt: skip
    add('--out', type=Path, nargs='+', default=[], metavar='FILE',
        help='write .tif (the map of change), .csv, .json or .gpkg (with the zones)')  # fmt: skip
    add('--excel', action='store_true', help='mark the .csv as UTF-8 for Excel')
    add('--quicklook', type=Path, metavar='PNG', help='draw the earlier map and the change side by side')
    add_shared(line, '--overwrite')
    return line


def measure(args: argparse.Namespace) -> str:
    """Measure as the command line says, write files, show the tables and return the closing line."""
    from mmseg_aux_hrnet.maps.change.request import run_change
    from mmseg_aux_hrnet.maps.change.results import kept_apart_line, screen_tables, worth_line
    from mmseg_aux_hrnet.run.command import on_screen
    from mmseg_aux_hrnet.screen import print_tables

    areas = run_change(args, progress=progress)
    with on_screen() as console:
        print_tables(console, *screen_tables(areas))
        for note in (*areas.notes, worth_line(areas)):
            print(f'note: {note}', file=sys.stderr)
    written = ' and '.join(map(str, [*args.out, *([] if args.quicklook is None else [args.quicklook])]))
    return kept_apart_line(areas) + (f'; written to {written}' if written else '')


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), measure, argv)


if __name__ == '__main__':
    sys.exit(main())
