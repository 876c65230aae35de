import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmseg_aux_hrnet.errors import LabelError
from mmseg_aux_hrnet.models.losses.functional import (
    masked_cross_entropy,
    masked_dice,
    ohem_keep,
    refuse_labels,
    two_class_logits,
    wrong_labels,
)


def batch(seed=0, classes=3, size=(2, 9, 11)):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(size[0], classes, *size[1:], generator=generator)
    labels = torch.randint(0, classes, size, generator=generator)
    return logits.double(), labels


def dice_by_loop(logits, labels, class_weight, pixel_weight, smooth):
    """The formula of the docstring, one pixel set at a time, in NumPy."""
    probabilities = logits.softmax(1).numpy()
    images = []
    for p, y, w in zip(probabilities, labels.numpy(), pixel_weight.numpy(), strict=True):
        w = w * (y != 255)
        if w.sum() == 0:
            continue
        losses = []
        for c in range(p.shape[0]):
            t = y == c
            overlap = 2 * (w * p[c] * t).sum() + smooth
            losses.append(1 - overlap / ((w * p[c] ** 2).sum() + (w * t).sum() + smooth))
        images.append(np.average(losses, weights=class_weight))
    return np.mean(images)


def test_two_class_logits_give_the_sigmoid():
    z = torch.randn(2, 1, 4, 5)
    assert torch.allclose(two_class_logits(z).softmax(1)[:, 1:], z.sigmoid(), atol=1e-7)


def test_masked_dice_equals_a_plain_loop():
    logits, labels = batch()
    labels[:, :3] = 255
    weight = torch.rand(labels.shape, generator=torch.Generator().manual_seed(1)).double()
    got = masked_dice(logits, labels, class_weight=torch.tensor([1.0, 2.0, 0.5]), pixel_weight=weight, smooth=0.7)
    assert float(got) == pytest.approx(dice_by_loop(logits, labels, [1, 2, 0.5], weight, 0.7), abs=1e-12)


def test_masked_dice_by_hand():
    logits = torch.tensor([[[[0.0, 0.0]], [[0.0, 0.0]]]])  # p = 1/2 everywhere
    labels = torch.tensor([[[0, 1]]])
    # each class: overlap 1/2, squares 2/4, one label pixel -> 1 - (1 + 1) / (0.5 + 1 + 1)
    assert float(masked_dice(logits, labels, class_weight=torch.ones(2))) == pytest.approx(1 - 2 / 2.5, abs=1e-6)


def test_masked_dice_does_not_see_ignored_pixels():
    logits, labels = batch()
    labels[:, :, 6:] = 255
    changed = logits.clone()
    changed[:, :, :, 6:] += 5 * torch.randn_like(changed[:, :, :, 6:])
    cut = masked_dice(logits[:, :, :, :6], labels[:, :, :6], class_weight=torch.ones(3))
    for scores in (logits, changed):
        assert torch.allclose(masked_dice(scores, labels, class_weight=torch.ones(3)), cut, atol=1e-12)


@pytest.mark.parametrize('loss', [masked_dice, masked_cross_entropy])
def test_all_ignored_gives_zero_loss_and_gradient(loss):
    logits, labels = batch()
    logits.requires_grad_()
    value = loss(logits, torch.full_like(labels, 255), class_weight=torch.ones(3, dtype=torch.double))
    value.backward()
    assert value.item() == 0
    assert logits.grad.abs().max() == 0


def test_an_ignored_image_does_not_dilute_the_dice_of_the_other():
    logits, labels = batch()
    labels[1] = 255
    alone = masked_dice(logits[:1], labels[:1], class_weight=torch.ones(3))
    assert torch.allclose(masked_dice(logits, labels, class_weight=torch.ones(3)), alone)


