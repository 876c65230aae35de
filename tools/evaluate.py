"""Evaluate written predictions: python tools/evaluate.py PREDICTIONS LABELS --classes background,green."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, run, show

FORMS = ('index', 'palette', 'colour', 'binary')


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Compare a folder of predicted maps with a folder of labels. Files of the same name belong '
        'together. Figures and report are those of tools/test.py.'
    )
    line.add_argument('predictions', help='folder of predicted maps, PNG, TIFF or BMP')
    line.add_argument('labels', help='folder of labels with the same names and sizes')
    line.add_argument('--config', metavar='CONFIG', help='take classes, colours and label format from its test data')
    line.add_argument('--classes', metavar='NAME,NAME,...', help='the classes in the order of their values, from 0')
    line.add_argument('--palette', metavar='RRGGBB,...', help='the colour of each class, such as 000000,800000')
    line.add_argument('--label-format', choices=FORMS, help='form of the labels (default: from the config, else index)')
    line.add_argument(
        '--label-values', metavar='VALUE=CLASS,...', help='class of each value of the labels, such as 0=ignore,1=0,2=1'
    )
    line.add_argument(
        '--prediction-format', choices=FORMS, default='index', help='form of the predictions (default: index)'
    )
    line.add_argument(
        '--ignore-index', type=int, default=255, metavar='VALUE', help='label value that does not count (default: 255)'
    )
    line.add_argument('--class-of-interest', metavar='NAME', help='the class that the table marks')
    add_shared(line, '--tolerance')
    line.add_argument('--gsd', type=float, metavar='METRES', help='size of a pixel on the ground')
    add_shared(line, '--report')
    add_shared(line, '--overwrite', help='replace the report in DIR')
    return line


def work(args: argparse.Namespace) -> str:
    """Evaluate as the command line says, print the figures and return the closing line."""
    from mmseg_aux_hrnet.datasets.label_values import parse_label_values
    from mmseg_aux_hrnet.errors import counted
    from mmseg_aux_hrnet.run import EvaluateOptions, evaluate
    from mmseg_aux_hrnet.run.evaluating import parse_palette

    given = vars(args)
    if args.classes is not None:
        given['classes'] = [name.strip() for name in args.classes.split(',')]
    if args.palette is not None:
        given['palette'] = parse_palette(args.palette)
    if args.label_values is not None:
        given['label_values'] = parse_label_values(args.label_values, given['classes'] or ())
    folders = given.pop('predictions'), given.pop('labels')
    result = evaluate(*folders, EvaluateOptions(**given), on_table=show)
    written = '' if result.report is None else f'  report: {result.report}'
    return f'{counted(len(result.metrics["images"]), "image")} compared{written}'


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), work, argv)


if __name__ == '__main__':
    sys.exit(main())
