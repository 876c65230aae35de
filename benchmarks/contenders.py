"""The same network as a config of this package builds it and as mmseg's own classes do, with the same weights."""

import copy
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from noise import batch
from workers import Worker

import mmseg_aux_hrnet
from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS, stage_settings

# The sizes of every network here are multiples of 32, where the fuse layers of mmseg's HRNet and of HRNetV2 agree.
CONFIGS = {
    'W18-Small-v1': 'hrnet/fcn_aux-hr18s-v1_256x256_1500it_singlegreen.py',
    'W18': 'hrnet/fcn_aux-hr18_256x512_80k_singlegreen.py',
    'W48': 'hrnet/fcn_aux-hr48_256x512_80k_singlegreen.py',
}
PLAIN = {'W18-Small-v2': 'hrnet/fcn_hr18s-v2_256x512_80k_singlegreen.py'}  # no config of it has auxiliary decoders
SMALLEST = 'W18-Small-v1'
SPEED = 'at_speed'  # the module
SEED = 0
SPREAD = 2  # standard deviation of the difference of the logits
LOSS = {'type': 'CrossEntropyLoss', 'avg_non_ignore': True}


def leaf(network: str) -> Config:
    """Return the config of a network, without weights to start from."""
    config = Config.fromfile(mmseg_aux_hrnet.config({**CONFIGS, **PLAIN}[network]))
    config.model.backbone.init_cfg = None
    return config


def plain_losses(model: ConfigDict) -> None:
    """Give all decoders the cross entropy of mmseg, which needs nothing of this package."""
    model.decode_head.loss_decode = [LOSS]
    for head in model.get('auxiliary_head') or []:
        head.loss_decode = [{**LOSS, 'loss_weight': 0.4}]


def stock_model(model: ConfigDict) -> ConfigDict:
    """Return the config of a model with mmseg's own classes in place of ours, which have the same state-dict keys."""
    stock = copy.deepcopy(model)
    stock.type, stock.data_preprocessor.test_cfg = 'EncoderDecoder', None  # mmseg leaves sizes as they are
    arch = stock.backbone.pop('arch')
    stock.backbone.update(type='HRNet', extra=stage_settings(ARCHS[arch]))
    stock.decode_head.type = 'FCNHead'
    heads = stock.get('auxiliary_head') or []
    stock.auxiliary_head = [_stock_head(head, main=stock.decode_head) for head in heads] or None
    return stock


def _stock_head(head: ConfigDict, *, main: ConfigDict) -> ConfigDict:
    """Return the settings that AuxFCNHead fills in, for an FCNHead."""
    losses = head.loss_decode if isinstance(head.loss_decode, (list, tuple)) else [head.loss_decode]
    own = {**head, 'type': 'FCNHead', 'channels': sum(head.in_channels)}
    own['loss_decode'] = [{'loss_weight': 0.4, **loss} for loss in losses]
    return ConfigDict({**main, **own})


def stock_segmentor(model: ConfigDict) -> Any:
    """Return mmseg's segmentor of random weights, in evaluation mode; in any process the same weights."""
    return build(stock_model(model))


def our_segmentor(model: ConfigDict) -> Any:
    """Return our segmentor with the weights of :func:`stock_segmentor`, its speed not set yet."""
    weights = stock_segmentor(model).state_dict()
    ours = MODELS.build(copy.deepcopy(model)).eval()
    ours.load_state_dict(weights)
    return ours


def check_apart(workers: Mapping[str, Worker], *, ours: Collection[str]) -> None:
    """Raise unless our processes, and no others, have loaded what sets the speed of a process."""
    loaded = {who for who, worker in workers.items() if worker.loads(SPEED)}
    assert loaded == {*ours}, f'{SPEED} is loaded in the processes of {sorted(loaded)}'


def build(model: ConfigDict) -> Any:
    """Return a segmentor with random weights that decides: both classes are there, with probabilities of 0..1."""
    init_default_scope('mmseg')
    torch.manual_seed(SEED)
    segmentor = MODELS.build(copy.deepcopy(model)).eval()
    for name, values in segmentor.named_buffers():  # other than those of a new network, which change nothing
        if name.endswith('running_var'):
            values.uniform_(0.5, 2)
        elif name.endswith('running_mean'):
            values.normal_(0, 0.1)
    [sample] = without_gradients(segmentor.test_step)(batch(1, size=(128, 128)))
    difference = sample.seg_logits.data[1] - sample.seg_logits.data[0]
    classifier, factor = segmentor.decode_head.conv_seg, SPREAD / difference.std()
    with torch.no_grad():
        classifier.weight.mul_(factor)
        classifier.bias[1] = -difference.mean() * factor
    return segmentor


def without_gradients(work: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return ``work`` as the test loop calls it: by itself, ``test_step`` of mmengine prepares for gradients."""

    def call(given: Any) -> Any:
        with torch.no_grad():
            return work(given)

    return call
