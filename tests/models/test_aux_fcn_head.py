import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.structures import SegDataSample

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models import AuxFCNHead

LOSS = dict(type='MaskedCrossEntropyLoss')


def head(**settings):
    return AuxFCNHead(
        **{'in_channels': [8, 16, 32], 'in_index': [1, 2, 3], 'num_classes': 2, 'loss_decode': LOSS, **settings}
    )


def maps():
    return [torch.randn(2, 4 * 2**i, 64 // 2**i, 96 // 2**i) for i in range(4)]


@pytest.mark.parametrize(('index', 'size'), [([1, 2, 3], (32, 48)), ([2, 3], (16, 24)), ([3], (8, 12))])
def test_resolution_is_that_of_the_finest_branch(index, size):
    logits = head(in_index=index, in_channels=[4 * 2**i for i in index])(maps())
    assert tuple(logits.shape) == (2, 2, *size)


def test_state_dict_keys_are_those_of_the_reference():
    expected = [f'convs.0.bn.{k}' for k in ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')]
    keys = head(norm_cfg=dict(type='BN')).state_dict()
    assert sorted(keys) == sorted(['conv_seg.weight', 'conv_seg.bias', 'convs.0.conv.weight', *expected])
    assert keys['convs.0.conv.weight'].shape == (56, 56, 1, 1)


def loss_of(the_head):
    labels = torch.randint(0, 2, (2, 1, 64, 96), generator=torch.Generator().manual_seed(0))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]
    logits = torch.randn(2, 2, 32, 48, generator=torch.Generator().manual_seed(1))
    return the_head.loss_by_feat(logits, samples)['loss_ce'].item()


@pytest.mark.parametrize(('loss', 'weight'), [(LOSS, 0.4), ([LOSS], 0.4), (dict(LOSS, loss_weight=1.0), 1.0)])
def test_loss_weighs_0_4_unless_said(loss, weight):
    assert loss_of(head(loss_decode=loss)) == pytest.approx(
        weight * loss_of(head(loss_decode=dict(LOSS, loss_weight=1)))
    )


def test_gives_what_fcn_head_gives():
    ours = head()
    stock = FCNHead(
        in_channels=[8, 16, 32], in_index=[1, 2, 3], input_transform='resize_concat', channels=56, kernel_size=1,
        num_convs=1, concat_input=False, num_classes=2, out_channels=2,
    )  # fmt: skip
    stock.load_state_dict(ours.state_dict())
    inputs = maps()
    assert torch.allclose(ours.eval()(inputs), stock.eval()(inputs), atol=1e-5)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(in_index=[1, 2]), '3 in_channels for 2 in_index'),
        (dict(in_index=[], in_channels=[]), 'one of each'),
        (dict(in_index=[3, 2, 1]), 'ascend'),
        (dict(in_index=[1, 1, 2]), 'ascend'),
        (dict(in_index=[-1, 0, 1]), 'ascend'),
        (dict(in_index=1, in_channels=8), 'lists'),
    ],
)
def test_wrong_branches_raise(settings, message):
    with pytest.raises(ConfigError, match=message):
        head(**settings)


def test_a_branch_that_the_backbone_lacks_raises():
    with pytest.raises(ConfigError, match=r'in_index=\[2, 3, 4\].*has 4.*0\.\.3'):
        head(in_index=[2, 3, 4])(maps())


def test_without_a_loss_it_has_masked_cross_entropy_of_the_published_weight():
    [loss] = AuxFCNHead(in_channels=[8], in_index=[1], num_classes=2).loss_decode
    assert (type(loss).__name__, loss.loss_weight) == ('MaskedCrossEntropyLoss', 0.4)
