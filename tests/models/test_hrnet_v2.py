import pytest
import torch
from mmseg.models.backbones import HRNet, hrnet

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.models import HRNetV2
from mmseg_aux_hrnet.models.backbones import hrnet_v2
from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS, stage_settings
from mmseg_aux_hrnet.models.complexity import model_complexity

SMALL = 'w18_small_v1'


@pytest.mark.parametrize('arch', ARCHS)
def test_state_dict_keys_are_those_of_mmseg(arch):
    with torch.device('meta'):
        ours, theirs = HRNetV2(arch), HRNet(extra=stage_settings(ARCHS[arch]))
    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize('arch', ['w18_small_v1', 'w18_small_v2'])
def test_maps_have_the_widths_and_strides(arch):
    maps = HRNetV2(arch).eval()(torch.randn(1, 3, 64, 96))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (width, 64 // stride, 96 // stride) for width, stride in zip(ARCHS[arch].widths, (4, 8, 16, 32), strict=True)
    ]


def test_train_and_eval_return_self():
    net = HRNetV2(SMALL)
    assert net.eval() is net
    assert net.train(False) is net
    assert not net.training


def twins():
    official, mmseg = HRNetV2(SMALL), HRNetV2(SMALL, fuse_upsampling='mmseg')
    mmseg.load_state_dict(official.state_dict())
    return official.eval(), mmseg.eval()


def test_both_upsamplings_agree_at_multiples_of_32_only():
    official, mmseg = twins()
    for size, same in (((64, 96), True), ((50, 70), False)):
        x = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            difference = (official(x)[0] - mmseg(x)[0]).abs().max() / mmseg(x)[0].abs().max()
        assert (difference < 1e-5) == same


def test_aligned_corners_are_those_of_one_aligned_resize_at_multiples_of_32(monkeypatch):
    """As the official branch HRNet-OCR enlarges a branch to the size of another."""

    def aligned(x, size, mode, align_corners):
        return torch.nn.functional.interpolate(x, size=tuple(size), mode=mode, align_corners=True)

    torch.manual_seed(0)
    ours = HRNetV2(SMALL, align_corners=True).eval()
    reference = HRNetV2(SMALL).eval()
    reference.load_state_dict(ours.state_dict())
    x = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, other = ours(x), reference(x)
        monkeypatch.setattr(hrnet, 'resize', aligned)
        expected = reference(x)
    for ours_map, map_, plain in zip(found, expected, other, strict=True):
        scale = map_.abs().max()
        assert (ours_map - map_).abs().max() < 1e-5 * scale
        assert (ours_map - plain).abs().max() > 1e-3 * scale


def test_mmseg_upsampling_is_that_of_mmseg():
    _, ours = twins()
    stock = HRNet(extra=stage_settings(ARCHS[SMALL]))
    stock.load_state_dict(ours.state_dict())
    stock.eval()
    x = torch.randn(1, 3, 50, 70)
    with torch.no_grad():
        assert torch.allclose(ours(x)[3], stock(x)[3], atol=1e-4)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(arch='w19'), "arch='w19'.*w18_small_v1.*w48"),
        (dict(arch='w18', fuse_upsampling='twice'), "'official' or 'mmseg'"),
        (dict(arch='w18', extra={}), 'extra'),
        (dict(arch='w18', bands=('red', 'nir'), in_channels=3), 'in_channels=3 with 2 bands'),
        (dict(arch='w18', bands=('red', 'red')), 'different names'),
    ],
)
def test_wrong_settings_raise(settings, message):
    with pytest.raises(ConfigError, match=message):
        HRNetV2(**settings)


def test_weights_of_another_arch_are_refused(tmp_path):
    torch.save(HRNetV2('w18_small_v2').state_dict(), tmp_path / 'v2.pth')
    net = HRNetV2(SMALL, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'v2.pth')))
    with pytest.raises(CheckpointError, match=r'w18_small_v1.*unexpected.*other shape'):
        net.init_weights()


