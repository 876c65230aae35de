"""Test a checkpoint: python tools/test.py CONFIG CHECKPOINT --eval mIoU."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, answer_official, official_form, run, show


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Measure a checkpoint on the test data of a config. Without labels, only predict.'
    )
    line.add_argument('config', help='config of the training')
    add_shared(line, 'checkpoint')
    line.add_argument('--eval', nargs='+', default=['mIoU'], metavar='NAME', help='figures to repeat below the table')
    add_shared(line, '--data-root')
    line.add_argument('--work-dir', metavar='DIR', help='folder for logs (default: work_dirs/CONFIG)')
    line.add_argument('--split', choices=('test', 'val'), default='test', help='images to use (default: %(default)s)')
    add_shared(line, '--threshold')
    line.add_argument('--sweep', action='store_true', help='also measure every threshold, for models of two classes')
    line.add_argument('--out', metavar='DIR', help='write label maps as palette PNG, with the names of the images')
    line.add_argument('--show-dir', metavar='DIR', help='write pictures: image, reference, prediction')
    line.add_argument('--show', metavar='R,G,B', help='bands in pictures and report, such as nir,red,green')
    add_shared(line, '--report')
    add_shared(line, '--overwrite', help='replace the report in DIR')
    add_shared(line, '--tolerance')
    line.add_argument('--gsd', type=float, metavar='METRES', help='size of a label pixel on the ground')
    line.add_argument('--scales', metavar='S,S,...', help='average the predictions at these multiples of the test size')
    line.add_argument('--flip', action='store_true', help='average with the prediction of the mirrored image')
    add_shared(line, '--speed', '--compile', '--launcher', '--cfg-options')
    return line


def work(args: argparse.Namespace) -> str:
    """Test as the command line says, print what a report holds and return the closing line."""
    from mmseg_aux_hrnet.evaluation.table import check_headlines, headline
    from mmseg_aux_hrnet.run import TestOptions, test
    from mmseg_aux_hrnet.run.config import parse_options

    given = vars(args)
    check_headlines(args.eval)
    names, options = given.pop('eval'), parse_options(given.pop('cfg_options'))
    config, checkpoint = given.pop('config'), given.pop('checkpoint')
    result = test(config, checkpoint, TestOptions(**given, cfg_options=options), on_table=show)
    if not result.has_labels:
        return f'no labels, so no figures; predictions: {result.predictions}'
    written = f'  report: {result.report}' if result.report else ''
    curves = f'  thresholds: {result.threshold_curves}' if result.threshold_curves else ''
    return f'{headline(result.figures, names)}{written}{curves}'


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    if official_form(argv):
        return answer_official('test', argv)
    return run(parser(), work, argv)


if __name__ == '__main__':
    sys.exit(main())
