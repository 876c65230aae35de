"""Configs of described tiles: filled in from dataset.json for training, else from the checkpoint."""

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from tests_support import tile_description
from tool_support import REPO

from mmseg_aux_hrnet.datasets import TileDataset
from mmseg_aux_hrnet.datasets.description import write_description
from mmseg_aux_hrnet.datasets.tile_dataset import metainfo_of
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError, DataError
from mmseg_aux_hrnet.run.config import DATALOADERS, dataset_meta, describe_test_dataset, load_config, set_data_root
from mmseg_aux_hrnet.run.tile_config import fill_for_test, fill_for_training, fill_from_checkpoint
from mmseg_aux_hrnet.weights import Checkpoint

LEAF = REPO / 'configs/tiles/fcn_aux-hr18s-v1.py'
GREEN = REPO / 'configs/hrnet/fcn_hr18s-v1_256x256_1500it_singlegreen.py'


def described(root, classes, **settings):
    root.mkdir(exist_ok=True)
    write_description(root, tile_description(classes, **settings))
    return root


def on(root, source=LEAF, options=None):
    config = load_config(source, options)
    set_data_root(config, root)
    return config


def trained(path, meta):
    torch.save({'meta': {'dataset_meta': meta}, 'state_dict': {'a': torch.zeros(1)}}, path)
    return path


def network(config):
    model = config.model
    numbers = model.data_preprocessor.mean, model.data_preprocessor.std
    return [head.num_classes for head in (model.decode_head, *model.auxiliary_head)], *map(tuple, numbers)


def test_classes_and_figures_are_those_of_the_data(tmp_path):
    config = on(described(tmp_path / 'two', 2))
    fill_for_training(config)
    assert network(config) == ([2] * 3, (110.0, 100.5, 90.25), (50.0, 51.5, 52.25))
    assert config.default_hooks.checkpoint.save_best == 'IoU.green'
    assert config.custom_hooks[1].figures == ('IoU.green', 'F1.green', 'OA')
    assert [config[loader].dataset.metainfo.classes for loader in DATALOADERS] == [('background', 'green')] * 3


def test_without_a_class_of_interest_the_means_count(tmp_path):
    config = on(described(tmp_path / 'many', 12))
    fill_for_training(config)
    assert network(config)[0] == [12] * 3 and config.model.decode_head.out_channels == 12
    assert config.default_hooks.checkpoint.save_best == 'mIoU'
    assert config.custom_hooks[1].figures == ('mIoU', 'mDice', 'OA')
    assert MODELS.build(config.model).decode_head.conv_seg.out_channels == 12


def test_what_was_asked_for_stays(tmp_path):
    options = {'default_hooks.checkpoint.save_best': 'mDice', 'model.decode_head.out_channels': 1}
    config = on(described(tmp_path / 'two', 2), options=options)
    fill_for_training(config)
    assert config.default_hooks.checkpoint.save_best == 'mDice'
    assert config.model.decode_head.out_channels == 1  # one channel with a threshold


def test_a_network_that_sees_blue_first_gets_its_means_so(tmp_path):
    config = on(described(tmp_path / 'two', 2), options={'model.data_preprocessor.bgr_to_rgb': False})
    fill_for_training(config)
    assert network(config)[1:] == ((90.25, 100.5, 110.0), (52.25, 51.5, 50.0))


def test_teachers_and_wrapped_data_sets_are_filled_too(tmp_path):
    config = on(described(tmp_path / 'many', 5))
    config.model = dict(config.model, teacher=config.model)
    inner = config.train_dataloader.dataset
    config.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=inner)
    fill_for_training(config)
    assert config.model.teacher.decode_head.num_classes == 5
    assert len(config.train_dataloader.dataset.dataset.metainfo.classes) == 5


def test_a_config_of_other_data_stays(tmp_path):
    config = on(described(tmp_path / 'two', 2), source=GREEN)
    before = config.pretty_text
    fill_for_training(config)
    fill_for_test(config, tmp_path / 'nowhere')
    fill_from_checkpoint(config, Checkpoint(tmp_path / 'nowhere'))
    assert config.pretty_text == before


def test_a_dumped_config_is_whole(tmp_path):
    root = described(tmp_path / 'data', 3, label_values={0: None, 1: 0, 2: 1, 5: 2})
    config = on(root)
    fill_for_training(config)
    config.dump(tmp_path / 'dumped.py')
    again = Config.fromfile(tmp_path / 'dumped.py')
    fill_for_training(again)
    assert again.to_dict() == config.to_dict()
    told = describe_test_dataset(again)
    assert told['classes'] == dataset_meta(again)['classes'] == ('background', 'green', 'roof')
    assert (told['label_values'], told['label_format']) == ({0: 'ignore', 1: 0, 2: 1, 5: 2}, 'index')


