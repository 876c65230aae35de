import mmcv
import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_aux_hrnet.exchange.migration.model import migrate_preprocessor
from mmseg_aux_hrnet.exchange.migration.pipelines import Pipeline
from mmseg_aux_hrnet.exchange.migration.report import Report

NORMALIZE = dict(type='Normalize', mean=[10.0, 20.0, 30.0], std=[2.0, 4.0, 8.0])
PAD = dict(type='Pad', size=(8, 16), pad_val=0, seg_pad_val=254)


def preprocessor(normalize=NORMALIZE, pad=PAD, test_normalize=NORMALIZE, test_pad=None):
    report = Report()
    training, testing = Pipeline([], normalize, pad, []), Pipeline([], test_normalize, test_pad, [])
    return migrate_preprocessor([training], [testing], report=report), report


@pytest.mark.parametrize('to_rgb', [True, False])
def test_an_image_gets_the_values_that_it_got_in_the_pipeline(to_rgb):
    new, report = preprocessor(*[dict(NORMALIZE, to_rgb=to_rgb), PAD, dict(NORMALIZE, to_rgb=to_rgb)])
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    expected = mmcv.imnormalize(image, np.array(NORMALIZE['mean']), np.array(NORMALIZE['std']), to_rgb)
    expected = mmcv.impad(expected, shape=PAD['size'], pad_val=PAD['pad_val'])
    inputs = [torch.from_numpy(image).permute(2, 0, 1)]
    got = MODELS.build(new)({'inputs': inputs, 'data_samples': [SegDataSample()]}, training=True)['inputs'][0]
    assert np.allclose(got.permute(1, 2, 0).numpy(), expected, atol=1e-4)
    assert not report.notes


def test_tests_are_padded_where_they_were():
    assert 'test_cfg' not in preprocessor()[0]
    assert preprocessor(test_pad=dict(type='Pad', size_divisor=32))[0]['test_cfg'] == dict(size_divisor=32)


def test_without_padding_a_batch_is_padded_to_its_largest_image():
    new, _ = preprocessor(pad=None)
    inputs = [torch.zeros(3, 4, 6), torch.zeros(3, 5, 3)]
    data = {'inputs': inputs, 'data_samples': [SegDataSample(), SegDataSample()]}
    assert MODELS.build(new)(data, training=True)['inputs'].shape == (2, 3, 5, 6)


def test_without_normalising_values_stay():
    new, _ = preprocessor(normalize=None, test_normalize=None)
    assert new == dict(type='SegDataPreProcessor', bgr_to_rgb=False, size=(8, 16), pad_val=0, seg_pad_val=254)


def test_pipelines_that_disagree_are_named():
    _, report = preprocessor(test_normalize=dict(NORMALIZE, mean=[0, 0, 0]))
    assert [(note.kind, note.place) for note in report.notes] == [('dropped', 'Normalize')]
    assert preprocessor(pad=dict(PAD, pad_to_square=True))[1].notes[0].place == 'Pad.pad_to_square'
