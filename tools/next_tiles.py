"""Propose where to annotate next: python tools/next_tiles.py NAME_uncertainty.tif --tiles 20 --out next.gpkg."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, progress, run, show


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Propose the tiles to annotate next: where a network is unsure, far from each other, and not where '
        'tiles exist. make_tiles takes the file as --annotated once labels are drawn in it.',
    )
    add = line.add_argument
    add('maps', nargs='+', type=Path, metavar='MAP', help='NAME_uncertainty.tif (predict_raster.py --uncertainty)')
    add('--out', type=Path, required=True, metavar='FILE', help='outlines of the tiles, a .gpkg')
    add('--tiles', type=int, default=20, metavar='N', help='number of tiles (default: %(default)s)')
    add(
        '--tile',
        type=int,
        default=512,
        metavar='PIXELS',
        help='side of a tile, as in make_tiles (default: %(default)s)',
    )
    add('--gsd', type=float, metavar='METRES', help="size of a pixel, as in make_tiles (default: the maps' own)")
    add('--not-in', nargs='+', type=Path, default=[], metavar='FILE',
        help='polygons of the annotated ground, such as tiles.gpkg of a data root and earlier proposals')  # fmt: skip
    add(
        '--max-nodata',
        type=float,
        default=0.5,
        metavar='SHARE',
        help='leave out tiles with a larger share without data (default: 0.5)',
    )
    add_shared(line, '--overwrite')
    return line


def propose(args: argparse.Namespace) -> str:
    """Choose tiles as the command line says, write and show them and return the closing line."""
    from mmseg_aux_hrnet.errors import counted
    from mmseg_aux_hrnet.labelling.next_tiles import next_tiles, proposal_table, write_next_tiles
    from mmseg_aux_hrnet.maps.options import check_output

    check_output(args.out, suffixes=('.gpkg',), inputs=[*args.maps, *args.not_in], overwrite=args.overwrite)
    with progress('Looking at tiles') as on_strip:
        proposal = next_tiles(
            args.maps,
            count=args.tiles,
            tile=args.tile,
            gsd=args.gsd,
            not_in=args.not_in,
            max_nodata=args.max_nodata,
            on_strip=on_strip,
        )
    write_next_tiles(proposal, args.out)
    show(proposal_table(proposal))
    for note in proposal.notes:
        print(f'note: {note}', file=sys.stderr)
    gsd = '' if args.gsd is None else f' --gsd {args.gsd:g}'
    return (
        f'{args.out}: {counted(len(proposal.tiles), "tile")}; draw what is in them, then:\n'
        f'python tools/make_tiles.py RASTERS --labels DRAWN.gpkg --annotated {args.out} --tile {args.tile}{gsd} --out '
        'DATA_ROOT'
    )


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), propose, argv)


if __name__ == '__main__':
    sys.exit(main())
