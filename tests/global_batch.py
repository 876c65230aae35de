"""Trains a small network on fixed batches that the processes share out; also a script for torchrun.

It computes in float64. In float32 the sum of a batch and the sum of two half ones differ by what the kernels of a CPU
make of the order, which three steps through a whole network enlarge to parts of a thousand on some; in float64 it is
2**-29 of that.
"""

import sys
from argparse import Namespace

import torch
from mmengine.config import Config
from mmengine.dist import all_reduce, get_dist_info, is_main_process
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODEL_WRAPPERS, MODELS
from mmseg.structures import SegDataSample
from tool_support import REPO
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg_aux_hrnet.models import speed
from mmseg_aux_hrnet.run.command import run_tool
from mmseg_aux_hrnet.run.launch import join_processes

MODEL = REPO / 'configs/_base_/models/fcn_aux-hr18s-v1.py'
STEPS, IMAGES, SIZE = 3, 4, (32, 64)


def batches():
    rng = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        images = torch.randint(0, 256, (IMAGES, 3, *SIZE), generator=rng, dtype=torch.uint8)
        labels = (images[:, :1] > 127).long()
        samples = [
            SegDataSample(gt_sem_seg=PixelData(data=label), metainfo=dict(img_shape=SIZE, ori_shape=SIZE))
            for label in labels
        ]
        yield dict(inputs=list(images), data_samples=samples)


def frozen_network():
    """Return a network whose batch norm keeps to the statistics of the first batch."""
    torch.manual_seed(0)
    config = Config.fromfile(MODEL).model
    config.data_preprocessor.size = SIZE
    network = MODELS.build(config).double()
    speed.apply(network, 'off', training=True)  # what is fast on a CPU rounds by the size of the batch
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.momentum = None  # one pass sets the statistics
    with torch.no_grad():
        network(**network.data_preprocessor(next(batches()), training=True), mode='loss')
    for norm in norms:
        norm.eval()
    return network


def train(model):
    """Return the losses of every step, averaged over the processes, and the weights after the last."""
    rank, size = get_dist_info()
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9))
    history = []
    for batch in batches():
        share = {key: values[rank::size] for key, values in batch.items()}
        losses = torch.stack([value.detach().flatten()[0] for value in model.train_step(share, optimizer).values()])
        all_reduce(losses, op='mean')
        history.append(losses)
    return torch.stack(history), getattr(model, 'module', model).state_dict()


def work(args):
    config = Config()
    join_processes(config, 'pytorch')
    result = train(MODEL_WRAPPERS.build(dict(config.model_wrapper_cfg, module=frozen_network())))
    if is_main_process():
        torch.save(result, args.output)
    return 'trained'


if __name__ == '__main__':
    torch.set_num_threads(1)
    init_default_scope('mmseg')
    sys.exit(run_tool(work, Namespace(output=sys.argv[1])))
