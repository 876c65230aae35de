import pytest
import torch
from mmseg.models.decode_heads import FCNHead
from torch import nn

from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.exchange.official import from_official, to_official

pytestmark = pytest.mark.stack


def official_head(width, classes):
    """A second implementation: the last layers of the official network, with numbers that a training could leave."""
    generator = torch.Generator().manual_seed(3)
    norm = nn.BatchNorm2d(width)
    head = nn.Sequential(nn.Conv2d(width, width, 1), norm, nn.ReLU(), nn.Conv2d(width, classes, 1)).double().eval()
    for value in (*head.parameters(), norm.running_mean):
        value.data = torch.randn(value.shape, generator=generator, dtype=torch.float64)
    norm.running_var = torch.rand(width, generator=generator, dtype=torch.float64) + 0.1
    return head


def mmseg_head(width, classes):
    head = FCNHead(
        in_channels=width, in_index=0, channels=width, kernel_size=1, num_convs=1, concat_input=False,
        dropout_ratio=0, num_classes=classes, norm_cfg=dict(type='BN'),
    )  # fmt: skip
    return head.double().eval()


def named(head):
    return {f'last_layer.{key}': value for key, value in head.state_dict().items()}


def test_the_bias_is_folded_exactly():
    theirs, ours = official_head(6, 3), mmseg_head(6, 3)
    assert theirs[0].bias.abs().min() > 0.01  # else there is nothing to fold
    weights = {key.removeprefix('decode_head.'): v for key, v in from_official(named(theirs)).items()}
    ours.load_state_dict(weights)
    x = torch.randn(2, 6, 5, 4, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(ours([x]), theirs(x), rtol=0, atol=1e-12)


def test_the_way_to_official_and_back_gives_the_same_bits():
    ours = {f'decode_head.{key}': value for key, value in mmseg_head(6, 3).state_dict().items()}
    ours['decode_head.convs.0.bn.running_mean'] = torch.randn(6)
    there = to_official(ours)
    assert all(key.startswith('model.last_layer.') for key in there)
    assert there['model.last_layer.0.bias'].tolist() == [0] * 6
    back = from_official({key.removeprefix('model.'): value for key, value in there.items()})
    assert back.keys() == ours.keys()
    assert all(torch.equal(back[key], value) for key, value in ours.items())


def test_from_official_and_back_computes_the_same():
    first, second = official_head(6, 3), official_head(6, 3)
    again = to_official(from_official(named(first)))
    second.load_state_dict({key.removeprefix('model.last_layer.'): value for key, value in again.items()})
    x = torch.randn(2, 6, 5, 4, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(second(x), first(x), rtol=0, atol=1e-12)


def test_names_of_the_backbone_stay():
    assert list(from_official({'stage2.0.w': torch.ones(1)})) == ['backbone.stage2.0.w']
    assert list(to_official({'backbone.stage2.0.w': torch.ones(1)})) == ['model.stage2.0.w']


def test_other_heads_have_no_place_there():
    with pytest.raises(CheckpointError, match=r'auxiliary_head\.0\.w has no place'):
        to_official({'auxiliary_head.0.w': torch.ones(1)})
