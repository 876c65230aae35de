import pytest
import torch
from mmseg.registry import MODELS

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models.segmentors.preprocessing import swaps_channels

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ('settings', 'swaps'), [({'bgr_to_rgb': True}, True), ({'rgb_to_bgr': True}, True), ({}, False)]
)
def test_a_swap_is_seen_on_both_stacks(settings, swaps):
    preprocessor = MODELS.build(dict(type='SegDataPreProcessor', mean=[1.0, 2.0, 3.0], std=[1.0, 1.0, 1.0], **settings))
    assert swaps_channels(preprocessor) == swaps


def shown(count, **settings):
    """Return what a network is shown of an image whose channels hold 10, 20, 30..., with means 1, 2, 3... ."""
    means = [float(number) for number in range(1, count + 1)]
    preprocessor = MODELS.build(dict(type='BandDataPreProcessor', mean=means, std=[2.0] * count, **settings))
    image = torch.arange(10, 10 * count + 1, 10, dtype=torch.uint8).view(-1, 1, 1).expand(count, 2, 2)
    return preprocessor({'inputs': [image]})['inputs'][0, :, 0, 0].tolist()


def test_three_channels_are_turned_round_and_no_other_number_is():
    assert shown(3, bgr_to_rgb=True) == [(30 - 1) / 2, (20 - 2) / 2, (10 - 3) / 2]
    assert shown(3) == [(10 - 1) / 2, (20 - 2) / 2, (30 - 3) / 2]
    for count in (1, 2, 4, 12):
        want = [(10 * number - number) / 2 for number in range(1, count + 1)]
        assert shown(count, bgr_to_rgb=True) == shown(count) == want


def test_three_bands_are_normalised_as_by_mmseg():
    settings = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)
    image = {'inputs': [torch.arange(48, dtype=torch.uint8).view(3, 4, 4)]}
    ours, stock = (
        MODELS.build(dict(type=kind, **settings)) for kind in ('BandDataPreProcessor', 'SegDataPreProcessor')
    )
    assert torch.equal(ours(dict(image))['inputs'], stock(dict(image))['inputs'])
    assert ours.state_dict().keys() == stock.state_dict().keys()


@pytest.mark.parametrize(('mean', 'std'), [([], []), ([1.0, 2.0], [1.0]), ([1.0, 2.0], [1.0, 0.0])])
def test_wrong_statistics_are_refused(mean, std):
    with pytest.raises(ConfigError, match='give both for each band'):
        MODELS.build(dict(type='BandDataPreProcessor', mean=mean, std=std))
