"""Find the best threshold on NDVI: python tools/ndvi.py RASTER... --reference MAP.tif --best kappa --out DIR."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, progress, run

MOST_NOTES = 10  # of many rasters each may have one


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Compare a spectral index with a map or labels at 1,001 thresholds, exactly. Write the vegetation '
        'mask of the best threshold, DIR/NAME_ndvi.tif, with thresholds, tables and curves beside it.'
    )
    add = line.add_argument
    add('rasters', nargs='+', metavar='RASTER', help='rasters, folders of them, or patterns such as "ortho/*.tif"')
    add('--reference', nargs='+', metavar='FILE',
        help='a class map, a label, a folder of them, CONFIG CHECKPOINT, or a network of the zoo')  # fmt: skip
    add('--best', choices=('kappa', 'accuracy', 'f1', 'iou', 'otsu'), default='kappa',
        help='figure that chooses the threshold; otsu needs no reference (default: %(default)s)')  # fmt: skip
    add('--out', type=Path, required=True, metavar='DIR', help='folder of masks, thresholds, tables and curves')
    add('--index', choices=('ndvi', 'evi2', 'savi', 'vari', 'exg'), default='ndvi',
        help='vari and exg need red, green and blue only (default: %(default)s)')  # fmt: skip
    add(
        '--range',
        metavar='LOW:HIGH',
        help='range of the thresholds, such as 0:0.4 (default: the whole range of the index)',
    )
    add('--bands', metavar='NIR,RED', help='names or numbers of the bands of the index (default: from the raster)')
    add('--scale', metavar='LOW:HIGH', help='values of reflectance 0 and 1, for evi2 and savi')
    add('--nodata', type=float, metavar='VALUE', help="value of pixels without data (default: the raster's own)")
    add('--nodata-tolerance', type=float, default=0, metavar='N', help='also values that differ from it by N at most')
    add('--min-brightness', type=float, metavar='B', help='leave out pixels with a lower mean of the bands, as shadow')
    add('--class', dest='vegetation', metavar='NAME,NAME', help='classes of the reference that are vegetation')
    add('--classes', metavar='NAME,NAME', help='names of the values 0, 1, ..., if the reference has none')
    add(
        '--label-format',
        choices=('index', 'binary'),
        default='index',
        help='form of the label files; binary has 0 and 255',
    )
    add('--scene', metavar='REGEX', help='beginning of the names of one scene (default: each raster is a scene)')
    add(
        '--mask-by',
        choices=('scene', 'all'),
        default='scene',
        help='threshold of each scene, or of all together (default: %(default)s)',
    )
    add('--rgb', metavar='R,G,B', help='names or numbers of the bands for CONFIG CHECKPOINT')
    add('--device', help='device of CONFIG CHECKPOINT, such as cpu (default: the first GPU, else the CPU)')
    add_shared(line, '--overwrite')
    return line


def compare(args: argparse.Namespace) -> str:
    """Compare as the command line says, write files, show the table and return the closing line."""
    from mmseg_aux_hrnet.errors import counted
    from mmseg_aux_hrnet.maps.indices.request import run_index
    from mmseg_aux_hrnet.run.command import on_screen
    from mmseg_aux_hrnet.screen import print_tables

    found, table, closing = run_index(args, progress=progress)
    with on_screen() as console:
        print_tables(console, table)
        more = len(found.notes) - MOST_NOTES
        for note in (
            *found.notes[:MOST_NOTES],
            *([f'and {counted(more, "more note")} in the JSON file'] if more > 0 else []),
        ):
            print(f'note: {note}', file=sys.stderr)
    return closing


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), compare, argv)


if __name__ == '__main__':
    sys.exit(main())
