import pytest
import torch
from torch import nn

from mmseg_aux_hrnet.speed import winograd
from mmseg_aux_hrnet.speed.winograd import WinogradConv2d, suits, transforms, use_winograd

SIZES = [(8, 12), (7, 9), (1, 1), (3, 22), (16, 5)]


def layer(channels=(5, 7), *, bias=True):
    torch.manual_seed(0)
    return nn.Conv2d(*channels, 3, padding=1, bias=bias)


def images(size, *, count=2, channels=5):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, channels, *size, generator=generator).contiguous(memory_format=torch.channels_last)


def test_transforms_multiply_polynomials():
    kernel, tile, output = transforms()
    weights, pixels = torch.randn(3, 3).double(), torch.randn(6, 6).double()
    got = output @ ((kernel @ weights.flatten()) * (tile @ pixels.flatten()))
    expected = nn.functional.conv2d(pixels[None, None], weights[None, None])
    assert torch.allclose(got.view(4, 4), expected[0, 0], atol=1e-12)


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('size', SIZES, ids=str)
def test_is_the_convolution(size, bias):
    conv = layer(bias=bias)
    x = images(size)
    with torch.no_grad():
        expected = conv(x)
        assert torch.allclose(WinogradConv2d(conv)(x), expected, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize('bands', [1, 16 * 36 * 4 * 5])
def test_bands_of_rows_make_up_the_whole(monkeypatch, bands):
    monkeypatch.setattr(winograd, 'BAND', bands)
    conv, x = layer(), images((23, 15))
    with torch.no_grad():
        assert torch.allclose(WinogradConv2d(conv)(x), conv(x), atol=1e-5)


def test_an_image_gives_the_same_bits_in_any_batch():
    conv, x = WinogradConv2d(layer()), images((9, 14), count=3)
    assert torch.equal(conv(x), torch.cat([conv(image[None]) for image in x]))


def test_the_error_is_that_of_rounding():
    conv = layer((96, 96))
    x = images((32, 32), channels=96).relu()
    with torch.no_grad():
        exact = nn.functional.conv2d(x.double(), conv.weight.double(), conv.bias.double(), padding=1)
        errors = [(way(x) - exact).abs().max().item() for way in (conv, WinogradConv2d(conv))]
    assert errors[1] < 5e-6 * exact.abs().max().item()
    assert errors[1] < 10 * errors[0]


def test_autocast_leaves_the_transforms_their_digits():
    conv, x = layer(), images((8, 8))
    with torch.no_grad(), torch.autocast('cpu', dtype=torch.bfloat16):
        got = WinogradConv2d(conv)(x.bfloat16())
    assert got.dtype == torch.float32
    assert torch.allclose(got, conv(x.bfloat16().float()), atol=1e-5)


@pytest.mark.parametrize(
    ('settings', 'suited'),
    [
        (dict(), True),
        (dict(out_channels=96), True),
        (dict(out_channels=64), False),
        (dict(in_channels=36, out_channels=36), True),
        (dict(in_channels=48, out_channels=48), False),
        (dict(in_channels=18, out_channels=18), False),
        (dict(stride=2), False),
        (dict(kernel_size=1, padding=0), False),
        (dict(padding=0), False),
        (dict(dilation=2, padding=2), False),
        (dict(groups=2), False),
        (dict(padding_mode='reflect'), False),
    ],
    ids=str,
)
def test_wide_plain_convolutions_suit(settings, suited):
    conv = nn.Conv2d(**{'in_channels': 96, 'out_channels': 96, 'kernel_size': 3, 'padding': 1, **settings})
    assert suits(conv) == suited


def test_what_suits_is_replaced_at_any_depth():
    model = nn.Sequential(layer((96, 96)), nn.Sequential(nn.ReLU(), layer((96, 96))), layer((3, 96)))
    use_winograd(model)
    kinds = [type(module) for module in (model[0], model[1][1], model[2])]
    assert kinds == [WinogradConv2d, WinogradConv2d, nn.Conv2d]
