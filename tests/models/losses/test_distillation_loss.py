from math import log

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS

from mmseg_aux_hrnet.models.losses.distillation_loss import HeadOutputs

TERMS = (
    dict(type='PixelwiseDistillationLoss'),
    dict(type='PairwiseDistillationLoss', node_size=4),
    dict(type='ChannelwiseDistillationLoss', temperature=2.0),
)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def logits_of(*probabilities):
    """Logits (1, 2, 1, W) of which the probability of class 0 is as given."""
    p = torch.tensor(probabilities)
    return torch.stack([p.log(), (1 - p).log()]).view(1, 2, 1, -1)


def outputs(seed, *, channels=5, dtype=torch.float32):
    return HeadOutputs(randn(2, channels, 4, 6, seed=seed).to(dtype), randn(2, 3, 16, 24, seed=seed + 1).to(dtype))


def distance(student, teacher, labels=None, **settings):
    """Return what a term makes of maps that are both features and logits."""
    both = [HeadOutputs(each, each) for each in (student, teacher)]
    return MODELS.build(settings)(*both, labels, ignore_index=255)


def pixelwise(student, teacher, labels):
    return distance(student, teacher, labels, type='PixelwiseDistillationLoss')


def pairwise(student, teacher, grid):
    labels = torch.zeros(len(student), *grid, dtype=torch.long)
    return distance(student, teacher, labels, type='PairwiseDistillationLoss', node_size=1)


def test_pixelwise_divergence_by_hand():
    got = pixelwise(logits_of(0.5, 0.2), logits_of(0.8, 0.2), torch.tensor([[[0, 1]]]))  # the second pixel agrees
    assert got.item() == pytest.approx((0.8 * log(0.8 / 0.5) + 0.2 * log(0.2 / 0.5)) / 2, abs=1e-6)


def test_pixelwise_divergence_leaves_ignored_pixels_out():
    labels = torch.tensor([[[0, 255, 1]]])
    student = logits_of(0.5, 0.9, 0.2).requires_grad_()
    loss = pixelwise(student, logits_of(0.8, 0.1, 0.3), labels)
    loss.backward()
    kept = pixelwise(logits_of(0.5, 0.2), logits_of(0.8, 0.3), torch.tensor([[[0, 1]]]))
    assert loss.item() == pytest.approx(kept.item(), abs=1e-7)
    # the gradient of a divergence is (student - teacher) / pixels
    expected = torch.tensor([[0.5 - 0.8, 0, 0.2 - 0.3], [0.8 - 0.5, 0, 0.3 - 0.2]]) / 2
    assert torch.allclose(student.grad.view(2, 3), expected, atol=1e-6)


def test_pixelwise_divergence_is_zero_where_every_pixel_is_ignored():
    student = randn(1, 2, 3, 4).requires_grad_()
    loss = pixelwise(student, randn(1, 2, 3, 4, seed=1), torch.full((1, 3, 4), 255))
    loss.backward()
    assert (loss.item(), student.grad.abs().max().item()) == (0, 0)


def test_pairwise_difference_by_hand():
    student = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).T.reshape(1, 2, 1, 2)  # nodes (1, 0) and (0, 2): cosine 0
    teacher = torch.tensor([[3.0, 0.0, 0.0], [1.0, 1.0, 0.0]]).T.reshape(1, 3, 1, 2)  # cosine 1 / sqrt 2
    got = pairwise(student, teacher, grid=(1, 2))
    assert got.item() == pytest.approx(2 * 0.5 / 4, abs=1e-6)  # two of four pairs, each 1/2


def test_pairwise_difference_equals_a_plain_loop_over_pooled_nodes():
    student, teacher = randn(2, 3, 4, 6), randn(2, 5, 2, 3, seed=1)  # the teacher's map may be coarser
    nodes = [student.numpy().reshape(2, 3, 2, 2, 3, 2).mean((3, 5)).reshape(2, 3, 6), teacher.numpy().reshape(2, 5, 6)]
    errors = []
    for image in range(2):
        for i, j in np.ndindex(6, 6):
            s, t = ((n[image, :, i], n[image, :, j]) for n in nodes)
            cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in (s, t)]
            errors.append((cosines[0] - cosines[1]) ** 2)
    assert pairwise(student, teacher, grid=(2, 3)).item() == pytest.approx(np.mean(errors), rel=1e-5)


def test_channelwise_divergence_by_hand():
    student, teacher = torch.zeros(1, 1, 1, 2), 3 * torch.tensor([0.8, 0.2]).log().view(1, 1, 1, 2)
    got = distance(student, teacher, torch.zeros(1, 1, 2), type='ChannelwiseDistillationLoss', temperature=3.0)
    assert got.item() == pytest.approx(9 * (0.8 * log(0.8 / 0.5) + 0.2 * log(0.2 / 0.5)), abs=1e-5)


@pytest.mark.parametrize('settings', TERMS, ids=lambda settings: settings['type'])
def test_terms_are_zero_for_equals_and_positive_otherwise(settings):
    term, labels = MODELS.build(settings), torch.zeros(2, 16, 24, dtype=torch.long)
    assert term(outputs(0), outputs(0), labels, ignore_index=255).item() == 0
    half = MODELS.build(dict(settings, loss_weight=0.5))
    apart = term(outputs(0), outputs(7), labels, ignore_index=255).item()
    assert apart > 0.01
    assert half(outputs(0), outputs(7), labels, ignore_index=255).item() == pytest.approx(apart / 2)
    assert 'loss' in term.loss_name


@pytest.mark.parametrize('settings', TERMS, ids=lambda settings: settings['type'])
def test_terms_pull_the_student_towards_the_teacher(settings):
    term, labels, teacher = MODELS.build(settings), torch.zeros(2, 16, 24, dtype=torch.long), outputs(7)
    own = HeadOutputs(*(x.requires_grad_() for x in outputs(0)))
    optimizer = torch.optim.Adam(own, lr=0.1)
    history = []
    for _ in range(100):
        history.append(term(own, teacher, labels, ignore_index=255))
        optimizer.zero_grad()
        history[-1].backward()
        optimizer.step()
    assert history[-1].item() < 0.05 * history[0].item()


@pytest.mark.parametrize('settings', TERMS, ids=lambda settings: settings['type'])
def test_terms_are_in_full_precision_under_autocast(settings):
    term, labels = MODELS.build(settings), torch.zeros(2, 16, 24, dtype=torch.long)
    half = [outputs(seed, dtype=torch.bfloat16) for seed in (0, 7)]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        got = term(*half, labels, ignore_index=255)
    assert got.dtype == torch.float32
    wide = [HeadOutputs(*(values.float() for values in each)) for each in half]
    assert got.item() == pytest.approx(term(*wide, labels, ignore_index=255).item(), rel=1e-6)


@pytest.mark.parametrize(('labels', 'grid'), [((64, 96), (2, 3)), ((65, 33), (3, 2))])
def test_nodes_of_the_pairwise_term_have_their_size_in_image_pixels(labels, grid):
    term = MODELS.build(dict(type='PairwiseDistillationLoss', node_size=32))
    got = term(outputs(0), outputs(7), torch.zeros(2, *labels, dtype=torch.long), ignore_index=255)
    assert got.item() == pairwise(outputs(0).features, outputs(7).features, grid=grid).item()
