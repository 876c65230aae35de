"""Evaluate written predictions: python tools/evaluate.py PREDICTIONS LABELS --classes background,green."""

import argparse
import sys

FORMS = ('index', 'palette', 'colour', 'binary')


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Compare a folder of predicted maps with a folder of labels, file by file of the same name, '
        'whoever made the predictions. Figures and report are those of tools/test.py.'
    )
    line.add_argument('predictions', help='folder of predicted maps, PNG, TIFF or BMP')
    line.add_argument('labels', help='folder of labels of the same names and sizes')
    line.add_argument('--config', metavar='CONFIG', help='take classes, colours and label format from its test data')
    line.add_argument('--classes', metavar='NAME,NAME,...', help='the classes in the order of their values, from 0')
    line.add_argument('--palette', metavar='RRGGBB,...', help='the colour of each class, such as 000000,800000')
    line.add_argument('--label-format', choices=FORMS, help='form of the labels (default: of the config, else index)')
    line.add_argument(
        '--prediction-format', choices=FORMS, default='index', help='form of the predictions (default: index)'
    )
    line.add_argument('--ignore-index', type=int, default=255, metavar='VALUE', help='label that does not count (255)')
    line.add_argument('--class-of-interest', metavar='NAME', help='the class that the table marks')
    line.add_argument('--tolerance', default='2', metavar='D', help='of contours: pixels (default: 2), or metres: 0.5m')
    line.add_argument('--gsd', type=float, metavar='METRES', help='what a pixel covers on the ground')
    line.add_argument('--report', metavar='DIR', help='write every figure, a table of the images and the matrix to DIR')
    line.add_argument('--overwrite', action='store_true', help='replace the report that is in DIR')
    return line


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    args = parser().parse_args(argv)
    try:
        from mmseg_aux_hrnet.run.command import run_tool
        from mmseg_aux_hrnet.run.evaluating import run_evaluation
    except ImportError as error:  # the stack is missing: its message says what to type
        print(f'error: {error}', file=sys.stderr)
        return 2
    return run_tool(run_evaluation, args)


if __name__ == '__main__':
    sys.exit(main())
