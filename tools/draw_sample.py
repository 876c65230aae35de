"""Draw reference pixels from class maps: python tools/draw_sample.py MAPS --classes background,green --out FILE."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import progress, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Draw a stratified random sample of pixels from class maps. A person then writes the true class of '
        'each pixel into the table, and tools/estimate_area.py gives areas with standard errors.'
    )
    line.add_argument('maps', type=Path, help='a map of class indices, or a folder of them (tools/test.py --out)')
    line.add_argument('--classes', required=True, metavar='NAME,NAME', help='names of the indices 0, 1, ...')
    line.add_argument('--points', type=int, default=300, help='size of the sample (default: %(default)s)')
    line.add_argument('--seed', type=int, default=0, help='another seed draws other pixels (default: %(default)s)')
    line.add_argument('--out', type=Path, required=True, metavar='FILE', help='CSV file to write')
    return line


def draw(args: argparse.Namespace) -> str:
    """Draw as the command line says and return the closing line."""
    from mmseg_aux_hrnet.errors import DataError
    from mmseg_aux_hrnet.files.outputs import check_file
    from mmseg_aux_hrnet.files.whole import write_whole
    from mmseg_aux_hrnet.sampling.class_maps import count_pixels, find_maps, parse_classes
    from mmseg_aux_hrnet.sampling.drawing import draw_points
    from mmseg_aux_hrnet.sampling.tables import sample_text

    classes, maps = parse_classes(args.classes), find_maps(args.maps)
    advice = 'it may hold interpreted points, so name another file, or remove it'
    check_file(args.out, advice=advice)
    with progress('Counting pixels') as on_map:
        counts = count_pixels(maps, classes=classes, on_map=lambda done: on_map(done, len(maps)))
    points = draw_points(maps, counts, classes=classes, points=args.points, seed=args.seed)
    try:
        write_whole(args.out, sample_text(points).encode('utf-8'))
    except OSError as error:
        raise DataError(f'{args.out} cannot be written ({error.strerror}): choose a folder that is writable') from error
    drawn = ', '.join(f'{sum(point.map_class == name for point in points)} {name}' for name in classes)
    return f'{args.out}: {drawn}; write the true class of each into the column reference'


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), draw, argv)


if __name__ == '__main__':
    sys.exit(main())
