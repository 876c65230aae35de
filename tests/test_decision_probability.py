import math

import pytest
import torch
from mmengine.structures import PixelData

from mmseg_aux_hrnet.decision import class_probabilities, reaches, two_class_probability
from mmseg_aux_hrnet.errors import ConfigError


def test_logits_become_probabilities_by_hand():
    logits = torch.tensor([0.0, math.log(3.0)]).view(2, 1, 1)
    assert class_probabilities(logits).flatten().tolist() == pytest.approx([0.25, 0.75])
    assert two_class_probability({'data': logits}, class_index=1).tolist() == [[pytest.approx(0.75)]]
    assert two_class_probability({'data': logits}, class_index=0).tolist() == [[pytest.approx(0.25)]]


@pytest.mark.parametrize('kind', [dict, PixelData])
def test_what_is_marked_as_probabilities_is_left_alone(kind):
    mean = torch.tensor([0.25, 0.75]).view(2, 1, 1)
    marked = {'probabilities': True, 'data': mean}
    seg_logits = marked if kind is dict else PixelData(metainfo={'probabilities': True}, data=mean)
    assert two_class_probability(seg_logits, class_index=1).tolist() == [[0.75]]


@pytest.mark.parametrize('probabilities', [True, False])
def test_one_channel_is_the_probability_of_class_one(probabilities):
    seg_logits = {'data': torch.tensor([[[0.25]]]), 'probabilities': probabilities}
    assert two_class_probability(seg_logits, class_index=1).tolist() == [[0.25]]
    assert two_class_probability(seg_logits, class_index=0).tolist() == [[0.75]]


def test_half_precision_is_left_before_the_softmax():
    logits = torch.tensor([0.0, 9.0], dtype=torch.float16).view(2, 1, 1)
    probability = two_class_probability({'data': logits}, class_index=1)
    assert probability.dtype == torch.float32
    assert probability.item() == pytest.approx(1 / (1 + math.exp(-9)), abs=1e-7)  # float16 would say 1


def test_other_than_two_classes():
    with pytest.raises(ConfigError, match='the model has 19 classes'):
        two_class_probability({'data': torch.zeros(19, 1, 1)}, class_index=1)


def test_threshold_and_probability_are_compared_as_float32():
    nearest = torch.tensor([0.7], dtype=torch.float32)  # a little below the number 0.7
    assert nearest.item() < 0.7
    assert reaches(nearest, 0.7).tolist() == [True]
    assert reaches(torch.nextafter(nearest, torch.zeros(1)), 0.7).tolist() == [False]
    assert reaches(torch.tensor([math.nan]), 0.7).tolist() == [False]
