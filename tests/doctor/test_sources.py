"""Data sets of configs, of mmseg's own classes and of wrappers; what cannot be examined is refused in one line."""

import numpy as np
import pytest
from doctor_support import examined, found, image_of, write_root
from layout_support import write_cityscapes, write_lip, write_pair, write_pascal_context
from mmengine.config import Config
from PIL import Image

from mmseg_aux_hrnet.doctor.checkup import check
from mmseg_aux_hrnet.doctor.sources import config_sources, find_sources
from mmseg_aux_hrnet.errors import ConfigError, DataError, SplitError
from mmseg_aux_hrnet.stack import config as shipped

pytestmark = pytest.mark.stack
GREEN = 'hrnet/fcn_aux-hr18s-v1_256x256_1500it_singlegreen.py'


def run(sources):
    return check(sources, workers=2, on_tile=lambda done, total: None)


@pytest.mark.parametrize(
    ('name', 'write', 'classes', 'pixels'),
    [
        # label_of() in layout_support gives each value one block of the 96 columns of 48 rows
        ('hrnet/fcn_hr48_512x1024_484e_cityscapes.py', write_cityscapes, 19, 4 * 48 * 96 * 19 // 20),
        ('hrnet/fcn_hr48_473x473_150e_lip.py', write_lip, 20, 4 * 48 * 96),
        ('hrnet/fcn_hr48_480x480_200e_pascal-context-60.py', write_pascal_context, 60, 4 * 48 * 96),
        ('hrnet/fcn_hr48_480x480_200e_pascal-context-59.py', write_pascal_context, 59, None),
    ],
)
def test_data_sets_of_mmseg_are_examined(tmp_path, name, write, classes, pixels):
    write(tmp_path)
    checkup = run(find_sources(shipped(name), kind=None, data_root=str(tmp_path)))
    assert {key for level, key, _ in found(checkup) if level == 'fault'} == {'leak'}  # each image is the same drawing
    train = checkup.summaries[0]
    assert (train.split, train.images, len(checkup.classes.names)) == ('train', 4, classes)
    if pixels is not None:
        assert abs(sum(train.pixels) - pixels) <= 4 * 48 * 2
    else:  # 59 classes: value 0 is ignored, value 1 is the first class
        assert train.ignored > 0 and train.pixels[0] > 0 and train.pixels[1] == 0 and train.pixels[2] > 0


def test_a_value_beyond_the_classes_is_a_fault_that_mmseg_would_not_see(tmp_path):
    write_lip(tmp_path)
    folder = 'TrainVal_parsing_annotations/train_segmentations'
    image = tmp_path / 'TrainVal_images/train_images/100_468022.jpg'
    write_pair(image, tmp_path / folder / '100_468022.png', [0, 20])
    checkup = run(find_sources(shipped('hrnet/fcn_hr48_473x473_150e_lip.py'), kind=None, data_root=str(tmp_path)))
    assert ('fault', 'label', 'train') in found(checkup)
    assert 'value 20' in checkup.findings[0].files[0]


def test_labels_that_mmseg_would_miss_in_the_middle_of_an_epoch(tmp_path):
    write_pascal_context(tmp_path)
    (tmp_path / 'SegmentationClassContext/2008_000015.png').unlink()
    name = shipped('hrnet/fcn_hr48_480x480_200e_pascal-context-60.py')
    checkup = run(find_sources(name, kind=None, data_root=str(tmp_path)))
    assert ('fault', 'label-missing', 'train') in found(checkup)


def test_a_config_and_its_folder_give_the_same(tmp_path):
    root = write_root(tmp_path / 'data')
    by_config = run(find_sources(shipped(GREEN), kind=None, data_root=str(root)))
    by_folder = examined(root)
    assert by_config.findings == by_folder.findings == []
    assert [summary.pixels for summary in by_config.summaries] == [summary.pixels for summary in by_folder.summaries]


def test_validation_data_that_serve_for_testing_are_examined_once(tmp_path):
    root = write_root(tmp_path / 'data')
    config = Config.fromfile(shipped(GREEN))
    config.test_dataloader = config.val_dataloader
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        loader.dataset.data_root = str(root)
    checkup = run(config_sources(config))
    assert found(checkup) == {('note', 'same-split', 'test')}
    assert [summary.split for summary in checkup.summaries] == ['train', 'val']


def test_validation_on_training_images_is_a_fault(tmp_path):
    root = write_root(tmp_path / 'data')
    config = Config.fromfile(shipped(GREEN))
    config.test_dataloader = config.val_dataloader = config.train_dataloader
    config.train_dataloader.dataset.data_root = str(root)
    assert ('fault', 'leak', '') in found(run(config_sources(config)))


def test_wrapped_data_sets_and_chosen_classes_are_examined(tmp_path):
    first, second = write_root(tmp_path / 'a', {'train': 3}), write_root(tmp_path / 'b', {'train': 2})
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(image_of(second, 'train_0'))
    part = dict(
        type='SingleGreenDataset',
        ann_file='splits/train.txt',
        data_prefix=dict(img_path='rawdata/train', seg_map_path='labeldata/train'),
        metainfo=dict(classes=('green',)),
    )
    parts = [dict(part, data_root=str(root)) for root in (first, second)]
    wrapped = dict(type='RepeatDataset', times=3, dataset=dict(type='ConcatDataset', datasets=parts))
    checkup = run(config_sources(Config(dict(train_dataloader=dict(dataset=wrapped)))))
    assert checkup.classes.names == ('green',)
    assert checkup.summaries[0].images == 5
    assert checkup.summaries[0].ignored == 5 * 48 * 64 - sum(checkup.summaries[0].pixels)


def test_classes_that_no_picture_can_be_drawn_of_are_refused_before_the_work(tmp_path):
    root = write_root(tmp_path / 'data')
    config = Config.fromfile(shipped(GREEN))
    config.train_dataloader.dataset.data_root = str(root)
    config.train_dataloader.dataset.metainfo = dict(class_of_interest='tree')
    sources = config_sources(Config(dict(train_dataloader=config.train_dataloader)))
    with pytest.raises(ConfigError, match="class_of_interest 'tree' is not a class"):
        check(sources, workers=2, on_tile=lambda done, total: pytest.fail('a tile was examined'))


def test_an_empty_list_is_a_fault_and_the_other_splits_are_examined(tmp_path):
    root = write_root(tmp_path / 'data')
    (root / 'splits/train.txt').write_text('\n')
    checkup = examined(root)
    assert ('fault', 'list', 'train') in found(checkup)
    assert [summary.split for summary in checkup.summaries] == ['val', 'test']


def test_a_folder_that_a_config_names_but_lacks_is_a_fault(tmp_path):
    root = write_root(tmp_path / 'data')
    (root / 'rawdata/val').rename(root / 'rawdata/validation')
    checkup = examined(root)
    assert [(f.key, f.split) for f in checkup.findings if f.level == 'fault'] == [('folder', 'val')]


@pytest.mark.parametrize(
    ('settings', 'error', 'message'),
    [
        (dict(source='nowhere', kind='singlegreen'), SplitError, 'not a folder'),
        (dict(source='.', kind='urbanisation'), SplitError, 'has no image folder'),
        (dict(source='.', kind=None), ConfigError, 'is a folder: say its layout, with --kind'),
        (dict(source='nowhere.py', kind=None), ConfigError, 'not a file'),
        (dict(source=shipped(GREEN), kind=None, data_root='nowhere'), DataError, 'data root nowhere is not a folder'),
        (dict(source='.', kind='singlegreen', data_root='x'), ConfigError, 'give the folder only'),
        (
            dict(source=shipped(GREEN), kind=None, options=['train_dataloader.dataset.type=No'], data_root='.'),
            ConfigError,
            'No of train cannot be built',
        ),
        (
            dict(
                source=shipped('hrnet/fcn_hr48_473x473_150e_lip.py'), kind=None, data_root='.', label_formats=['index']
            ),
            ConfigError,
            'LIPDataset has its own',
        ),
    ],
)
def test_what_cannot_be_examined_is_refused(tmp_path, monkeypatch, settings, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        find_sources(settings.pop('source'), **settings)


def test_a_data_set_without_any_image_is_refused(tmp_path):
    root = write_root(tmp_path / 'data', {'train': 1})
    image_of(root, 'train_0').unlink()
    with pytest.raises(DataError, match='no image of any list or folder'):
        examined(root)


def test_a_config_without_data_is_refused(tmp_path):
    (tmp_path / 'leaf.py').write_text('model = dict()\ntrain_dataloader = None\n')
    with pytest.raises(ConfigError, match='has no data set'):
        find_sources(str(tmp_path / 'leaf.py'), kind=None)
