"""Make a data set of rasters and polygons: python tools/make_tiles.py RASTERS... --labels FILE... --out DATA_ROOT."""

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, progress, run, show

OTHERS = ('rasters', 'out', 'overwrite', 'dry_run')  # what is not part of the request


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Cut rasters into tiles, with labels from polygons or class rasters, and divide them by ground. Or '
        'cut images with annotations, and divide them by image. Also writes the split lists, dataset.json, '
        'contact_sheet.png and, for rasters, tiles.gpkg.'
    )
    line.add_argument('rasters', nargs='*', metavar='RASTER', help='files, folders, or patterns such as "ortho/*.tif"')
    line.add_argument('--labels', nargs='+', default=[], metavar='FILE', help='FILE, FILE:LAYER or CLASS=FILE')
    line.add_argument('--out', type=Path, required=True, metavar='DATA_ROOT', help='folder of the data set')
    add = line.add_argument_group('images without georeference (in place of RASTER and --labels)').add_argument
    add('--annotations', nargs='+', default=[], metavar='PATH', help='files or folders of COCO, labelme, CVAT or YOLO')
    add('--images', type=Path, metavar='FOLDER', help='folder of the annotated images')
    add('--fill-boxes', action='store_true', help='paint boxes as areas (default: refuse them)')
    add('--ignore', metavar='KIND,KIND', help='ignore the pixels of box or crowd; leave out polyline or points')
    add('--scene', metavar='REGEX', help='finds the scene in the name of an image; no scene is in two splits')
    add = line.add_argument_group('classes').add_argument
    add('--classes', metavar='NAME,NAME', help='classes in the order of their indices, such as background,green')
    add('--class-field', metavar='NAME', help='field of the polygons with the class')
    add(
        '--class-map',
        metavar='VALUE=CLASS,...',
        help='class of each value of that field; ignore is a class, *=CLASS takes the rest',
    )
    add('--label-values', metavar='VALUE=CLASS,...', help='the same for class rasters, such as 0=ignore,1=green')
    add('--palette', metavar='CLASS=#RRGGBB,...', help='colours (default: those of PASCAL VOC)')
    add('--class-of-interest', metavar='NAME', help='the class that tables mark (default: the second of two)')
    add(
        '--paint-order',
        metavar='NAME,NAME',
        help='order of painting, the lowest class first (default: --classes; annotations: their file)',
    )
    add('--unlabelled', metavar='CLASS', help='class of the ground without a polygon, or ignore (default: background)')
    add = line.add_argument_group('painting').add_argument
    add(
        '--annotated',
        nargs='+',
        type=Path,
        default=[],
        metavar='FILE',
        help='polygons of the annotated areas; the rest is ignored',
    )
    add('--all-touched', action='store_true', help='a polygon gets each pixel that it touches (default: by the centre)')
    add(
        '--border-ignore',
        type=float,
        default=0.0,
        metavar='METRES',
        help='ignore this width on each side of an outline',
    )
    add('--buffer', type=float, metavar='METRES', help='turn lines and points into polygons of this radius')
    add('--encoding', help='text encoding of vector files (default: from the file)')
    add = line.add_argument_group('tiles').add_argument
    add('--tile', type=int, default=512, metavar='PIXELS', help='side of a tile (default: %(default)s)')
    add('--overlap', type=int, default=0, metavar='PIXELS', help='overlap of neighbouring tiles (default: %(default)s)')
    add('--gsd', type=float, metavar='METRES', help="size of a pixel (default: the rasters' own)")
    add(
        '--bands',
        metavar='NAME,NAME',
        help='names, numbers or NAME=NUMBER (default: red,green,blue by the names in the raster)',
    )
    add(
        '--scale',
        metavar='LOW:HIGH',
        help='values that become 0 and 255, one pair or one for each band; auto measures them',
    )
    add('--nodata', type=float, metavar='VALUE', help="value of pixels without data (default: the rasters' own)")
    add('--nodata-tolerance', type=float, default=0.0, metavar='N', help='also values that differ from it by N at most')
    add(
        '--max-nodata',
        type=float,
        default=0.5,
        metavar='SHARE',
        help='leave out tiles with a larger share without data (default: 0.5)',
    )
    add(
        '--keep-empty',
        type=float,
        default=1.0,
        metavar='SHARE',
        help='keep this share of the tiles without foreground (default: all)',
    )
    add(
        '--overlaps',
        choices=('refuse', 'keep'),
        default='refuse',
        help='what to do with rasters that show one place with other pixels',
    )
    add(
        '--format',
        dest='image_format',
        choices=('tif', 'png', 'jpg'),
        help='format of the images (default: tif; or png)',
    )
    add('--layout', choices=('singlegreen', 'urbanisation'), default='singlegreen', help='layout of the data set')
    add = line.add_argument_group('splits').add_argument
    add(
        '--ratio',
        nargs=3,
        type=float,
        metavar=('TRAIN', 'VAL', 'TEST'),
        help='shares of the tiles (default: 0.7 0.15 0.15)',
    )
    add(
        '--block',
        type=float,
        metavar='METRES',
        help='side of the blocks of ground; a block is in one split (default: 4 tiles)',
    )
    add('--seed', type=int, default=0, help='seed of the splits and of the empty tiles (default: %(default)s)')
    add('--split-field', metavar='NAME', help='split by areas: their field with the values train, val and test')
    add('--split-areas', type=Path, metavar='FILE', help='polygons with that field (default: those of --annotated)')
    add('--split-rasters', metavar='SPLIT=PATTERN,...', help='split by whole rasters, such as "val=*_west.tif"')
    line.add_argument('--dry-run', action='store_true', help='print the table and write nothing')
    add_shared(line, '--overwrite', help='replace DATA_ROOT if it is a data set of this tool')
    return line


