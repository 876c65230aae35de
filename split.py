"""Write the lists of the splits of a data root: the images are in train/val/test folders, or --ratio divides them."""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent / 'tools'))  # at the end, where it hides no other module

from _aux_hrnet_shared import progress


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument(
        'data_root', type=Path, help='folder with rawdata and labeldata (singlegreen) or with x and y (urbanisation)'
    )
    line.add_argument(
        '--kind', choices=('singlegreen', 'urbanisation'), help='layout of the data set (default: from its folders)'
    )
    line.add_argument(
        '--ratio',
        nargs=3,
        type=float,
        metavar=('TRAIN', 'VAL', 'TEST'),
        help='divide the images by these shares, such as 0.7 0.15 0.15; they are in no train, val or test folder',
    )
    line.add_argument('--seed', type=int, default=0, help='seed of the division (default: %(default)s)')
    line.add_argument(
        '--scene',
        metavar='REGEX',
        help='finds the scene in the name of an image, such as "^(.+)_r[0-9]+c[0-9]+$": the first group, or the whole '
        'match. No scene is in two splits (default: each image is a scene)',
    )
    line.add_argument(
        '--block',
        type=float,
        metavar='METRES',
        help='divide georeferenced images by squares of ground with this side, so that no place is in two splits. An '
        'image that reaches into the ground of another split is left out, first those of train',
    )
    line.add_argument(
        '--form',
        choices=('txt', 'lst'),
        help='form of the lists: txt has one name a line, lst has IMAGE LABEL (default: that of the kind)',
    )
    line.add_argument('--test-images-only', action='store_true', help='write no labels to test.lst, even if they exist')
    line.add_argument(
        '--out', type=Path, metavar='DIR', help='folder of the lists (default: splits or list in the data root)'
    )
    line.add_argument('--force', action='store_true', help='replace lists that exist')
    return line


def main(argv: Sequence[str] | None = None) -> int:
    """Write the lists and report them; return the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # not everybody's screen knows every letter of a name
        sys.stdout.reconfigure(errors='replace')
    args = parser().parse_args(argv)
    try:
        from mmseg_aux_hrnet.datasets.split_layouts import find_layout, plan_lists
        from mmseg_aux_hrnet.datasets.splits import write_splits
        from mmseg_aux_hrnet.errors import AuxHRNetError, one_line
    except ImportError as error:  # the stack is missing: its message says what to type
        print(f'error: {error}', file=sys.stderr)
        return 2
    try:
        layout = find_layout(args.data_root, kind=args.kind)
        with progress('Reading where images lie') as on_header:
            lists, scenes, left_out = plan_lists(
                args.data_root,
                layout=layout,
                form=args.form or layout.form,
                ratios=args.ratio,
                seed=args.seed,
                scene=args.scene,
                block=args.block,
                test_images_only=args.test_images_only,
                on_header=on_header,
            )
        folder = args.out or args.data_root / layout.lists
        write_splits({folder / name: lines for name, lines in lists.items()}, force=args.force)
    except AuxHRNetError as error:
        print(f'error: {one_line(error)}', file=sys.stderr)
        return 2
    for name, lines in lists.items():
        counted = f', {scenes[name]} scenes' if scenes else ''
        print(f'{Path(name).stem}: {len(lines)} images{counted} -> {folder / name}')
    if args.block is not None:
        print(f'ground: blocks of {args.block:g} m; checked: 0 pairs of images in two splits share ground')
    if left_out:
        why = 'in no train, val or test folder' if args.block is None else 'that share ground with another split'
        print(f'left out: {len(left_out)} images {why}, the first is {left_out[0]}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
