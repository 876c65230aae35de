import pytest
import torch

from mmseg_aux_hrnet.models.losses import functional
from mmseg_aux_hrnet.models.losses.functional import dice_sums


def batch(classes):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, classes, 4, 5, generator=generator, dtype=torch.double)
    labels = torch.randint(0, classes, (2, 4, 5), generator=generator)
    weight = torch.rand(2, 4, 5, generator=generator, dtype=torch.double)
    weight[:, 1] = 0
    return logits.requires_grad_(), labels, weight


def with_one_hot(logits, labels, weight):
    target = torch.nn.functional.one_hot(labels, logits.shape[1]).movedim(-1, 1)
    probabilities, weight = logits.softmax(1), weight[:, None]
    return [(weight * part).sum((2, 3)) for part in (probabilities * target, probabilities**2, target)]


@pytest.fixture(params=[2, 99], ids=['scattered', 'one-hot'])
def way(request, monkeypatch):
    monkeypatch.setattr(functional, 'SCATTERED_FROM', request.param)


@pytest.mark.parametrize('classes', [2, 3, 7])
def test_sums_are_those_with_one_hot_labels(way, classes):
    got, expected = dice_sums(*batch(classes)), with_one_hot(*batch(classes))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(got, expected, strict=True))


def test_the_gradient_is_that_of_differences(way):
    logits, labels, weight = batch(3)
    assert torch.autograd.gradcheck(lambda z: dice_sums(z, labels, weight)[:2], (logits,))


@pytest.mark.parametrize('classes', [2, 3, 7])
def test_both_ways_of_the_dice_loss_agree(monkeypatch, classes):
    results = []
    for scattered_from in (2, 99):
        monkeypatch.setattr(functional, 'SCATTERED_FROM', scattered_from)
        logits, labels, weight = batch(classes)
        labels[:, :2] = 255
        loss = functional.masked_dice(
            logits, labels, class_weight=torch.ones(classes, dtype=torch.double), pixel_weight=weight
        )
        loss.backward()
        results.append((loss.detach(), logits.grad))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(*results, strict=True))
