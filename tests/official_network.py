"""A second implementation of the official network's decoder, and files as the official code leaves them."""

import torch
from torch import nn
from torch.nn import functional

from mmseg_aux_hrnet.models import HRNetV2
from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS


class OfficialNetwork(nn.Module):
    """HRNetV2 with the official decoder: a convolution with bias, batch norm, ReLU, and a classifier.

    Its names are those of the official code. The statistics of batch norm are as a training could leave them.
    """

    def __init__(self, arch='w18_small_v1', classes=19, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        width = sum(ARCHS[arch].widths)
        self.body = HRNetV2(arch)
        self.last_layer = nn.Sequential(
            nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, classes, 1)
        )
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)

    def forward(self, x):
        maps = self.body(x)
        size = maps[0].shape[2:]
        maps = [functional.interpolate(each, size=size, mode='bilinear', align_corners=False) for each in maps]
        return self.last_layer(torch.cat(maps, 1))

    def weights(self, prefix=''):
        """Return the weights by their official names."""
        return {prefix + key.removeprefix('body.'): value for key, value in self.state_dict().items()}


def save_official(path, network):
    """Write a file as the official training code does: the network beside the weights of its loss."""
    classes = network.last_layer[3].out_channels
    torch.save(network.weights('model.') | {'loss.criterion.weight': torch.ones(classes)}, path)
    return path
