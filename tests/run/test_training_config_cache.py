import pytest
from mmengine.config import Config

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.run.training_config import set_cache


def config_of(*types, **more):
    datasets = [dict(type=kind) for kind in types]
    loader = dict(dataset=dict(type='ConcatDataset', datasets=datasets))
    return Config(dict(train_dataloader=loader, val_dataloader=None, **more))


def test_nothing_is_set_where_no_folder_is_given():
    config = config_of('SingleGreenDataset')
    before = config.to_dict()
    set_cache(config, None)
    assert config.to_dict() == before


def test_training_and_validation_share_the_folder():
    config = config_of('SingleGreenDataset', test_dataloader=dict(dataset=dict(type='SingleGreenDataset')))
    config.val_dataloader = dict(dataset=dict(type='UrbanisationDataset'))
    set_cache(config, 'tiles')
    assert config.train_dataloader.dataset.datasets[0].cache_dir == 'tiles'
    assert config.val_dataloader.dataset.cache_dir == 'tiles'
    assert 'cache_dir' not in config.test_dataloader.dataset


def test_data_sets_of_mmseg_are_left_as_they_are():
    config = config_of('CityscapesDataset', 'SingleGreenDataset')
    set_cache(config, 'tiles')
    assert ['cache_dir' in dataset for dataset in config.train_dataloader.dataset.datasets] == [False, True]


@pytest.mark.parametrize('kind', ['CityscapesDataset', 'NoSuchDataset'])
def test_a_config_without_an_able_data_set_is_refused(kind):
    with pytest.raises(ConfigError, match=rf'--cache tiles: {kind} of this config cannot keep decoded tiles'):
        set_cache(config_of(kind), 'tiles')
