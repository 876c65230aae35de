import pytest

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.data import Data
from mmseg_aux_hrnet.exchange.migration.report import Report, Section
from mmseg_aux_hrnet.exchange.migration.schedule import Length

NORMALIZE = dict(type='Normalize', mean=[1, 2, 3], std=[1, 1, 1])
STEPS = [dict(type='LoadImageFromFile'), NORMALIZE, dict(type='Collect')]
SET = dict(type='CustomDataset', classes=('a', 'b'), img_dir='i', ann_dir='l', pipeline=STEPS)
ITERATIONS, EPOCHS = Length(False, 10), Length(True, 3)


def data(length=ITERATIONS, **settings):
    report = Report()
    old = {'samples_per_gpu': 4, 'workers_per_gpu': 3, 'train': SET, 'val': SET, 'test': SET, **settings}
    return Data(Section(old, place='data', report=report), length=length), report


def loaders(got):
    return [got.variables[f'{name}_dataloader'] for name in ('train', 'val', 'test')]


def test_batches_and_workers():
    got, report = data()
    assert [loader['batch_size'] for loader in loaders(got)] == [4, 1, 1]
    assert [loader['num_workers'] for loader in loaders(got)] == [3, 3, 3]
    assert got.batch_size == 4
    assert not report.notes


def test_loaders_of_their_own():
    train = dict(samples_per_gpu=6, shuffle=True, persistent_workers=False, odd=1)
    got, report = data(train_dataloader=train, val_dataloader=dict(samples_per_gpu=2), pin_memory=True)
    assert [loader['batch_size'] for loader in loaders(got)] == [6, 2, 1]
    assert [loader['persistent_workers'] for loader in loaders(got)] == [False, True, True]
    assert [loader['pin_memory'] for loader in loaders(got)] == [True, True, True]
    assert [note.place for note in report.notes] == ['data.train_dataloader.shuffle', 'data.train_dataloader.odd']


@pytest.mark.parametrize(('length', 'name', 'drops'), [(ITERATIONS, 'ExactInfinite', None), (EPOCHS, 'Exact', True)])
def test_samplers(length, name, drops):
    train, val, _ = loaders(data(length=length)[0])
    assert train['sampler'] == dict(type=f'{name}Sampler', shuffle=True)
    assert train.get('drop_last') is drops
    assert val['sampler'] == dict(type='DefaultSampler', shuffle=False)


def test_a_missing_part_is_stood_in_for():
    for name, other in (('val', 'test'), ('test', 'val')):
        got, report = data(**{name: None})
        assert got.variables[f'{name}_dataloader'] == got.variables[f'{other}_dataloader']
        assert [note.place for note in report.notes] == [f'data.{name}']
    for settings in (dict(train=None), dict(val=None, test=None)):
        with pytest.raises(ConfigError, match='give train, and val or test'):
            data(**settings)


def test_figures_leave_out_what_the_data_set_ignores():
    got, _ = data(val=dict(SET, ignore_index=7))
    assert got.variables['val_evaluator'] == dict(type='ConfusionMetric', ignore_index=7)
    assert got.variables['test_evaluator'] == dict(type='ConfusionMetric')
    nested = dict(type='RepeatDataset', times=2, dataset=[dict(SET, ignore_index=9), SET])
    assert data(test=nested)[0].variables['test_evaluator']['ignore_index'] == 9


def test_tests_of_a_plain_data_set_ignore_the_first_class_where_training_does():
    reducing = [dict(type='LoadAnnotations', reduce_zero_label=True), *STEPS]
    nested = dict(type='RepeatDataset', times=2, dataset=[dict(SET, pipeline=reducing), SET])
    got, report = data(train=nested, val=dict(SET, type='CityscapesDataset'))
    _, val, test = loaders(got)
    assert 'reduce_zero_label' not in val['dataset']
    assert test['dataset']['reduce_zero_label'] is True
    assert [note.place for note in report.notes] == ['data.test.reduce_zero_label']


def test_the_model_gets_what_all_pipelines_normalise_by():
    got, _ = data()
    assert got.preprocessor['mean'] == [1, 2, 3]
    mixed = dict(type='MultiImageMixDataset', dataset=dict(SET, pipeline=STEPS[:1]), pipeline=STEPS[1:])
    got, report = data(train=mixed)
    assert got.preprocessor['mean'] == [1, 2, 3]
    assert got.variables['train_pipeline'] == [dict(type='PackSegInputs')]
    assert not report.notes
