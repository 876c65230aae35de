import pytest
import torch
from mmseg.models.backbones import ResNetV1c
from torch import nn

from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.models import HRNetV2
from mmseg_aux_hrnet.run.training import prepare_pretrained


def segmentor(checkpoint, backbone=ResNetV1c, **settings):
    model = nn.Module()
    model.backbone = backbone(**settings or {'depth': 18}, init_cfg=dict(type='Pretrained', checkpoint=str(checkpoint)))
    return model


@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_a_backbone_starts_from_its_file(tmp_path, prefix):
    weights = ResNetV1c(depth=18).state_dict()
    extra = {'fc.weight': torch.zeros(1)}  # the classifier, which a backbone has no use for
    torch.save({prefix + key: value for key, value in weights.items()} | extra, tmp_path / 'w.pth')
    model = segmentor(tmp_path / 'w.pth')
    prepare_pretrained(model)
    model.backbone.init_weights()
    assert all(torch.equal(value, weights[key]) for key, value in model.backbone.state_dict().items())


def test_weights_of_another_backbone_are_refused(tmp_path):
    weights = ResNetV1c(depth=18).state_dict()
    torch.save(
        {key: value for key, value in weights.items() if not key.startswith('layer4.1.conv2')}, tmp_path / 'w.pth'
    )
    with pytest.raises(CheckpointError, match=r'leaves 1 weight of ResNetV1c unfilled, first layer4.1.conv2.weight'):
        prepare_pretrained(segmentor(tmp_path / 'w.pth'))


def test_safetensors_are_for_hrnet_v2_only(tmp_path):
    with pytest.raises(CheckpointError, match=r'w\.safetensors: mmengine starts from \.pth files only'):
        prepare_pretrained(segmentor(tmp_path / 'w.safetensors'))


def test_an_unreachable_address_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    with pytest.raises(CheckpointError, match='resnet18.pth .*--pretrained none'):
        prepare_pretrained(segmentor('http://127.0.0.1:9/resnet18.pth'))  # nobody listens there


def test_hrnet_v2_and_random_starts_are_left_alone(tmp_path):
    model = segmentor(tmp_path / 'none.pth', HRNetV2, arch='w18_small_v1')
    prepare_pretrained(model)
    assert model.backbone.init_cfg['checkpoint'] == str(tmp_path / 'none.pth')
    model.backbone.init_cfg = None
    prepare_pretrained(model)
    assert model.backbone.init_cfg is None
