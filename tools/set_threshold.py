"""Store a threshold in a checkpoint: python tools/set_threshold.py CHECKPOINT OUT --from REPORT --best iou."""

import argparse
import sys
from pathlib import Path
from typing import Literal

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Copy a checkpoint of two classes and store a threshold in the copy. Then a pixel belongs to the '
        'class if its probability is at least the threshold.',
    )
    add_shared(line, 'checkpoint')
    line.add_argument('out', type=Path, help='file to write, in the same format')
    source = line.add_mutually_exclusive_group(required=True)
    source.add_argument('--threshold', metavar='T', help='above 0 and below 1; needs --class')
    source.add_argument(
        '--from', dest='report', type=Path, metavar='REPORT', help='take the best threshold of a report'
    )
    line.add_argument('--class', dest='class_name', metavar='NAME', help='class that the threshold belongs to')
    line.add_argument(
        '--best', choices=('iou', 'f1', 'kappa'), help='figure that chooses the threshold (default with --from: iou)'
    )
    add_shared(line, '--overwrite', help='replace OUT')
    return line


def store(args: argparse.Namespace) -> str:
    """Store the threshold as the command line says and return the closing line."""
    from mmseg_aux_hrnet.decision import Threshold, parse_value
    from mmseg_aux_hrnet.errors import ConfigError
    from mmseg_aux_hrnet.exchange.threshold_store import best_of_report, store_threshold
    from mmseg_aux_hrnet.weights import Checkpoint, best_checkpoint

    if (args.threshold is None) != (args.class_name is None):
        raise ConfigError('--threshold and --class go together; --from REPORT says both itself')
    if args.report is None and args.best is not None:
        raise ConfigError('--best goes with --from REPORT, which says what is best')
    checkpoint = Checkpoint(best_checkpoint(args.checkpoint), hashed=True)
    if args.report is None:
        threshold, origin = Threshold(args.class_name, parse_value(args.threshold)), ''
    else:
        figure: Literal['iou', 'f1', 'kappa'] = args.best or 'iou'
        threshold, value, data_list = best_of_report(args.report, figure=figure, checkpoint=checkpoint)
        origin = f' (best {figure}, {value:.4f}, on {data_list})'
    store_threshold(checkpoint, args.out, threshold, overwrite=args.overwrite)
    return f'{args.out}: {checkpoint.path} with {threshold.class_name} from probability {threshold.value} up{origin}'


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), store, argv)


if __name__ == '__main__':
    sys.exit(main())
