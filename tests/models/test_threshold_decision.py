"""Predictions by a threshold, through every way by which a segmentor is asked for them."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.models import SegTTAModel
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from tool_support import REPO
from torch import nn

from mmseg_aux_hrnet.decision import Threshold, two_class_probability
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.models import ProbabilityTTAModel, decide_by_threshold, head_threshold, use_threshold

pytestmark = pytest.mark.stack
PLAIN = Config.fromfile(REPO / 'configs/hrnet/fcn_hr18s-v1_256x512_80k_singlegreen.py').model
DISTILLED = Config.fromfile(REPO / 'configs/hrnet/fcn_hr18s-v1_256x512_80k_singlegreen-distill-hr48.py').model
CLASSES = ('background', 'green')


def segmentor(config=PLAIN, decided_by=None, **head):
    """Return a network of random weights whose probabilities spread around one half."""
    torch.manual_seed(0)
    config = copy.deepcopy(config)
    config.decode_head.update(head)
    model = MODELS.build(config).eval()
    nn.init.normal_(model.decode_head.conv_seg.weight, std=10)
    with torch.no_grad():
        logits = model.test_step(image())[0].seg_logits.data
        centre = logits.logit().mean() if len(logits) == 1 else (logits[1] - logits[0]).mean()
        model.decode_head.conv_seg.bias[-1] -= centre
    if decided_by is not None:
        decide_by_threshold(model, decided_by, classes=CLASSES)
    return model


def image(seed=0):
    generator = torch.Generator().manual_seed(seed)
    meta = {'img_shape': (64, 64), 'ori_shape': (64, 64)}
    return {
        'inputs': [torch.randint(0, 256, (3, 64, 64), generator=generator, dtype=torch.uint8)],
        'data_samples': [SegDataSample(metainfo=meta)],
    }


def asked(model, way, data):
    with torch.no_grad():
        if way == 'test_step':
            return model.test_step(data)[0]
        processed = model.data_preprocessor(data, False)
        return model(processed['inputs'], processed['data_samples'], mode='predict')[0]


@pytest.mark.parametrize('config', [PLAIN, DISTILLED], ids=['EncoderDecoder', 'DistilledEncoderDecoder'])
@pytest.mark.parametrize('way', ['test_step', 'predict'])
@pytest.mark.parametrize(('name', 'value'), [('green', 0.3), ('green', 0.7), ('background', 0.3)])
def test_every_pixel_is_decided_by_its_probability(config, way, name, value):
    sample = asked(segmentor(config, decided_by=Threshold(name, value)), way, image())
    index = CLASSES.index(name)
    reached = sample.seg_logits.data.softmax(0)[index] >= value
    assert 0 < reached.float().mean() < 1
    assert torch.equal(sample.pred_sem_seg.data[0] == index, reached)
    assert (sample.pred_sem_seg.data.dtype, sample.pred_sem_seg.data.shape) == (torch.int64, (1, 64, 64))


@pytest.mark.parametrize('name', CLASSES)
def test_one_half_is_argmax(name):
    plain, halved = (asked(segmentor(decided_by=t), 'test_step', image()) for t in (None, Threshold(name, 0.5)))
    assert torch.equal(plain.seg_logits.data, halved.seg_logits.data)
    assert torch.equal(plain.pred_sem_seg.data, halved.pred_sem_seg.data)


def test_a_tie_goes_to_the_class_with_the_threshold():
    model = segmentor(decided_by=Threshold('green', 0.5))
    nn.init.zeros_(model.decode_head.conv_seg.weight)
    nn.init.zeros_(model.decode_head.conv_seg.bias)
    assert asked(model, 'test_step', image()).pred_sem_seg.data.unique().tolist() == [1]
    decide_by_threshold(model, Threshold('background', 0.5), classes=CLASSES)  # the last one counts
    assert asked(model, 'test_step', image()).pred_sem_seg.data.unique().tolist() == [0]


@pytest.mark.parametrize(('name', 'value'), [('green', 0.6), ('background', 0.6)])
def test_heads_of_one_channel(name, value):
    head = dict(out_channels=1, threshold=0.3, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    sample = asked(segmentor(decided_by=Threshold(name, value), **head), 'test_step', image())
    foreground = sample.seg_logits.data[0]
    expected = foreground >= value if name == 'green' else ~(1 - foreground >= value)
    assert 0 < expected.float().mean() < 1
    assert torch.equal(sample.pred_sem_seg.data[0] == 1, expected)


@pytest.mark.parametrize(('channels', 'held', 'expected'), [(2, None, None), (1, 0.3, 0.3), (1, None, 0.5)])
def test_a_head_of_one_channel_has_a_threshold_of_its_own(channels, held, expected):
    model = ProbabilityTTAModel(module=segmentor(out_channels=channels, threshold=0.4))
    model.module.decode_head.threshold = held
    found = head_threshold(model, classes=CLASSES)
    assert found == (None if expected is None else Threshold('green', expected))
    assert head_threshold(model, classes=('background', 'tree', 'lawn')) is None


def test_averaged_predictions_are_decided_by_their_mean_probability():
    model = ProbabilityTTAModel(segmentor())
    decide_by_threshold(model, Threshold('green', 0.6), classes=CLASSES)
    views = [image(0), image(1)]
    data = {key: [view[key] for view in views] for key in views[0]}
    with torch.no_grad():
        [merged] = model.test_step(data)
        single = [asked(model.module, 'test_step', image(seed)) for seed in (0, 1)]
    mean = sum(sample.seg_logits.data.softmax(0) for sample in single) / 2
    assert torch.equal(two_class_probability(merged.seg_logits, class_index=1), mean[1])
    assert torch.equal(merged.pred_sem_seg.data[0] == 1, mean[1] >= 0.6)


def test_losses_and_tensors_are_left_alone():
    model = segmentor(decided_by=Threshold('green', 0.9))
    batch = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(model(batch), segmentor()(batch))
    labels = SegDataSample(gt_sem_seg=PixelData(data=torch.zeros(1, 64, 64, dtype=torch.long)))
    assert model(batch, [labels], mode='loss')['decode.loss_ce'] > 0


def test_a_copy_decides_alike():
    model = copy.deepcopy(segmentor(decided_by=Threshold('green', 0.9)))
    sample = asked(model, 'test_step', image())
    assert torch.equal(sample.pred_sem_seg.data[0] == 1, sample.seg_logits.data.softmax(0)[1] >= 0.9)


@pytest.mark.parametrize(
    ('classes', 'name', 'message'),
    [
        (CLASSES, 'gren', "threshold of class 'gren', but the classes are background, green"),
        (('a', 'b', 'c'), 'a', 'a threshold needs two classes, but here are 3'),
        (('a',), 'a', 'a threshold needs two classes, but here are 1'),
    ],
)
def test_refuses(classes, name, message):
    with pytest.raises(ConfigError, match=message):
        decide_by_threshold(segmentor(), Threshold(name, 0.4), classes=classes)


def test_refuses_a_model_of_more_classes():
    with pytest.raises(ConfigError, match='here are 19'):
        model = segmentor(num_classes=19, out_channels=19)
        decide_by_threshold(model, Threshold('green', 0.4), classes=CLASSES)


def test_refuses_what_averages_in_another_way():
    with pytest.raises(ConfigError, match='SegTTAModel keeps no mean probabilities'):
        decide_by_threshold(SegTTAModel(segmentor()), Threshold('green', 0.4), classes=CLASSES)


STORED = {'threshold': {'class': 'background', 'value': 0.7}}


@pytest.mark.parametrize(
    ('option', 'meta', 'expected'),
    [
        (None, {}, None),
        (None, STORED, Threshold('background', 0.7)),
        ('argmax', STORED, None),
        ('0.25', STORED, Threshold('green', 0.25)),
        ('0.25', {}, Threshold('green', 0.25)),
    ],
)
def test_the_option_counts_before_the_checkpoint(option, meta, expected):
    model = segmentor()
    used = use_threshold(model, option, classes=CLASSES, of_interest='green', meta=meta, source='a.pth')
    assert used == expected
    sample = asked(model, 'test_step', image())
    index, value = (1, 0.5) if expected is None else (CLASSES.index(expected[0]), expected[1])
    assert torch.equal(sample.pred_sem_seg.data[0] == index, sample.seg_logits.data.softmax(0)[index] >= value)


def test_a_stored_threshold_of_no_class_is_refused():
    meta = {'threshold': {'class': 'roof', 'value': 0.7}}
    with pytest.raises(ConfigError, match="threshold of class 'roof'"):
        use_threshold(segmentor(), None, classes=CLASSES, of_interest='green', meta=meta, source='a.pth')


@pytest.mark.parametrize('held', [0.4, {'class': 'green'}, {'class': 'green', 'value': 1.0}, {'value': 0.4}])
def test_a_checkpoint_with_something_else_is_refused(held):
    with pytest.raises(CheckpointError, match=r'^a.pth: its threshold'):
        use_threshold(segmentor(), None, classes=CLASSES, meta={'threshold': held}, source='a.pth')
