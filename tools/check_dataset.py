"""Examine a data set before training: python tools/check_dataset.py CONFIG."""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Look for faults in images, labels and lists. Exit code 0: no fault. 1: faults that would stop the '
        'training or spoil it. 2: the check could not run.'
    )
    line.add_argument('source', help='a config, or the folder of a data set (with a dataset.json, or with --kind)')
    line.add_argument('--kind', choices=('singlegreen', 'urbanisation'), help='layout of the folder (data/README.md)')
    add_shared(line, '--data-root')
    line.add_argument(
        '--label-format',
        nargs='+',
        default=[],
        choices=('index', 'palette', 'colour', 'binary'),
        help='form of the labels, in place of that of the data set; of several, the first that fits a label counts',
    )
    line.add_argument(
        '--label-values',
        metavar='VALUE=CLASS,...',
        help='class of each value, if the values of index labels are not the classes, such as 0=ignore,1=0,2=1',
    )
    line.add_argument(
        '--picture', type=Path, metavar='PNG', help='the page to draw (default: work_dirs/check_dataset/NAME.png)'
    )
    line.add_argument('--json', type=Path, metavar='FILE', help='write all findings and figures, with each file')
    line.add_argument(
        '--fix', type=Path, metavar='OUT', help='write a clean copy, with labels as palette PNG of indices'
    )
    line.add_argument(
        '--workers', type=int, default=os.cpu_count() or 1, help='number of threads (default: %(default)s)'
    )
    add_shared(line, '--cfg-options')
    return line


def check(args: argparse.Namespace, *, faults: list[int]) -> str:
    """Examine, show and write as the command line says; add to ``faults`` their number and return the closing line."""
    from mmseg_aux_hrnet.datasets.label_values import parse_label_values
    from mmseg_aux_hrnet.doctor import checkup, fixing, outputs, screen, sources
    from mmseg_aux_hrnet.run.command import on_screen

    found = sources.find_sources(
        args.source,
        kind=args.kind,
        data_root=args.data_root,
        label_formats=args.label_format,
        label_values=None if args.label_values is None else parse_label_values(args.label_values),
        options=args.cfg_options,
    )
    picture = args.picture or Path('work_dirs', 'check_dataset', f'{Path(args.source).resolve().stem}.png')
    outputs.check_outputs(picture, args.json)
    if args.fix:
        fixing.check_out(args.fix, found)
    with screen.progress('Examining tiles') as on_tile:
        result = checkup.check(found, workers=args.workers, on_tile=on_tile)
    faults.append(result.faults)
    lines = [f'picture: {picture}']
    try:
        outputs.write_outputs(result, picture=picture, json_file=args.json, title=args.source)
        if args.fix:
            with screen.progress('Writing the clean copy') as on_tile:
                lines.append(fixing.write_copy(args.fix, result, on_tile=on_tile))
    finally:  # also where a disk is full
        with on_screen() as console:
            screen.show(result, console)
    return '\n'.join([*lines, screen.verdict(result)])


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    faults: list[int] = []
    return run(parser(), partial(check, faults=faults), argv) or int(sum(faults) > 0)


if __name__ == '__main__':
    sys.exit(main())
