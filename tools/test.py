"""Test a checkpoint: python tools/test.py CONFIG CHECKPOINT --eval mIoU."""

import argparse
import sys
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(description='Measure a checkpoint on the test data of a config, or predict.')
    line.add_argument('config', help='the config that the checkpoint was trained with')
    line.add_argument('checkpoint', type=Path, help='a checkpoint, or a work dir: its best checkpoint, else its last')
    line.add_argument('--eval', nargs='+', default=['mIoU'], metavar='NAME', help='figures to repeat below the table')
    line.add_argument('--data-root', metavar='DIR', help='folder of the data set, for every loader of the config')
    line.add_argument('--work-dir', metavar='DIR', help='folder for logs (default: work_dirs/CONFIG)')
    line.add_argument('--split', choices=('test', 'val'), default='test', help='list of images (default: %(default)s)')
    line.add_argument('--threshold', metavar='T', help="class of interest where p >= T; 'argmax': ignore a stored one")
    line.add_argument('--sweep', action='store_true', help='also measure every threshold, for models of two classes')
    line.add_argument('--out', metavar='DIR', help='write label maps, palette PNG under the name of the image')
    line.add_argument('--show-dir', metavar='DIR', help='write pictures: image, reference, prediction')
    line.add_argument('--report', metavar='DIR', help='write every figure, a table of the images and the matrix to DIR')
    line.add_argument('--overwrite', action='store_true', help='replace the report that is in DIR')
    line.add_argument(
        '--tolerance', default='2', metavar='D', help='of contours: pixels (default: 2), or metres as 0.5m'
    )
    line.add_argument('--gsd', type=float, metavar='METRES', help='what a pixel of the labels covers on the ground')
    line.add_argument('--scales', metavar='S,S,...', help='average predictions at these multiples of the test size')
    line.add_argument('--flip', action='store_true', help='average with predictions of the mirrored image')
    line.add_argument(
        '--speed', choices=('off', 'safe', 'max'), default='safe', help='off: as mmseg computes; max: also in bfloat16'
    )
    line.add_argument('--compile', action='store_true', help='compile the network: slow to start, faster then')
    line.add_argument(
        '--launcher', choices=('none', 'pytorch', 'slurm'), default='none', help='what started several processes'
    )
    line.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings of the config to override'
    )
    return line


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    args = parser().parse_args(argv)
    try:
        from mmseg_aux_hrnet.run.command import run_tool
        from mmseg_aux_hrnet.run.testing import run_test
    except ImportError as error:  # the stack is missing: its message says what to type
        print(f'error: {error}', file=sys.stderr)
        return 2
    return run_tool(run_test, args)


if __name__ == '__main__':
    sys.exit(main())
