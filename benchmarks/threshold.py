"""Times the sweep of a threshold as a share of the prediction that it measures, W18 at 512 x 512 on one thread.

Usage: python benchmarks/threshold.py [--rounds N]
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

import mmseg_aux_hrnet
from mmseg_aux_hrnet.evaluation import ThresholdMetric
from mmseg_aux_hrnet.evaluation.threshold_curves import threshold_sweep
from mmseg_aux_hrnet.models import decide_by_threshold
from mmseg_aux_hrnet.threshold import Threshold

CONFIG = 'hrnet/fcn_aux-hr18_256x512_80k_singlegreen.py'
SIDE = 512  # pixels
META = {'classes': ('background', 'green')}


def segmentor() -> Any:
    """Return the network of the config with random weights, on the CPU."""
    config = Config.fromfile(mmseg_aux_hrnet.config(CONFIG)).model
    config.backbone.init_cfg = None
    torch.manual_seed(0)
    return MODELS.build(config).eval()


def medians(works: list[Callable[[], Any]], *, rounds: int) -> list[float]:
    """Return the median time of each, milliseconds; they take turns, so that whatever else runs hits all alike."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds + 1):  # the first one warms up
        for work, record in zip(works, times, strict=True):
            start = time.perf_counter()
            work()
            record.append(1000 * (time.perf_counter() - start))
    return [statistics.median(record[1:]) for record in times]


@torch.no_grad()
def main() -> None:
    """Print the times and their ratios."""
    line = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    line.add_argument('--rounds', type=int, default=15, help='measurements of each (default: %(default)s)')
    rounds = line.parse_args().rounds
    torch.set_num_threads(1)
    init_default_scope('mmseg')
    plain, thresholded, metric = segmentor(), segmentor(), ThresholdMetric()
    decide_by_threshold(thresholded, Threshold('green', 0.42), classes=META['classes'])
    metric.dataset_meta = META
    shape = {'img_shape': (SIDE, SIDE), 'ori_shape': (SIDE, SIDE)}
    image = torch.randint(0, 256, (3, SIDE, SIDE), dtype=torch.uint8)
    sample = plain.test_step({'inputs': [image], 'data_samples': [SegDataSample(metainfo=shape)]})[0].to_dict()
    sample['gt_sem_seg'] = {'data': torch.randint(0, 2, (1, SIDE, SIDE), dtype=torch.uint8)}

    def predict(model: Any) -> None:
        model.test_step({'inputs': [image], 'data_samples': [SegDataSample(metainfo=shape)]})

    works = [lambda: predict(plain), lambda: predict(thresholded), lambda: metric.process({}, [sample])]
    forward, decided, counted = medians(works, rounds=rounds)
    [end] = medians([lambda: threshold_sweep(metric._last, class_name='green')], rounds=rounds)
    print(f'{platform.machine()}, torch {torch.__version__}, {rounds} rounds, medians, one thread')
    print(f'prediction of {SIDE} x {SIDE}         {forward:8.1f} ms')
    print(f'the same by a threshold        {decided:8.1f} ms')
    print(f'counting it for the sweep      {counted:8.2f} ms, {100 * counted / forward:.2f} % of the prediction')
    print(f'figures at the end, once       {end:8.1f} ms')


if __name__ == '__main__':
    main()
