"""The registered metric: agreement with ConfusionMetric, several processes, and its errors."""

import math

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.registry import METRICS
from mmseg.structures import SegDataSample

from mmseg_aux_hrnet.decision import reaches
from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError
from mmseg_aux_hrnet.evaluation import ConfusionMetric

META = {'classes': ('background', 'green')}


def sample(logits, label, path='img/a.png', **marks):
    data = {'img_path': path, 'seg_logits': {'data': torch.as_tensor(logits, dtype=torch.float32), **marks}}
    return data if label is None else {**data, 'gt_sem_seg': {'data': torch.as_tensor(label)}}


def drawn(count):
    rng = np.random.default_rng(0)
    samples = []
    for index in range(count):
        logits = rng.normal(0, 2, (2, 24, 40))
        label = (logits[1] + rng.normal(0, 2, (24, 40)) > logits[0]).astype(np.uint8)
        label[:, :4] = 255
        samples.append(sample(logits, label[None], path=f'img/{index}.png'))
    return samples


def metric(meta=META, **kwargs):
    built = METRICS.build({'type': 'ThresholdMetric', **kwargs})
    built.dataset_meta = meta
    return built


def swept(samples, **kwargs):
    subject = metric(**kwargs)
    for one in samples:
        subject.process({}, [one])
    subject.evaluate(size=len(samples))
    return subject.sweep


@pytest.mark.parametrize('name', META['classes'])
@pytest.mark.parametrize('threshold', [0.1, 0.5, 0.731])
def test_figures_are_those_of_predictions_by_the_threshold(name, threshold):
    samples = drawn(3)
    at = swept(samples, class_of_interest=name).at(threshold)
    index = META['classes'].index(name)
    table = ConfusionMetric(class_of_interest=name)
    table.dataset_meta = META
    for one in samples:
        reached = reaches(one['seg_logits']['data'].softmax(0)[index], threshold)
        predicted = torch.where(reached, index, 1 - index)
        table.process({}, [{**one, 'pred_sem_seg': {'data': predicted}}])
    figures = table.evaluate(size=3)
    expected = [figures[f'{key}.{name}'] for key in ('Precision', 'Recall', 'IoU', 'F1')]
    assert [at.precision, at.recall, at.iou, at.f1, at.kappa] == [*expected, figures['kappa']]


def test_keys_and_values_by_hand():
    subject = metric()
    logits = np.log([[[0.75, 0.25]], [[0.25, 0.75]]])  # probabilities of green 0.25 and 0.75
    subject.process({}, [sample(logits, [[[0, 1]]])])
    assert subject.evaluate(size=1) == pytest.approx({'AP.green': 1.0, 'ECE.green': 0.25})
    assert subject.sweep.class_name == 'green'


def test_what_is_marked_as_probabilities_gets_no_softmax():
    mean = [[[0.4, 0.1]], [[0.6, 0.9]]]
    sweep = swept([sample(mean, [[[0, 1]]], probabilities=True)])
    assert [bin_.low for bin_ in sweep.reliability if bin_.pixels] == [0.6, 0.9]


def test_heads_of_one_channel_give_probabilities():
    sweep = swept([sample([[[0.6, 0.9]]], [[[0, 1]]])])
    assert [bin_.low for bin_ in sweep.reliability if bin_.pixels] == [0.6, 0.9]


def test_through_the_evaluator_of_mmengine():
    item = SegDataSample(
        gt_sem_seg=PixelData(data=torch.tensor([[[0, 1]]], dtype=torch.uint8)),
        seg_logits=PixelData(metainfo={'probabilities': True}, data=torch.tensor([[[0.9, 0.2]], [[0.1, 0.8]]])),
        metainfo={'img_path': 'img/a.png'},
    )
    evaluator = Evaluator([{'type': 'mmseg.ThresholdMetric'}])
    evaluator.dataset_meta = META
    evaluator.process(data_samples=[item], data_batch={})
    assert evaluator.evaluate(1)['ECE.green'] == pytest.approx((0.1 + 0.2) / 2)
    assert evaluator.metrics[0].sweep.average_precision == 1.0


@pytest.mark.parametrize(
    ('shares', 'size'),
    [
        ([[0, 2, 4], [1, 3]], 5),  # as this package's tools divide them
        ([[0, 2, 4], [1, 3, 0]], 5),  # filled up, as mmengine divides them: image 0 is there twice
        ([[0], [0]], 1),  # fewer images than processes
        ([[0], []], 1),
    ],
)
def test_several_processes_find_what_one_finds(shares, size, monkeypatch):
    samples = drawn(5)
    module = 'mmseg_aux_hrnet.evaluation.threshold_metric'
    parts = []
    for rank, share in enumerate(shares):
        subject = metric()
        monkeypatch.setattr(f'{module}.get_dist_info', lambda rank=rank: (rank, len(shares)))
        monkeypatch.setattr(
            'mmengine.evaluator.metric.collect_results', lambda results, size, device: parts.extend(results) or parts
        )
        for index in share:
            subject.process({}, [samples[index]])
        subject.evaluate(size)
    assert len(parts) == len(shares)
    monkeypatch.undo()
    assert subject.sweep == swept(samples[:size])


def test_nothing_is_kept_for_the_next_validation():
    subject = metric()
    for _ in range(2):
        subject.process({}, [sample([[[0.6, 0.9]]], [[[0, 1]]])])
        subject.evaluate(size=1)
    assert sum(bin_.pixels for bin_ in subject.sweep.reliability) == 2


def test_memory_does_not_grow_with_the_images():
    subject = metric()
    for one in drawn(5):
        subject.process({}, [one])
    assert subject.results == []


@pytest.mark.parametrize(
    ('meta', 'kwargs', 'message'),
    [
        ({'classes': ('a', 'b', 'c')}, {}, r'needs two classes, but the data set has 3 \(a, b, c\)'),
        (META, {'class_of_interest': 'gren'}, "'gren' is not a class"),
        (None, {}, 'must name each class once'),
    ],
)
def test_refuses(meta, kwargs, message):
    with pytest.raises(ConfigError, match=message):
        metric(meta, **kwargs).process({}, [])


@pytest.mark.parametrize(
    ('logits', 'label', 'error', 'message'),
    [
        (np.zeros((2, 1, 2)), None, DataError, 'img/a.png: has no label'),
        (np.zeros((2, 1, 2)), [[[0, 7]]], LabelError, 'img/a.png: label value 7 is not a class'),
        (np.zeros((2, 1, 2)), [[[0, 1, 1]]], DataError, r'img/a.png: probabilities of shape \(1, 2\)'),
        (np.full((2, 1, 2), math.nan), [[[0, 1]]], DataError, 'img/a.png: a probability is not a number'),
        (np.zeros((19, 1, 2)), [[[0, 1]]], ConfigError, 'the model has 19 classes'),
    ],
)
def test_wrong_samples(logits, label, error, message):
    with pytest.raises(error, match=message):
        metric().process({}, [sample(logits, label)])
