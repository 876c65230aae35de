"""Examine a data set before training: python tools/check_dataset.py CONFIG."""

import argparse
import os
import sys
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Look for faults in images, labels and lists. Exit code 0: no fault, 1: faults, by which training '
        'would stop or go wrong, 2: it could not run.'
    )
    line.add_argument('source', help='a config; with --kind the folder of a data set')
    line.add_argument('--kind', choices=('singlegreen', 'urbanisation'), help='layout of the folder (data/README.md)')
    line.add_argument('--data-root', metavar='DIR', help='folder of the data set, for every loader of the config')
    line.add_argument(
        '--label-format',
        nargs='+',
        default=[],
        choices=('index', 'palette', 'colour', 'binary'),
        help='read labels so, whatever the data set says; of several, the first that reads a label counts',
    )
    line.add_argument('--picture', type=Path, metavar='PNG', help='default: work_dirs/check_dataset/NAME.png')
    line.add_argument('--json', type=Path, metavar='FILE', help='write all findings and figures, with every file')
    line.add_argument('--fix', type=Path, metavar='OUT', help='write a clean copy, labels as palette PNG of indices')
    line.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='threads (default: %(default)s)')
    line.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings to override')
    return line


def check(args: argparse.Namespace) -> str:
    """Examine, show and write as the command line says; note the faults and return the closing line."""
    from rich.console import Console

    from mmseg_aux_hrnet.doctor import checkup, fixing, outputs, screen, sources

    found = sources.find_sources(
        args.source, kind=args.kind, data_root=args.data_root, label_formats=args.label_format, options=args.cfg_options
    )
    picture = args.picture or Path('work_dirs', 'check_dataset', f'{Path(args.source).resolve().stem}.png')
    outputs.check_outputs(picture, args.json)
    if args.fix:
        fixing.check_out(args.fix, found)
    with screen.progress('Examining tiles') as on_tile:
        result = checkup.check(found, workers=args.workers, on_tile=on_tile)
    args.faults = result.faults
    screen.show(result, Console())
    outputs.write_outputs(result, picture=picture, json_file=args.json, title=args.source)
    print(f'picture: {picture}')
    if args.fix:
        with screen.progress('Writing the clean copy') as on_tile:
            print(fixing.write_copy(args.fix, result, on_tile=on_tile))
    return screen.verdict(result)


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    args = parser().parse_args(argv)
    try:
        from mmseg_aux_hrnet.run.command import run_tool
    except ImportError as error:  # the stack is missing: its message says what to type
        print(f'error: {error}', file=sys.stderr)
        return 2
    return run_tool(check, args) or int(args.faults > 0)


if __name__ == '__main__':
    sys.exit(main())
