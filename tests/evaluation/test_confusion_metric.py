"""The registered metric: keys, values, agreement with mmseg's IoUMetric, and its errors."""

import logging
import math
import pickle

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS
from mmseg.structures import SegDataSample

from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError
from mmseg_aux_hrnet.evaluation import ConfusionMetric

META = {'classes': ('background', 'green')}


def sample(prediction, label, path='img/a.png', **extra):
    data = {'img_path': path, 'pred_sem_seg': {'data': torch.as_tensor(prediction)}, **extra}
    return data if label is None else {**data, 'gt_sem_seg': {'data': torch.as_tensor(label)}}


def random_samples(count, *, num_classes, seed=0):
    rng = np.random.default_rng(seed)
    samples = []
    for index in range(count):
        label = rng.integers(0, num_classes, (1, 24, 40))
        prediction = np.where(rng.random(label.shape) < 0.7, label, rng.integers(0, num_classes, label.shape))
        label[rng.random(label.shape) < 0.1] = 255
        samples.append(sample(prediction, label.astype(np.uint8), path=f'img/{index}.png'))
    return samples


def metric(meta=META, **kwargs):
    built = METRICS.build({'type': 'ConfusionMetric', **kwargs})
    built.dataset_meta = meta
    return built


@pytest.fixture
def log():
    """Messages of mmengine's logger, as (level, text)."""
    records = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append((record.levelname, record.getMessage()))
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield records
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_keys_and_values_by_hand():
    subject = metric()
    subject.process({}, [sample([[[0, 0], [1, 1]]], [[[0, 1], [1, 255]]])])
    subject.process({}, [sample([[0, 0], [0, 1]], [[0, 0], [0, 1]])])
    result = subject.evaluate(size=2)
    # counts [[4, 0], [1, 2]] of 7 pixels
    assert list(result)[:8] == ['OA', 'mIoU', 'mAcc', 'mDice', 'FWIoU', 'kappa', 'MCC', 'balanced accuracy']
    assert list(result)[12:] == ['IoU.green', 'Precision.green', 'Recall.green', 'F1.green']
    assert result['OA'] == pytest.approx(600 / 7)
    assert result['kappa'] == pytest.approx((6 * 7 - 26) / (49 - 26))
    assert [result[f'{key}.background'] for key in ('IoU', 'Precision', 'Recall', 'F1')] == pytest.approx(
        [80.0, 80.0, 100.0, 800 / 9]
    )
    assert [result[f'{key}.green'] for key in ('IoU', 'Precision', 'Recall', 'F1')] == pytest.approx(
        [200 / 3, 100.0, 200 / 3, 80.0]
    )
    assert {type(value) for value in result.values()} == {float}


@pytest.mark.parametrize('num_classes', [2, 6])
@pytest.mark.parametrize('seed', range(2))
def test_equals_mmseg_iou_metric(num_classes, seed):
    meta = {'classes': tuple(f'c{index}' for index in range(num_classes))}
    samples = random_samples(4, num_classes=num_classes, seed=seed)
    theirs = IoUMetric(iou_metrics=['mIoU', 'mDice'], prefix='x')
    theirs.dataset_meta = meta
    theirs.process({}, samples)
    expected = theirs.evaluate(size=4)
    ours = metric(meta)
    ours.process({}, samples)
    result = ours.evaluate(size=4)
    for our_key, their_key in {'OA': 'aAcc', 'mIoU': 'mIoU', 'mAcc': 'mAcc', 'mDice': 'mDice'}.items():
        assert result[our_key] == pytest.approx(float(expected[f'x/{their_key}']), abs=0.0051)


def test_through_the_evaluator_of_mmengine():
    item = SegDataSample(
        pred_sem_seg=PixelData(data=torch.tensor([[[0, 1]]])),
        gt_sem_seg=PixelData(data=torch.tensor([[[0, 0]]], dtype=torch.uint8)),
        seg_logits=PixelData(data=torch.zeros(2, 1, 2)),
        metainfo={'img_path': 'img/a.png'},
    )
    evaluator = Evaluator({'type': 'mmseg.ConfusionMetric'})
    evaluator.dataset_meta = META
    evaluator.process(data_samples=[item], data_batch={})
    assert evaluator.evaluate(1)['OA'] == 50.0