def test_an_empty_class_is_defined_and_driven_down():
    logits = torch.zeros(1, 2, 8, 8, requires_grad=True)
    loss = masked_dice(logits, torch.zeros(1, 8, 8, dtype=torch.long), class_weight=torch.ones(2))
    loss.backward()
    assert 0 < loss.item() < 1
    assert (logits.grad[:, 1] > 0).all()


def test_zero_pixel_weight_is_the_same_as_ignored():
    logits, labels = batch()
    weight = torch.ones(labels.shape).double()
    weight[:, 4:] = 0
    ignored = labels.clone()
    ignored[:, 4:] = 255
    for loss in (masked_dice, masked_cross_entropy):
        a = loss(logits, labels, class_weight=torch.ones(3).double(), pixel_weight=weight)
        b = loss(logits, ignored, class_weight=torch.ones(3).double())
        assert torch.allclose(a, b, atol=1e-12)


@pytest.mark.parametrize('weights', [[1.0, 1.0, 1.0], [0.5, 2.0, 0.0]])
def test_masked_cross_entropy_is_that_of_torch(weights):
    logits, labels = batch()
    labels[0, 2:5] = 255
    weights = torch.tensor(weights).double()
    expected = F.cross_entropy(logits, labels, weight=weights, ignore_index=255)
    assert torch.allclose(masked_cross_entropy(logits, labels, class_weight=weights), expected, atol=1e-12)


def official_ohem(logits, labels, thresh, min_kept):
    """The rule in words of the official code: sort probabilities of the true class, take the larger limit."""
    p = logits.softmax(1).gather(1, labels.clamp(max=logits.shape[1] - 1)[:, None])[:, 0]
    valid = labels != 255
    ascending = p[valid].sort().values
    limit = max(float(ascending[min(min_kept, len(ascending) - 1)]), thresh)
    return valid & (p < limit)


@pytest.mark.parametrize(('thresh', 'min_kept'), [(0.2, 1), (0.2, 100), (0.9, 10), (0.5, 10**9)])
def test_ohem_keeps_what_the_official_rule_keeps(thresh, min_kept):
    logits, labels = batch()
    labels[0, :2] = 255
    got = ohem_keep(logits, labels, thresh=thresh, min_kept=min_kept)
    assert torch.equal(got, official_ohem(logits, labels, thresh, min_kept))


def test_ohem_keeps_min_kept_pixels_where_all_are_easy():
    labels = torch.zeros(1, 10, 10, dtype=torch.long)
    logits = torch.stack([torch.linspace(5, 9, 100).view(10, 10), torch.zeros(10, 10)])[None]
    keep = ohem_keep(logits, labels, thresh=0.5, min_kept=7)
    assert keep.sum() == 7
    assert keep.flatten()[:7].all()  # the least certain ones


def test_ohem_keeps_nothing_of_an_ignored_batch():
    logits, labels = batch()
    assert not ohem_keep(logits, torch.full_like(labels, 255), thresh=0.7, min_kept=5).any()


@pytest.mark.parametrize(('value', 'position'), [(128, (1, 2, 3)), (3, (0, 0, 0)), (-1, (1, 8, 10))])
def test_a_wrong_label_is_named_by_value_and_position(value, position):
    _, labels = batch()
    labels[position] = value
    wrong = wrong_labels(labels, num_classes=3, ignore_index=255)
    assert wrong.nonzero().tolist() == [list(position)]
    with pytest.raises(LabelError, match=rf'label {value} at .* \({", ".join(map(str, position))}\).*0\.\.2 and 255'):
        refuse_labels(labels, wrong, num_classes=3, ignore_index=255)


def test_wrong_labels_takes_classes_and_ignored():
    _, labels = batch()
    labels[0, 0] = 255
    wrong = wrong_labels(labels, num_classes=3, ignore_index=255)
    assert not wrong.any()
    refuse_labels(labels, wrong, num_classes=3, ignore_index=255)
    assert torch.equal(wrong_labels(labels, num_classes=3, ignore_index=254), labels == 255)
