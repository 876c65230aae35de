"""Draw the artificial scenes of the demo."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

LISTS = Path(__file__).resolve().parents[1] / 'splits' / 'demo'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Draw small aerial-like scenes with exact labels of the green, as a data set to try the tools on.'
    )
    parser.add_argument('--out', default='data/demo', help='folder to write (default: %(default)s)')
    parser.add_argument('--lists', default=LISTS, help='folder of train.txt, val.txt, test.txt (default: splits/demo)')
    parser.add_argument('--seed', type=int, default=0, help='another seed gives other scenes (default: %(default)s)')
    parser.add_argument('--force', action='store_true', help='replace demo data of another seed or version')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool and return its exit status."""
    args = parse_args(argv)

    try:
        from rich.console import Console
        from rich.progress import Progress

        from mmseg_aux_hrnet.demo.dataset import write_demo_data
        from mmseg_aux_hrnet.errors import AuxHRNetError
    except ImportError as error:  # the stack is missing: its message says what to type
        print(f'error: {error}', file=sys.stderr)
        return 2
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task('Drawing scenes', total=None)
            data = write_demo_data(
                args.out,
                lists_dir=args.lists,
                seed=args.seed,
                force=args.force,
                on_scene=lambda done, total: progress.update(task, completed=done, total=total),
            )
    except AuxHRNetError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(f'{data.root}: {"demo data is complete, kept as it is" if data.reused else "demo data written"}')
    for split, count in data.counts.items():
        print(f'  {split:5} {count:3} scenes, {100 * data.green[split]:.1f} % green')
    return 0


if __name__ == '__main__':
    sys.exit(main())