def test_float_predictions_of_one_channel_heads():
    subject = metric()
    subject.process({}, [sample([[[0.0, 1.0, 1.0]]], [[[0, 1, 0]]], seg_logits={'data': torch.zeros(1, 1, 3)})])
    assert subject.evaluate(size=1)['Precision.green'] == 50.0


def test_results_travel_between_processes_and_padding_is_dropped():
    samples = random_samples(4, num_classes=2)
    whole, padded = metric(), metric()
    whole.process({}, samples[:3])
    padded.process({}, samples)
    padded.results = pickle.loads(pickle.dumps(padded.results))
    assert padded.evaluate(size=3) == whole.evaluate(size=3)


def test_nothing_is_kept_for_the_next_validation():
    subject = metric()
    subject.process({}, [sample([[0, 0]], [[0, 1]])])
    subject.evaluate(size=1)
    subject.process({}, [sample([[0, 1]], [[0, 1]])])
    assert subject.evaluate(size=1)['OA'] == 100.0


def test_prefix():
    subject = metric(prefix='val')
    subject.process({}, [sample([[0, 1]], [[0, 1]])])
    assert subject.evaluate(size=1)['val/IoU.green'] == 100.0


@pytest.mark.parametrize(
    ('meta', 'kwargs', 'marked'),
    [
        (META, {}, 'green'),
        (META, {'class_of_interest': 'background'}, 'background'),
        ({**META, 'class_of_interest': 'background'}, {}, 'background'),
        ({**META, 'class_of_interest': 'background'}, {'class_of_interest': 'green'}, 'green'),
        ({'classes': ('background', 'green', 'roof')}, {}, None),
    ],
)
def test_class_of_interest_in_the_logged_table(log, meta, kwargs, marked):
    subject = metric(meta, **kwargs)
    subject.process({}, [sample([[0, 1]], [[0, 1]])])
    subject.evaluate(size=1)
    table = log[-1][1]
    assert table.startswith('2 pixels of 1 image')
    assert [line.split()[1] for line in table.splitlines() if ' * ' in line] == ([marked] if marked else [])


def test_absent_class_of_interest_warns(log):
    subject = metric()
    subject.process({}, [sample([[0, 0]], [[0, 0]])])
    result = subject.evaluate(size=1)
    assert math.isnan(result['IoU.green'])
    assert (result['mIoU'], result['OA']) == (100.0, 100.0)
    warnings = [text for level, text in log if level == 'WARNING']
    assert len(warnings) == 1
    assert 'green has no reference pixel' in warnings[0]
    assert 'green * (absent)' in log[-2][1]


def test_construction_logs_nothing(log):
    ConfusionMetric()
    assert log == []


def test_unknown_class_of_interest():
    with pytest.raises(ConfigError, match=r"'gren' is not a class.*background, green"):
        metric(class_of_interest='gren').process({}, [])


@pytest.mark.parametrize('meta', [None, {}, {'classes': None}, {'classes': ('a', 'a')}])
def test_data_set_without_usable_classes(meta):
    with pytest.raises(ConfigError, match='must name each class once'):
        metric(meta).process({}, [])


def test_label_outside_the_classes_names_the_file():
    bad = sample([[0, 0]], [[0, 128]], seg_map_path='ann/b.png')
    with pytest.raises(LabelError, match=r'^ann/b.png: label value 128 at \(row, column\) \(0, 1\)'):
        metric().process({}, [bad])


def test_label_of_another_size_names_the_file():
    with pytest.raises(DataError, match=r'^img/a.png: prediction of shape \(1, 2\) but label of shape \(1, 3\)'):
        metric().process({}, [sample([[0, 0]], [[0, 0, 0]])])


def test_image_without_label():
    with pytest.raises(DataError, match=r'^img/a.png: has no label'):
        metric().process({}, [sample([[0, 0]], None)])


def test_model_of_another_class_number():
    logits = {'data': torch.zeros(19, 1, 2)}
    with pytest.raises(ConfigError, match=r'model predicts 19 classes, but the data set has 2 \(background, green\)'):
        metric().process({}, [sample([[0, 0]], [[0, 0]], seg_logits=logits)])


def test_no_valid_pixel():
    subject = metric()
    subject.process({}, [sample([[0, 0]], [[255, 255]])])
    with pytest.raises(DataError, match=r'no valid pixel in 1 image \(first: img/a.png\)'):
        subject.evaluate(size=1)
