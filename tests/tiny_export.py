"""A segmentor of a few weights that exports in a second, its config and its checkpoint."""

from pathlib import Path
from types import SimpleNamespace

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.models.utils import Upsample
from mmseg.registry import MODELS
from tool_support import heard
from torch import nn

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.run.rgb_network import CLASSES, PROBABILITIES, Form
from mmseg_aux_hrnet.run.trained_model import TrainedModel

CLASS_NAMES, PALETTE = ('background', 'green', 'water'), [[0, 0, 0], [128, 0, 0], [0, 0, 128]]
FREE = Form(unit_range=False, outputs=(PROBABILITIES, CLASSES), foreground_only=False, half=False, fixed_size=None)


@MODELS.register_module()
class StemBackbone(nn.Module):
    """One convolution of stride 2 with batch norm; ``enlarge`` adds what mmseg's HRNet does, an upsampling by 2."""

    def __init__(self, enlarge=False, bands=3):
        super().__init__()
        self.conv = nn.Conv2d(bands, 4, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.enlarge = Upsample(scale_factor=2, mode='bilinear', align_corners=False) if enlarge else nn.Identity()

    def forward(self, image):
        fine = self.bn(self.conv(image)).relu()
        coarse = nn.functional.avg_pool2d(fine, 2, ceil_mode=True)
        size = fine.shape[2:]
        return [fine + nn.functional.interpolate(self.enlarge(coarse), size=size, mode='bilinear')]


def tiny_model(classes=2, *, out_channels=None, enlarge=False, bands=3, preprocessor=(), test_cfg=None, **head):
    """Return the model part of a config, with an auxiliary decoder."""
    kind = 'SegDataPreProcessor' if bands == 3 else 'BandDataPreProcessor'
    means, deviations = [120.0, 110.0, 100.0, *range(90, 200)], [60.0, 55.0, 50.0, *range(45, 200)]
    decoder = dict(
        type='FCNHead', in_channels=4, in_index=0, channels=4, num_convs=1, kernel_size=1, concat_input=False,
        num_classes=classes, out_channels=out_channels or classes, norm_cfg=dict(type='BN'),
        loss_decode=dict(type='MaskedCrossEntropyLoss'), **head,
    )  # fmt: skip
    scale = dict(mean=means[:bands], std=deviations[:bands], bgr_to_rgb=True, size=(64, 96))
    return dict(
        type='EncoderDecoder', data_preprocessor=dict(type=kind, **{**scale, **dict(preprocessor)}),
        backbone=dict(type='StemBackbone', enlarge=enlarge, bands=bands), decode_head=decoder,
        auxiliary_head=dict(decoder, channels=8), train_cfg=None, test_cfg=test_cfg or dict(mode='whole'),
    )  # fmt: skip


def tiny_config(**settings):
    """Return a config of it; its data set is never built."""
    data = dict(dataset=dict(type='SingleGreenDataset'))
    return Config(dict(model=tiny_model(**settings), train_dataloader=data, test_dataloader=data))


def tiny_checkpoint(config, path: Path, *, seed=0, described=(), **meta) -> Path:
    """Write random weights, with statistics and a classifier that make every part of the network count.

    ``described`` is more of what the checkpoint says of its data.
    """
    init_default_scope('mmseg')
    torch.manual_seed(seed)
    model = MODELS.build(config.model)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.7)
    classes = max(2, model.out_channels)
    known = dict(classes=CLASS_NAMES[:classes], palette=PALETTE[:classes], **dict(described))
    torch.save(dict(state_dict=model.state_dict(), meta=dict(dataset_meta=known, **meta)), path)
    return path


def run_tool(*args):
    """Run tools/export.py in this process and return its exit code, what it printed and what it complained of."""
    result = heard('export', *args)
    return result.returncode, result.stdout, result.stderr


def written(folder: Path, *, name='tiny', meta=None, **settings):
    """Write a config and a checkpoint of it, and return both paths as arguments of the tool."""
    config = tiny_config(**settings)
    path = folder / f'{name}.py'
    config.dump(path)
    return str(path), str(tiny_checkpoint(config, folder / f'{name}.pth', **(meta or {})))


def trained(**known):
    """Return a TrainedModel of nothing but facts, ``known`` among them."""
    preprocessor = SimpleNamespace(mean=torch.tensor([123.675, 116.28, 103.53]), std=torch.tensor([58.395, 57.12, 57]))
    facts = dict(
        model=SimpleNamespace(data_preprocessor=preprocessor, size_divisor=32, fill_value=0.0),
        classes=Classes(('background', 'green'), ((0, 0, 0), (0, 128, 0)), 1),
        decision=None, gsd=0.5, tile=(256, 512), overlap=25,
        config_name='a.py', config_sha256='1', checkpoint_name='a.pth', checkpoint_sha256='2',
    )  # fmt: skip
    return TrainedModel(**{**facts, **known})
