"""Times the sweep of a threshold as a share of the prediction that it measures, W18 at 512 x 512 on one thread.

Usage: python benchmarks/threshold.py [--rounds N] [--toy]
"""

import argparse
from functools import partial
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from noise import batch
from results import Result, command_line, compared, run_part
from turns import in_turns

import mmseg_aux_hrnet
from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.evaluation import ThresholdMetric
from mmseg_aux_hrnet.evaluation.thresholds import threshold_sweep
from mmseg_aux_hrnet.models import decide_by_threshold

CONFIG = 'hrnet/fcn_aux-hr18_256x512_80k_singlegreen.py'
PREDICTED = 'prediction'
SIDE, TOY_SIDE = 512, 64  # pixels
META = {'classes': ('background', 'green')}


def segmentor() -> Any:
    """Return the network of the config with random weights, on the CPU."""
    config = Config.fromfile(mmseg_aux_hrnet.config(CONFIG)).model
    config.backbone.init_cfg = None
    torch.manual_seed(0)
    return MODELS.build(config).eval()


@torch.no_grad()
def measure(args: argparse.Namespace) -> list[Result]:
    """Return the times of predictions and of the sweep; they take turns."""
    torch.set_num_threads(1)
    init_default_scope('mmseg')
    side = TOY_SIDE if args.toy else SIDE
    plain, thresholded, metric = segmentor(), segmentor(), ThresholdMetric()
    decide_by_threshold(thresholded, Threshold('green', 0.42), classes=META['classes'])
    metric.dataset_meta = META
    given = batch(1, size=(side, side))
    sample = plain.test_step(given)[0].to_dict()
    works = {
        PREDICTED: partial(plain.test_step, given),
        'prediction by a threshold': partial(thresholded.test_step, given),
        'counting it for the sweep': partial(metric.process, {}, [sample]),
    }
    times = in_turns(works, rounds=args.rounds)
    end = in_turns({'figures at the end, once': lambda: threshold_sweep(metric._last, class_name='green')}, rounds=1)
    work, equal = f'W18, {side}x{side}', 'no: of different works'
    results = compared('threshold', work, times, unit='ms', equal=equal, reference=PREDICTED)
    return results + compared('threshold', work, end, unit='ms', equal=equal)


def main() -> None:
    """Measure and print."""
    line = command_line(__doc__, rounds=15)
    line.set_defaults(threads=1)
    run_part(measure, line.parse_args())


if __name__ == '__main__':
    main()
