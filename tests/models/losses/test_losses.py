import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from no_waiting import Reads

from mmseg_aux_hrnet.errors import ConfigError, LabelError
from mmseg_aux_hrnet.models.losses import ReferenceDiceLoss
from mmseg_aux_hrnet.models.losses.pixel_loss import PixelLoss

ALL = ('MaskedDiceLoss', 'MaskedCrossEntropyLoss', 'OHEMCrossEntropyLoss', 'ReferenceDiceLoss')


def sample_batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 2, 8, 8, generator=generator), torch.randint(0, 2, (2, 8, 8), generator=generator)


@pytest.mark.parametrize('case', ['plain', 'ignore', 'all_ignored', 'weighted', 'nineteen'])
def test_reference_dice_reproduces_the_stored_loss_and_gradient(shared, case):
    stored = np.load(shared / 'parity' / 'seed_dice_loss.npz')
    logits = torch.from_numpy(stored[f'{case}.logits']).requires_grad_()
    weights = stored[f'{case}.class_weight'].tolist() or None
    loss = ReferenceDiceLoss(class_weight=weights, loss_weight=float(stored[f'{case}.loss_weight']))
    value = loss(logits, torch.from_numpy(stored[f'{case}.labels']))
    value.backward()
    assert value.item() == pytest.approx(float(stored[f'{case}.loss']), abs=1e-6)
    assert np.abs(logits.grad.numpy() - stored[f'{case}.grad']).max() < 1e-6


@pytest.mark.parametrize('name', ALL)
def test_loss_weight_scales_and_names_are_trained(name):
    logits, labels = sample_batch()
    one, half = MODELS.build(dict(type=name)), MODELS.build(dict(type=name, loss_weight=0.5))
    assert half(logits, labels).item() == pytest.approx(one(logits, labels).item() / 2)
    assert 'loss' in one.loss_name


def test_a_loss_from_elsewhere_needs_no_name_of_its_own():
    class Mine(PixelLoss):
        def compute(self, logits, labels, *, class_weight, pixel_weight, ignore_index):
            return logits.mean()

    assert Mine().loss_name == 'loss'


@pytest.mark.parametrize('name', ALL)
def test_one_channel_logits_mean_class_one(name):
    _, labels = sample_batch()
    z = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    loss = MODELS.build(dict(type=name))
    assert loss(z, labels).item() == pytest.approx(loss(torch.cat([0 * z, z], 1), labels).item())
    sure = 20 * (labels[:, None] * 2.0 - 1)
    assert loss(sure, labels).item() < 1e-3 < loss(-sure, labels).item()


@pytest.mark.parametrize('name', ALL)
def test_a_wrong_label_raises(name):
    logits, labels = sample_batch()
    labels[1, 2, 3] = 128
    with pytest.raises(LabelError, match='128'):
        MODELS.build(dict(type=name))(logits, labels)


@pytest.mark.parametrize('name', ALL)
def test_a_wrong_class_count_raises(name):
    logits, labels = sample_batch()
    with pytest.raises(ConfigError, match='3 values but the head predicts 2'):
        MODELS.build(dict(type=name, class_weight=[1, 2, 3]))(logits, labels)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(type='MaskedDiceLoss', smooth=0), 'smooth'),
        (dict(type='MaskedDiceLoss', loss_name='dice'), 'loss_name'),
        (dict(type='MaskedCrossEntropyLoss', class_weight=[0, 0]), 'class_weight'),
        (dict(type='MaskedCrossEntropyLoss', class_weight=[-1, 1]), 'class_weight'),
        (dict(type='MaskedCrossEntropyLoss', class_weight=[]), 'class_weight'),
        (dict(type='MaskedCrossEntropyLoss', class_weight=[float('nan'), 1]), 'class_weight'),
        (dict(type='OHEMCrossEntropyLoss', thresh=0), 'thresh'),
        (dict(type='OHEMCrossEntropyLoss', min_kept=0), 'min_kept'),
    ],
)
def test_wrong_settings_raise(settings, message):
    with pytest.raises(ConfigError, match=message):
        MODELS.build(settings)


def test_reference_dice_refuses_pixel_weights():
    logits, labels = sample_batch()
    with pytest.raises(ConfigError, match='sampler'):
        ReferenceDiceLoss()(logits, labels, weight=torch.ones(2, 8, 8))


