import pytest
from mmseg.registry import MODELS

from mmseg_aux_hrnet.models.segmentors.preprocessing import swaps_channels

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ('settings', 'swaps'), [({'bgr_to_rgb': True}, True), ({'rgb_to_bgr': True}, True), ({}, False)]
)
def test_a_swap_is_seen_on_both_stacks(settings, swaps):
    preprocessor = MODELS.build(dict(type='SegDataPreProcessor', mean=[1.0, 2.0, 3.0], std=[1.0, 1.0, 1.0], **settings))
    assert swaps_channels(preprocessor) == swaps
