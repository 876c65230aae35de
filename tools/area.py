"""Give the areas of the classes of a map: python tools/area.py MAP.tif [--zones FILE --id-field NAME] [--out FILE]."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, progress, raster_path, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Measure the classes of a georeferenced map on the ground, on the whole of it or in each zone of a '
        'vector file: square metres, hectares, percent of what has data. Pixels on the border of a zone count by the '
        'share that lies inside.'
    )
    line.add_argument('map', type=raster_path, help='GeoTIFF with one band of class indices (tools/predict_raster.py)')
    line.add_argument('--classes', metavar='NAME,NAME', help='names of the values 0, 1, ... of a map that lacks them')
    line.add_argument('--zones', type=Path, metavar='FILE', help='polygons, in any format and reference system')
    line.add_argument('--id-field', metavar='NAME', help='the field that names the zones (default: numbers from 1)')
    line.add_argument('--layer', metavar='NAME', help='the layer with the zones, of a file with several')
    line.add_argument('--encoding', metavar='NAME', help='of the text of --zones, such as gbk (default: as it says)')
    line.add_argument('--out', type=Path, metavar='FILE', help='write the areas: .csv, .json or .gpkg (with the zones)')
    line.add_argument('--excel', action='store_true', help='mark the .csv so that Excel reads its letters as UTF-8')
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

    class_names, reading = check_request(**vars(args))
    with progress('Adding up areas') as on_block:
        areas = zonal_area(
            args.map,
            zones=args.zones,
            id_field=args.id_field,
            layer=args.layer,
            encoding=args.encoding,
            classes=class_names,
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
            console.print(screen_table(areas))
            for note in areas.notes:
                print(f'note: {note}', file=sys.stderr)
    written = ' and '.join(str(path) for path in (args.out, args.quicklook) if path is not None)
    return f'{args.map}: areas {method_line(areas)}' + (f'; written to {written}' if written else '')


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), measure, argv)


if __name__ == '__main__':
    sys.exit(main())
