"""Turn a class map into polygons: python tools/polygonize.py MAP.tif OUT.gpkg."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, progress, raster_path, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Write the regions of a class map as polygons with class and area. Pixels that share a side make '
        'one polygon. The suffix says the format: .gpkg, .shp, .parquet (GeoParquet) or .geojson (in WGS 84).'
    )
    add = line.add_argument
    add('map', type=raster_path, help='class map (tools/predict_raster.py), a folder or a VRT of them')
    add('out', type=Path, help='file to write: .gpkg, .shp, .parquet or .geojson')
    add('--classes', metavar='NAME,NAME', help='names of the values 0, 1, ..., if the map has none')
    add('--of', metavar='NAME,NAME', help='classes to write (default: all except background)')
    add('--min-area', type=float, default=0.0, metavar='M2', help='leave out polygons below this area in square metres')
    add(
        '--fill-holes',
        type=float,
        default=0.0,
        metavar='M2',
        help='fill holes below this area, with all that lies in them',
    )
    add(
        '--simplify',
        type=float,
        default=0.0,
        metavar='METRES',
        help='leave out corners whose triangle with the neighbours is smaller than METRES squared; neighbours keep '
        'their common border',
    )
    add('--square', action='store_true', help='make right angles, for buildings; outlines move by up to --simplify')
    add_shared(line, '--overwrite', help='replace OUT if it exists')
    return line


def work(args: argparse.Namespace) -> str:
    """Polygonize as the command line says and return the closing line."""
    from mmseg_aux_hrnet.maps.options import parse_names
    from mmseg_aux_hrnet.maps.polygonize.polygonizing import polygonize
    from mmseg_aux_hrnet.maps.polygonize.request import PolygonRequest
    from mmseg_aux_hrnet.run.command import on_screen

    sizes = {name: getattr(args, name) for name in ('min_area', 'fill_holes', 'simplify', 'square')}
    request = PolygonRequest(of=parse_names(args.of, option='--of'), **sizes)
    with progress('Tracing regions') as on_rows:
        summary = polygonize(
            args.map,
            args.out,
            request=request,
            classes=parse_names(args.classes, option='--classes'),
            overwrite=args.overwrite,
            on_rows=on_rows,
        )
    if summary.note is not None:
        with on_screen():
            print(f'note: no areas: {summary.note}', file=sys.stderr)
    return summary.closing_line()


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), work, argv)


if __name__ == '__main__':
    sys.exit(main())
