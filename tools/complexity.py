"""Print parameters and multiply-adds of every variant: python tools/complexity.py."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import run

PUBLISHED = {'w18_small_v1': ('1.5M', '31.1'), 'w18_small_v2': ('3.9M', '71.6'), 'w48': ('65.8M', '696.2')}


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Print the cost of every HRNetV2 variant beside the published figures (1024x2048, 19 classes; '
        'HRNet-Semantic-Segmentation). Multiply-adds are those of the convolutions, divided by 2^30.'
    )
    line.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=[1024, 2048],
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the image in pixels',
    )
    line.add_argument('--classes', type=int, default=19, help='number of classes')
    return line


def work(args: argparse.Namespace) -> str:
    """Return the table that the command line asks for."""
    from mmseg_aux_hrnet.models.backbones import ARCHS
    from mmseg_aux_hrnet.models.complexity import model_complexity

    as_published = args.size == [1024, 2048] and args.classes == 19
    lines = [f'{"arch":<14}{"parameters":>12}{"multiply-adds / 2^30":>22}  published']
    for arch in ARCHS:
        parameters, multiply_adds = model_complexity(arch, num_classes=args.classes, size=tuple(args.size))
        published = ' / '.join(PUBLISHED.get(arch, ())) if as_published else ''
        lines.append(f'{arch:<14}{parameters:>12,}{multiply_adds / 2**30:>22.1f}  {published}')
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), work, argv)


if __name__ == '__main__':
    sys.exit(main())
