import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

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
