import pytest

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.data import migrate_data_set
from mmseg_aux_hrnet.exchange.migration.report import Report

PIPELINE = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='Collect', keys=['img'])]
CLASSES = dict(classes=('a', 'b'), palette=[[0, 0, 0], [1, 1, 1]])


def migrated(training=True, pipeline=PIPELINE, **old):
    report = Report()
    settings = {'type': 'CustomDataset', 'img_dir': 'i', 'ann_dir': 'l', 'pipeline': pipeline, **old}
    dataset, _ = migrate_data_set(settings, place='data.x', training=training, report=report)
    return dataset, report


def notes(report):
    return [(note.kind, note.place) for note in report.notes]


def test_a_listed_data_set_keeps_its_class_places_and_label_values():
    places = dict(data_root='C:\\data', img_dir='raw\\train', ann_dir='label\\train', split='splits\\train.txt')
    dataset, report = migrated(type='SingleGreenDataset', seg_map_suffix='_label.png', **places)
    assert dataset.pop('pipeline')[-1] == dict(type='PackSegInputs')
    assert dataset == dict(
        type='SingleGreenDataset',
        label_format='index',
        data_root='C:/data',
        data_prefix=dict(img_path='raw/train', seg_map_path='label/train'),
        ann_file='splits/train.txt',
        seg_map_suffix='_label.png',
    )
    assert notes(report) == [('chosen', 'data.x.label_format')]


def test_a_listed_data_set_without_a_list_reads_its_folder():
    dataset, report = migrated(type='SingleGreenDataset', img_suffix='.tif')
    assert (dataset['type'], dataset['img_suffix']) == ('BaseSegDataset', '.tif')
    assert dataset['metainfo']['classes'] == ('background', 'green')
    assert 'seg_map_suffix .png' in report.notes[0].text
    assert 'img_suffix' not in report.notes[0].text


def test_a_data_set_of_mmseg_keeps_its_class():
    dataset, report = migrated(type='CityscapesDataset', ignore_index=254, classes=['road'], gone=3)
    assert (dataset['type'], dataset['ignore_index']) == ('CityscapesDataset', 254)
    assert dataset['metainfo'] == dict(classes=['road'])
    assert notes(report) == [('dropped', 'data.x.gone')]


def test_an_unknown_class_becomes_the_plain_one_with_its_classes():
    dataset, report = migrated(type='VillageDataset', **CLASSES)
    assert dataset['type'] == 'BaseSegDataset'
    assert dataset['metainfo'] == CLASSES
    assert notes(report) == [('chosen', 'data.x')]
    assert migrated(**CLASSES)[1].notes == []  # CustomDataset, the old name of the plain one


@pytest.mark.parametrize('name', ['VillageDataset', 'CustomDataset'])
def test_unknown_classes_are_refused(name):
    with pytest.raises(ConfigError, match=f'data.x: {name} is not registered.*classes=.*custom_imports'):
        migrated(type=name)


def test_tests_load_labels_where_there_are_any():
    image_only = [dict(type='LoadImageFromFile'), dict(type='Collect', keys=['img'])]
    loader = dict(imdecode_backend='cv2')
    dataset, _ = migrated(training=False, pipeline=image_only, gt_seg_map_loader_cfg=loader, **CLASSES)
    assert dataset['pipeline'][1] == dict(type='LoadAnnotations', imdecode_backend='cv2')
    assert dataset['test_mode'] is True
    dataset, _ = migrated(training=False, pipeline=image_only, ann_dir=None, **CLASSES)
    assert [step['type'] for step in dataset['pipeline']] == ['LoadImageFromFile', 'PackSegInputs']


def test_reducing_labels_is_said_to_the_data_set():
    reducing = [dict(type='LoadAnnotations', reduce_zero_label=True)]
    dataset, _ = migrated(pipeline=reducing, **CLASSES)
    assert dataset['reduce_zero_label'] is True
    assert dataset['pipeline'] == [dict(type='LoadAnnotations')]
    assert 'reduce_zero_label' not in migrated(**CLASSES)[0]
