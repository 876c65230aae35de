"""Batches of one image, which batch norm behind a pooling of the whole image cannot take."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmseg.models.decode_heads import ASPPHead, FCNHead, PSPHead
from torch import nn
from torch.utils.data import DataLoader

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.run.training_loop import check_batches, explain

SETTINGS = dict(in_channels=4, channels=4, num_classes=2, norm_cfg=dict(type='BN'))


def check(head, images, *, batch, sampler=DefaultSampler, **settings):
    data = list(range(images))
    loader = DataLoader(data, batch_size=batch, sampler=sampler(data), **settings)
    check_batches(SimpleNamespace(model=nn.ModuleDict({'head': head}), train_dataloader=loader))


@pytest.mark.parametrize('kind', [PSPHead, ASPPHead])
def test_batches_of_one_image_are_refused_before_the_work(kind):
    head = kind(**SETTINGS)
    with pytest.raises(ConfigError, match='each batch has one image.*head.*batch_size=2'):
        check(head, 6, batch=1, sampler=InfiniteSampler)
    with pytest.raises(ConfigError, match='the last batch of 5 images by 2 has one image.*drop_last=True'):
        check(head, 5, batch=2)
    check(head, 5, batch=2, drop_last=True)
    check(head, 5, batch=2, sampler=InfiniteSampler)
    check(head, 5, batch=3)


def test_networks_that_do_not_pool_or_do_not_normalise_take_them():
    check(FCNHead(**SETTINGS), 5, batch=1)
    check(PSPHead(**{**SETTINGS, 'norm_cfg': None}), 5, batch=1)
    check(PSPHead(**SETTINGS, pool_scales=(2, 3)), 5, batch=1)


def test_what_the_check_does_not_see_is_one_line_too():
    with pytest.raises(ValueError, match='Expected more than 1 value') as caught:
        nn.BatchNorm2d(2)(torch.zeros(1, 2, 1, 1))
    assert 'batch_size=2' in str(explain(caught.value))