def test_pretrained_weights_fill_the_backbone(tmp_path):
    source = HRNetV2(SMALL)
    torch.save({'state_dict': {f'module.{k}': v for k, v in source.state_dict().items()}}, tmp_path / 'v1.pth')
    net = HRNetV2(SMALL, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'v1.pth')))
    net.init_weights()
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), source.parameters(), strict=True))


RGBN = ('red', 'green', 'blue', 'nir')


@pytest.mark.parametrize(
    ('settings', 'count', 'bands'),
    [
        ({}, 3, ('red', 'green', 'blue')),
        ({'bands': RGBN}, 4, RGBN),
        ({'in_channels': 12}, 12, None),
        ({'in_channels': 1, 'bands': ['NIR']}, 1, ('nir',)),
    ],
)
def test_the_network_takes_as_many_bands_as_are_named(settings, count, bands):
    net = HRNetV2(SMALL, **settings)
    assert net.conv1.weight.shape == (64, count, 3, 3) and net.bands == bands
    assert net.eval()(torch.zeros(1, count, 32, 32))[0].shape == (1, 16, 8, 8)


def start(tmp_path, weights, *, meta=None, **settings):
    """Return a network that starts from weights, and what the log says of it."""
    torch.save({'state_dict': weights, 'meta': meta or {}}, tmp_path / 'start.pth')
    net = HRNetV2(SMALL, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'start.pth')), **settings)
    net.init_weights()
    return net


def test_weights_of_rgb_start_more_bands(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(hrnet_v2, 'print_log', lambda text, **_: said.append(text))
    source = HRNetV2(SMALL)
    net = start(tmp_path, source.state_dict(), bands=('nir', 'red', 'green', 'blue'))
    old, new = source.conv1.weight, net.conv1.weight
    assert torch.allclose(new[:, 1:], old * 0.75) and torch.allclose(new[:, 0], old.mean(dim=1) * 0.75)
    assert torch.equal(net.conv2.weight, source.conv2.weight)
    assert 'red, green, blue copied by name; nir set to the mean of red, green, blue; all multiplied by 0.75' in said[0]
    # Of bands that are all alike, the network computes what it did.
    grey = torch.rand(1, 1, 32, 32)
    ours, its = net.eval()(grey.expand(1, 4, 32, 32)), source.eval()(grey.expand(1, 3, 32, 32))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(ours, its, strict=True))


def test_weights_of_other_bands_are_taken_by_the_names_in_their_file(tmp_path):
    source = HRNetV2(SMALL, bands=RGBN)
    meta = {'dataset_meta': {'classes': ('a', 'b'), 'bands': list(RGBN)}}
    net = start(tmp_path, source.state_dict(), meta=meta, bands=('nir', 'red'))
    assert torch.equal(net.conv1.weight, source.conv1.weight[:, [3, 0]] * 2)
    same = start(tmp_path, source.state_dict(), meta=meta, bands=RGBN)
    assert torch.equal(same.conv1.weight, source.conv1.weight)
    with pytest.raises(CheckpointError, match=r'is \(64, 4, 3, 3\), and the file says that it is of 3 bands'):
        start(tmp_path, source.state_dict(), bands=RGBN)


def test_bands_without_names_start_from_no_file(tmp_path):
    with pytest.raises(ConfigError, match='in_channels=4 without names: give backbone.bands'):
        start(tmp_path, HRNetV2(SMALL).state_dict(), in_channels=4)


@pytest.mark.parametrize(
    ('arch', 'parameters', 'multiply_adds'),
    [('w18_small_v1', 1.5, 31.1), ('w18_small_v2', 3.9, 71.6), ('w48', 65.8, 696.2)],
)
def test_complexity_reproduces_the_published_table(arch, parameters, multiply_adds):
    got = model_complexity(arch, num_classes=19, size=(1024, 2048))
    assert int(got[0] / 1e5) / 10 == parameters  # the published figures are cut, not rounded
    assert round(got[1] / 2**30, 1) == multiply_adds
