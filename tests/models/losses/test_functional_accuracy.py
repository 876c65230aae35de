import pytest
import torch
from mmseg.models.losses import accuracy

from mmseg_aux_hrnet.models.losses.functional import pixel_accuracy


def test_three_of_four_pixels():
    logits = torch.tensor([[[[2.0, 0.0], [1.0, 1.0]], [[1.0, 3.0], [0.0, 2.0]]]])  # classes 0, 1, 0, 1
    assert pixel_accuracy(logits, torch.tensor([[[0, 1], [1, 1]]]), ignore_index=255).item() == 75.0


@pytest.mark.parametrize('ignored', [255, 1])
def test_is_that_of_mmseg(ignored):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 8, 9, generator=generator)
    labels = torch.randint(0, 3, (2, 8, 9), generator=generator)
    labels[:, :2] = ignored
    expected = accuracy(logits, labels, ignore_index=ignored)
    assert pixel_accuracy(logits, labels, ignore_index=ignored).item() == pytest.approx(expected.item(), abs=1e-3)


def test_one_channel_says_class_1_where_it_is_positive():
    logits = torch.tensor([[[[2.0, -1.0, 3.0, -4.0]]]])
    assert pixel_accuracy(logits, torch.tensor([[[1, 0, 0, 0]]]), ignore_index=255).item() == 75.0


def test_nothing_counts():
    assert pixel_accuracy(torch.randn(1, 2, 2, 2), torch.full((1, 2, 2), 255), ignore_index=255).item() == 0.0