def work(args: argparse.Namespace, *, typed: list[str]) -> str:
    """Make tiles as the command line says and return the closing line."""
    from mmseg_aux_hrnet.errors import ConfigError, DataError
    from mmseg_aux_hrnet.labelling.image_tiles import make_image_tiles
    from mmseg_aux_hrnet.labelling.making import make_tiles
    from mmseg_aux_hrnet.labelling.request import TileRequest
    from mmseg_aux_hrnet.labelling.writing import absent_classes, next_commands, shares_table

    options = {name: value for name, value in vars(args).items() if name not in OTHERS}
    options |= {name: tuple(getattr(args, name)) for name in ('labels', 'annotations', 'annotated')}
    options |= {'ratio': args.ratio and tuple(args.ratio)}
    options |= {'image_format': args.image_format or ('png' if args.annotations else 'tif')}
    request = TileRequest(**options)
    if bool(args.rasters) == bool(request.annotations):
        raise ConfigError('give RASTERS with --labels, or --images with --annotations')
    how = {'overwrite': args.overwrite, 'dry_run': args.dry_run, 'command': ['make_tiles', *typed]}
    with progress('Cutting tiles') as on_tile:
        if request.annotations:
            outcome = make_image_tiles(args.out, request, on_image=on_tile, **how)
        else:
            outcome = make_tiles(args.rasters, args.out, request, on_tile=on_tile, **how)
    for note in (*outcome.notes, *absent_classes(outcome.described)):
        print(f'note: {note}', file=sys.stderr)
    show(shares_table(outcome.described))
    if outcome.failed:
        raise DataError(
            f'{"; ".join(outcome.failed.values())}'
            + ('' if args.dry_run else f' (the tiles of the others are in {args.out})')
        )
    if args.dry_run:
        return 'dry run: nothing is written'
    return f'{args.out} is made; next:\n{next_commands(args.out, outcome.described.bands)}'


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), partial(work, typed=sys.argv[1:] if argv is None else argv), argv)


if __name__ == '__main__':
    sys.exit(main())
