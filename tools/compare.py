"""Set evaluation reports side by side: python tools/compare.py REPORT_DIR REPORT_DIR ... --out DIR."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Compare runs by the reports of tools/test.py --report: Precision, Recall, IoU and F1score of one '
        'class, and OA. Several seeds give mean and deviation. Each method is compared with the first one by a paired '
        'bootstrap over images. Writes comparison.md, comparison.tex and comparison.png.'
    )
    line.add_argument(
        'reports',
        nargs='+',
        metavar='[NAME=]DIR[,DIR...]',
        help='report folders; folders of one NAME, or else of one config, are seeds of one method; the others are '
        'compared with the first method',
    )
    line.add_argument('--out', type=Path, metavar='DIR', help='folder to write (default: print only)')
    line.add_argument(
        '--class',
        dest='class_name',
        metavar='NAME',
        help='class to compare (default: the class of interest of the reports)',
    )
    line.add_argument(
        '--resamples', type=int, default=1000, help='number of bootstrap resamples (default: %(default)s)'
    )
    line.add_argument('--seed', type=int, default=0, help='seed of the bootstrap (default: %(default)s)')
    return line


def compare_reports(args: argparse.Namespace) -> str:
    """Compare as the command line says, print the tables and return the closing line."""
    from rich.console import Console

    from mmseg_aux_hrnet.errors import counted
    from mmseg_aux_hrnet.files.outputs import check_folder
    from mmseg_aux_hrnet.report.comparison.comparison import compare
    from mmseg_aux_hrnet.report.comparison.groups import class_of_interest, read_groups
    from mmseg_aux_hrnet.report.comparison.output import show, write
    from mmseg_aux_hrnet.run.command import on_screen

    if args.out is not None:
        check_folder(Path(args.out), advice='name another folder, or remove it')
    groups = read_groups(args.reports)
    class_name = class_of_interest(groups, args.class_name)
    with Console(stderr=True).status('Drawing images again and again'):
        comparison = compare(groups, class_name=class_name, resamples=args.resamples, seed=args.seed)
    try:
        if args.out is not None:
            write(args.out, comparison, groups)
    finally:  # also where a disk is full
        with on_screen() as console:
            show(comparison, console=console)
    runs = sum(map(len, groups.values()))
    closing = f'{counted(runs, "report")} of {counted(len(groups), "method")}'
    return closing if args.out is None else f'{closing}; written to {args.out}'


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), compare_reports, argv)


if __name__ == '__main__':
    sys.exit(main())