def test_other_data_of_the_same_classes_are_seen_as_those_of_training(tmp_path):
    first, other = described(tmp_path / 'a', 3), described(tmp_path / 'b', 3, mean=(1.0, 2.0, 3.0), gsd=0.2)
    filled = on(first)
    fill_for_training(filled)
    checkpoint = trained(tmp_path / 'a.pth', metainfo_of(tile_description(3)))
    for config in (on(other), on(other, source=filled)):
        fill_for_test(config, checkpoint)
        assert network(config) == network(filled)
        assert config.test_dataloader.dataset.metainfo.gsd == 0.2


def test_maps_and_exports_need_the_checkpoint_only(tmp_path):
    meta = metainfo_of(tile_description(12))
    config = load_config(LEAF)
    fill_from_checkpoint(config, Checkpoint(trained(tmp_path / 'a.pth', meta)))
    assert network(config) == ([12] * 3, tuple(meta['mean']), tuple(meta['std']))
    assert dataset_meta(config)['gsd'] == 0.5


@pytest.mark.parametrize(
    ('classes', 'message'),
    [(12, 'was trained on the classes background, green, but the data have background, green, roof'), (2, None)],
)
def test_a_checkpoint_of_other_classes_is_refused(tmp_path, classes, message):
    config = on(described(tmp_path / 'data', classes))
    checkpoint = trained(tmp_path / 'a.pth', metainfo_of(tile_description(2)))
    if message is None:
        fill_for_test(config, checkpoint)
        return
    with pytest.raises(CheckpointError, match=message):
        fill_for_test(config, checkpoint)


def test_names_count_and_not_only_their_number(tmp_path):
    config = on(described(tmp_path / 'data', 2))
    meta = {**metainfo_of(tile_description(2)), 'classes': ('background', 'roof')}
    with pytest.raises(CheckpointError, match='was trained on the classes background, roof, but the data have'):
        fill_for_test(config, trained(tmp_path / 'a.pth', meta))


def test_a_filled_config_refuses_data_of_other_classes(tmp_path):
    config = on(described(tmp_path / 'a', 2))
    fill_for_training(config)
    set_data_root(config, described(tmp_path / 'b', 3))
    with pytest.raises(ConfigError, match=r'roof, but the config was filled in for background, green'):
        fill_for_training(config)


def test_data_sets_of_one_network_have_the_same_classes(tmp_path):
    config = on(described(tmp_path / 'a', 2))
    config.val_dataloader.dataset.data_root = str(described(tmp_path / 'b', 3))
    with pytest.raises(ConfigError, match='one network needs the same'):
        fill_for_training(config)
    config.val_dataloader.dataset = dict(config.train_dataloader.dataset)
    config.test_dataloader.dataset.data_root = str(tmp_path / 'nowhere')  # not needed yet
    fill_for_training(config)


def test_a_data_root_without_description_gives_one_line(tmp_path):
    with pytest.raises(DataError, match=r'dataset\.json cannot be read .*tools/make_tiles\.py') as caught:
        fill_for_training(on(tmp_path))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('meta', [None, {'classes': ('background', 'green'), 'palette': [[0, 0, 0], [1, 1, 1]]}])
def test_a_checkpoint_that_says_too_little_is_refused(tmp_path, meta):
    checkpoint = Checkpoint(trained(tmp_path / 'a.pth', meta))
    with pytest.raises(ConfigError, match=r'does not say .*mean, std: give the config that training wrote'):
        fill_from_checkpoint(load_config(LEAF), checkpoint)
    with pytest.raises(ConfigError, match='does not say'):
        fill_for_test(on(described(tmp_path / 'data', 2)), checkpoint.path)


@pytest.mark.parametrize('ask', [dataset_meta, describe_test_dataset])
def test_classes_of_a_config_that_is_not_filled_are_not_guessed(ask):
    with pytest.raises(ConfigError, match='names no classes before training fills them in'):
        ask(load_config(LEAF))


def test_a_subclass_is_filled_too(tmp_path):
    class Mine(TileDataset):
        pass

    config = on(described(tmp_path / 'data', 4))
    config.train_dataloader.dataset.type = Mine
    fill_for_training(config)
    assert len(config.train_dataloader.dataset.metainfo.classes) == 4
