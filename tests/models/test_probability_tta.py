import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models import ProbabilityTTAModel


class Segmentor(nn.Module):
    """Stands for the wrapped model: merging only asks for the head's threshold."""

    def __init__(self, threshold=None):
        super().__init__()
        self.decode_head = nn.Identity()
        self.decode_head.threshold = threshold

    def test_step(self, data):
        raise AssertionError('merging runs no model')


def samples(*scores):
    return [SegDataSample(seg_logits=PixelData(data=score), metainfo={'img_path': 'a.png'}) for score in scores]


def test_probabilities_are_averaged_not_logits():
    sure, unsure = torch.tensor([10.0, 0.0]).view(2, 1, 1), torch.tensor([-2.0, 0.5]).view(2, 1, 1)
    [merged] = ProbabilityTTAModel(Segmentor()).merge_preds([samples(sure, unsure, unsure)])
    expected = (sure.softmax(0) + 2 * unsure.softmax(0)) / 3
    assert torch.allclose(merged.seg_logits.data, expected)
    assert merged.pred_sem_seg.data.tolist() == [[[1]]]  # the mean logit would say class 0


@pytest.mark.parametrize(('threshold', 'expected'), [(0.5, [0, 1]), (0.3, [0, 1]), (0.7, [0, 0])])
def test_one_channel_heads_keep_their_probability(threshold, expected):
    first, second = torch.tensor([[[0.0003, 0.9]]]), torch.tensor([[[0.1, 0.4]]])  # mseg's sigmoid is done already
    [merged] = ProbabilityTTAModel(Segmentor(threshold)).merge_preds([samples(first, second)])
    assert torch.allclose(merged.seg_logits.data, (first + second) / 2)
    assert merged.pred_sem_seg.data.flatten().tolist() == expected


def test_a_mirror_image_calls_left_what_is_right():
    plain = torch.tensor([0.1, 0.6, 0.3]).log().view(3, 1, 1)  # background, left, right
    mirrored = torch.tensor([0.2, 0.1, 0.7]).log().view(3, 1, 1)  # sees the left arm as a right one
    pair = samples(plain, mirrored)
    pair[1].set_metainfo({'flip': True, 'flip_direction': 'horizontal'})
    [merged] = ProbabilityTTAModel(Segmentor(), swap_seg_labels=[(1, 2)]).merge_preds([pair])
    assert torch.allclose(merged.seg_logits.data.flatten(), torch.tensor([0.15, 0.65, 0.2]))
    assert merged.pred_sem_seg.data.tolist() == [[[1]]]


def test_classes_stay_where_nothing_is_mirrored_or_sided():
    pair = samples(torch.tensor([0.2, 0.7, 0.1]).log().view(3, 1, 1))
    [unflipped] = ProbabilityTTAModel(Segmentor(), swap_seg_labels=[(1, 2)]).merge_preds([pair])
    pair[0].set_metainfo({'flip': True})
    pair[0].seg_logits.data = torch.tensor([0.2, 0.7, 0.1]).log().view(3, 1, 1)
    [unsided] = ProbabilityTTAModel(Segmentor()).merge_preds([pair])
    for merged in (unflipped, unsided):
        assert torch.allclose(merged.seg_logits.data.flatten(), torch.tensor([0.2, 0.7, 0.1]))


def test_a_class_with_two_partners_raises():
    with pytest.raises(ConfigError, match='names a class twice'):
        ProbabilityTTAModel(Segmentor(), swap_seg_labels=[(14, 15), (15, 16)])
