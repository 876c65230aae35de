"""Edits of a config for testing."""

import pytest
from mmengine.config import Config

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.evaluation import ConfusionMetric
from mmseg_aux_hrnet.run import testing_config


@pytest.mark.parametrize(
    ('has_labels', 'out', 'types'),
    [
        (True, None, ['ConfusionMetric']),
        (True, 'x', ['ConfusionMetric', 'PredictionWriter']),
        (False, 'x', ['PredictionWriter']),
    ],
)
def test_evaluators(has_labels, out, types):
    config = Config(dict(test_evaluator=dict(type='ConfusionMetric')))
    testing_config.set_evaluators(config, has_labels=has_labels, out=out)
    assert [evaluator.type for evaluator in config.test_evaluator] == types


@pytest.mark.parametrize('name', ['ConfusionMetric', 'mmseg.ConfusionMetric', ConfusionMetric])
def test_the_metric_of_the_config_counts_for_the_report(name):
    config = Config(dict(test_evaluator=[dict(type='PredictionWriter'), dict(type=name)]))
    testing_config.count_for_report(config, tolerance=2.0)
    assert [evaluator.type for evaluator in config.test_evaluator] == ['PredictionWriter', name, 'TileKeeper']
    assert config.test_evaluator[1].boundary_tolerance == 2.0


def test_another_metric_gets_one_beside_it_that_counts_for_the_report():
    config = Config(dict(test_evaluator=[dict(type='IoUMetric')]))
    testing_config.count_for_report(config, tolerance=2.0)
    ours = {'type': 'ConfusionMetric', 'boundary_tolerance': 2.0, 'prefix': 'report'}
    assert config.test_evaluator == [{'type': 'IoUMetric'}, {'type': 'TileKeeper'}, ours]


class Listed(list):
    """A data set of images by path."""

    def get_data_info(self, index):
        return {'img_path': self[index]}


def test_files_of_all_images_are_checked_before_the_work(tmp_path):
    testing_config.check_file_names(Listed(['a/t.png', 'a/u.png', 'a/t.png']), tmp_path)
    with pytest.raises(DataError, match=r'a/t.png and b/t.tif would both be written to t.png'):
        testing_config.check_file_names(Listed(['a/t.png', 'a/u.png', 'b/t.tif']), tmp_path)
    image = tmp_path / 'v.png'
    image.touch()
    with pytest.raises(DataError, match='is an input and would be overwritten'):
        testing_config.check_file_names(Listed([str(image)]), tmp_path)


def test_scales():
    assert testing_config.parse_scales('0.5,0.75,1.0') == (0.5, 0.75, 1.0)


@pytest.mark.parametrize('text', ['0', '1,-1', 'a', '', '1,,2', 'inf', 'nan', '0.001', '99'])
def test_wrong_scales_raise(text):
    with pytest.raises(ConfigError, match='--scales'):
        testing_config.parse_scales(text)


@pytest.mark.parametrize(
    ('resize', 'expected'),
    [
        ([dict(type='Resize', scale=(100, 50), keep_ratio=True)], [dict(scale=(50, 25)), dict(scale=(100, 50))]),
        ([dict(type='Resize', scale=64, keep_ratio=True)], [dict(scale=(32, 32)), dict(scale=(64, 64))]),
        (
            [dict(type='Resize', scale_factor=2.0, keep_ratio=True)],
            [dict(scale_factor=(1.0, 1.0)), dict(scale_factor=(2.0, 2.0))],
        ),
        ([], [dict(scale_factor=0.5), dict(scale_factor=1.0)]),
    ],
)
def test_test_time_augmentation(resize, expected):
    steps = [dict(type='LoadImageFromFile'), *resize, dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
    parts = dict(type='ConcatDataset', datasets=[dict(pipeline=steps), dict(pipeline=steps)])
    config = Config(dict(model=dict(type='M'), test_dataloader=dict(dataset=parts)))
    testing_config.set_test_time_augmentation(config, scales=(0.5, 1.0), flip=True)
    for dataset in config.test_dataloader.dataset.datasets:
        loader, augment = dataset.pipeline
        scaled, flips, *rest = augment.transforms
        assert scaled == [{'type': 'Resize', 'keep_ratio': True, **settings} for settings in expected]
        assert [flip.prob for flip in flips] == [0.0, 1.0]
        assert [loader.type, *(step[0].type for step in rest)] == [s['type'] for s in steps if s['type'] != 'Resize']
    assert (config.model.type, config.model.module.type) == ('ProbabilityTTAModel', 'M')