@pytest.mark.parametrize('name', ALL)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_logits_give_the_full_precision_loss(name, dtype):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 2, 300, 300, generator=generator).to(dtype)  # more pixels than float16 can count
    labels = torch.randint(0, 2, (1, 300, 300), generator=generator)
    loss = MODELS.build(dict(type=name, class_weight=[0.5, 2]))
    assert loss(logits, labels).item() == pytest.approx(loss(logits.float(), labels).item(), rel=1e-6)
    assert loss(logits, labels).item() > 0.1


def test_ohem_loss_is_the_mean_over_hard_pixels_by_hand():
    p = torch.tensor([0.5, 0.8, 0.95, 0.99])
    logits = torch.stack([p.log(), (1 - p).log()]).view(1, 2, 1, 4)
    labels = torch.zeros(1, 1, 4, dtype=torch.long)
    loss = MODELS.build(dict(type='OHEMCrossEntropyLoss', thresh=0.9, min_kept=1, class_weight=[3, 1]))
    expected = -3 * (np.log(0.5) + np.log(0.8)) / 2
    assert loss(logits, labels).item() == pytest.approx(expected, rel=1e-5)


def test_ohem_loss_takes_pixel_weights():
    logits, labels = sample_batch()
    loss = MODELS.build(dict(type='OHEMCrossEntropyLoss', thresh=1.0, min_kept=1))
    weight = torch.full(labels.shape, 0.01)
    assert loss(logits, labels, weight=weight).item() == pytest.approx(loss(logits, labels).item(), rel=1e-5)
    weight[:, :4] = 0
    half = loss(logits[:, :, 4:], labels[:, 4:]).item()
    assert loss(logits, labels, weight=weight).item() == pytest.approx(half, rel=1e-5)


@pytest.mark.parametrize('name', ALL)
def test_a_loss_per_pixel_is_refused(name):
    with pytest.raises(ConfigError, match='thresh of OHEMPixelSampler'):
        MODELS.build(dict(type=name))(*sample_batch(), reduction_override='none')


def test_ohem_sampler_of_mmseg_works_with_the_corrected_dice():
    head = FCNHead(
        in_channels=4,
        channels=4,
        num_convs=1,
        concat_input=False,
        num_classes=2,
        out_channels=2,
        sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=20),
        loss_decode=[dict(type='MaskedDiceLoss'), dict(type='MaskedCrossEntropyLoss')],
    )
    labels = torch.randint(0, 2, (2, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]
    losses = head.loss_by_feat(head([torch.randn(2, 4, 8, 8)]), samples)
    assert 0 < losses['loss_dice'].item() < 1
    assert torch.isfinite(losses['loss_ce'])


LOSSES = [
    dict(type='MaskedCrossEntropyLoss'),
    dict(type='MaskedCrossEntropyLoss', class_weight=[1.0, 2.0, 3.0]),
    dict(type='MaskedDiceLoss'),
    dict(type='OHEMCrossEntropyLoss', thresh=0.7, min_kept=20),
    dict(type='ReferenceDiceLoss'),
]


@pytest.fixture
def on_a_device(monkeypatch):
    """Take the way of tensors on a GPU."""
    monkeypatch.setattr('mmseg_aux_hrnet.models.losses.pixel_loss.host_waits', lambda values: True)


@pytest.mark.parametrize('loss', LOSSES, ids=str)
def test_a_device_gives_the_same_without_making_its_host_wait(request, loss):
    logits, labels = torch.randn(2, 3, 8, 8), torch.randint(0, 3, (2, 8, 8))
    labels[0, :3] = 255
    term = MODELS.build(loss)
    expected = term(logits, labels)
    request.getfixturevalue('on_a_device')
    with Reads() as reads:
        value = term(logits, labels)
    assert torch.equal(value, expected)
    # what a CPU may ask: whether enough pixels are hard
    assert reads.names == (['_local_scalar_dense'] if 'OHEM' in loss['type'] else [])


@pytest.mark.parametrize('loss', LOSSES, ids=str)
def test_a_label_that_is_no_class_makes_the_loss_of_a_device_nan(on_a_device, loss):
    labels = torch.zeros(2, 8, 8, dtype=torch.long)
    labels[1, 2, 3] = 128
    value = MODELS.build(loss)(torch.randn(2, 3, 8, 8, requires_grad=True), labels)
    assert value.isnan()


def test_class_weights_follow_the_model_and_are_in_no_checkpoint():
    term = MODELS.build(LOSSES[1])
    assert not term.state_dict()
    assert term.to('meta')._weights.device.type == 'meta'
