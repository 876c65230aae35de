"""Give the areas of the classes of a map: python tools/area.py MAP.tif [--zones FILE --id-field NAME] [--out FILE]."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, progress, raster_path, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Measure the area of each class of a georeferenced map on the ground, for the whole map or for '
        'each zone of a vector file: square metres, hectares, and percent of the pixels with data. Pixels on the '
        'border of a zone count by their share inside it.'
    )
    line.add_argument('map', type=raster_path, help='class map (tools/predict_raster.py), or a folder or VRT of them')
    line.add_argument('--classes', metavar='NAME,NAME', help='names of the values 0, 1, ..., if the map has none')
    line.add_argument('--zones', type=Path, metavar='FILE', help='polygons, in any format and reference system')
    line.add_argument('--id-field', metavar='NAME', help='field with the names of the zones (default: numbers from 1)')
    line.add_argument('--layer', metavar='NAME', help='layer of the zones, if the file has several')
    line.add_argument(
        '--encoding', metavar='NAME', help='text encoding of --zones, such as gbk (default: from the file)'
    )
    line.add_argument(
        '--uncertainty',
        type=raster_path,
        metavar='FILE',
        help='NAME_uncertainty.tif, or a folder or VRT of them: also print how much of each class is unsure',
    )
    line.add_argument(
        '--unsure-from', type=float, metavar='U', help='lowest uncertainty of unsure pixels (default: 0.5)'
    )
    line.add_argument('--out', type=Path, metavar='FILE', help='write the areas: .csv, .json or .gpkg (with the zones)')
    line.add_argument('--excel', action='store_true', help='mark the .csv as UTF-8 for Excel')
    line.add_argument('--quicklook', type=Path, metavar='PNG', help='draw the map with its legend and a scale bar')
    line.add_argument('--image', type=raster_path, metavar='RASTER', help='draw the map over this image')
    line.add_argument('--bands', metavar='R,G,B', help='names or numbers of the bands of --image')
    line.add_argument('--scale', metavar='LOW:HIGH', help='values of --image that become black and white')
    add_shared(line, '--overwrite')
    return line


def measure(args: argparse.Namespace) -> str:
    """Measure as the command line says, write and show the table and return the closing line."""
    from mmseg_aux_hrnet.maps.measure.quicklook import draw_quicklook
    from mmseg_aux_hrnet.maps.measure.request import check_request
    from mmseg_aux_hrnet.maps.measure.table import method_line, screen_table, write_areas, write_bytes
    from mmseg_aux_hrnet.maps.measure.zonal import zonal_area
    from mmseg_aux_hrnet.run.command import on_screen
    from mmseg_aux_hrnet.screen import print_tables

    class_names, reading = check_request(**vars(args))
    with progress('Adding up areas') as on_block:
        areas = zonal_area(
            args.map,
            zones=args.zones,
            id_field=args.id_field,
            layer=args.layer,
            encoding=args.encoding,
            classes=class_names,
            uncertainty=args.uncertainty,
            **({} if args.unsure_from is None else {'unsure_from': args.unsure_from}),
            as_table=args.out is not None and args.out.suffix.lower() != '.json',
            on_block=on_block,
        )
    try:
        if args.out is not None:
            write_areas(areas, args.out, excel=args.excel)
        if args.quicklook is not None:
            write_bytes(args.quicklook, draw_quicklook(areas, image=args.image, reading=reading))
    finally:  # also where a disk is full
        with on_screen() as console:
            print_tables(console, screen_table(areas))
            for note in areas.notes:
                print(f'note: {note}', file=sys.stderr)
    written = ' and '.join(str(path) for path in (args.out, args.quicklook) if path is not None)
    return f'{args.map}: areas {method_line(areas)}' + (f'; written to {written}' if written else '')


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), measure, argv)


if __name__ == '__main__':
    sys.exit(main())
