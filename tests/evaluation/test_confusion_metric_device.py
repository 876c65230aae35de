"""Counting on a device: the same counts as on the host, without reading anything before the end."""

import numpy as np
import pytest
import torch
from no_waiting import Reads

from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError
from mmseg_aux_hrnet.evaluation import ConfusionMetric
from mmseg_aux_hrnet.evaluation.confusion import confusion_counts
from mmseg_aux_hrnet.evaluation.image_result import tally


def maps(num_classes, *, dtype=torch.int64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    prediction = torch.randint(num_classes, (31, 47), generator=generator)
    label = torch.randint(num_classes, (31, 47), generator=generator)
    label[torch.rand(label.shape, generator=generator) < 0.1] = 255
    return prediction.to(dtype), label.to(torch.uint8)


def samples(count, num_classes=2):
    return [
        {
            'img_path': f'{index}.png',
            'seg_map_path': f'label_{index}.png',
            'pred_sem_seg': {'data': maps(num_classes, seed=index)[0][None]},
            'gt_sem_seg': {'data': maps(num_classes, seed=index)[1][None]},
        }
        for index in range(count)
    ]


def metric(monkeypatch, *, on_device=True, **settings):
    monkeypatch.setattr('mmseg_aux_hrnet.evaluation.confusion_metric.HOST', 'none' if on_device else 'cpu')
    built = ConfusionMetric(**settings)
    built.dataset_meta = {'classes': ('background', 'green')}
    return built


@pytest.mark.parametrize('dtype', [torch.int64, torch.uint8, torch.float32], ids=str)
@pytest.mark.parametrize('num_classes', [1, 2, 3, 4, 19, 255])
def test_counts_are_those_of_the_host(num_classes, dtype):
    prediction, label = maps(num_classes, dtype=dtype)
    expected = confusion_counts(prediction.byte().numpy(), label.numpy(), num_classes=num_classes)
    got = tally(prediction, label, num_classes=num_classes, ignore_index=255)
    np.testing.assert_array_equal(got[:-1].view(num_classes, num_classes), expected)
    assert got[-1] == 0


@pytest.mark.parametrize(
    ('prediction', 'label', 'stray'),
    [
        (2, 0, 1),
        (-1, 0, 1),
        (255, 0, 1),
        (0.5, 0, 1),
        (float('nan'), 0, 1),
        (0, 2, 1),
        (0, 254, 1),
        (255, 255, 0),
        (1, 255, 0),
        (7, 255, 1),
    ],
)
@pytest.mark.parametrize('num_classes', [2, 4])
def test_values_of_no_class_are_told_apart(num_classes, prediction, label, stray):
    if num_classes == 4:
        prediction, label = (5 if value == 2 else value for value in (prediction, label))
    predicted, reference = torch.zeros(4, 5), torch.zeros(4, 5)
    predicted[1, 2], reference[1, 2] = prediction, label
    got = tally(predicted, reference, num_classes=num_classes, ignore_index=255)
    assert got[-1] == stray
    assert got[:-1].sum() == 20 - 1


@pytest.mark.parametrize('num_classes', [2, 19])
def test_nothing_is_read_while_counting(num_classes):
    prediction, label = maps(num_classes)
    with Reads() as reads:
        tally(prediction, label, num_classes=num_classes, ignore_index=255)
    assert not reads.names


def test_the_metric_gives_the_same_either_way_and_reads_at_the_end(monkeypatch):
    given, rates = samples(3), {}
    for on_device in (False, True):
        built = metric(monkeypatch, on_device=on_device)
        with Reads() as reads:
            built.process(None, given)
        assert not (on_device and reads.names)
        rates[on_device] = built.evaluate(3)
        assert [image.source for image in built.images] == ['label_0.png', 'label_1.png', 'label_2.png']
    assert rates[True] == rates[False]


def test_contours_are_counted_on_the_host(monkeypatch):
    built = metric(monkeypatch, boundary_tolerance=2)
    built.process(None, samples(1))
    built.evaluate(1)
    assert built.images[0].boundary is not None


def test_an_image_with_values_of_no_class_is_named(monkeypatch):
    given = samples(2)
    given[1]['gt_sem_seg']['data'][0, 3, 4] = 7
    built = metric(monkeypatch)
    built.process(None, given)
    with pytest.raises(LabelError, match=r'label_1\.png: 1 pixel .* of no class: classes are 0\.\.1'):
        built.evaluate(2)


def test_maps_of_other_sizes_are_named_at_once(monkeypatch):
    [given] = samples(1)
    given['gt_sem_seg']['data'] = given['gt_sem_seg']['data'][:, 1:]
    with pytest.raises(DataError, match=r'label_0\.png: prediction of shape \(31, 47\) but label of shape \(30, 47\)'):
        metric(monkeypatch).process(None, [given])


@pytest.mark.parametrize(('num_classes', 'ignore_index'), [(256, 255), (0, 255), (3, 2)])
def test_classes_that_cannot_be_counted_are_refused_as_on_the_host(num_classes, ignore_index):
    prediction, label = maps(2)
    for count in (tally, lambda *given, **rule: confusion_counts(*(each.numpy() for each in given), **rule)):
        with pytest.raises(ConfigError, match='cannot be counted'):
            count(prediction, label, num_classes=num_classes, ignore_index=ignore_index)
