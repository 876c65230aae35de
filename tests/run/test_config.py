import pytest
from mmengine.config import Config

from mmseg_aux_hrnet.datasets import SingleGreenDataset
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.run import config as run_config
from mmseg_aux_hrnet.run import training_config


def test_options_are_read_as_mmengine_reads_them():
    got = run_config.parse_options(['a.b=3', 'c=[1,2]', 'd=x', 'e=True'])
    assert got == {'a.b': 3, 'c': [1, 2], 'd': 'x', 'e': True}
    assert run_config.parse_options([]) == {}


def test_an_option_without_value_raises():
    with pytest.raises(ConfigError, match='KEY=VALUE'):
        run_config.parse_options(['a.b'])


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, 'not a file'),
        ('a = (', 'cannot be read'),
        ('raise SystemExit(0)', 'cannot be read: SystemExit: 0'),
        ('a = 1', 'give a leaf'),
        ('model = data = dict()', 'of MMSegmentation 0.x: python tools/migrate_config.py'),
        ('DATASET = dict()', 'a YAML of the official HRNet code: python tools/migrate_config.py'),
    ],
)
def test_unreadable_configs_raise(tmp_path, text, message):
    path = tmp_path / 'c.py'
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        run_config.load_config(path)


def loaded(sampler='ExactInfiniteSampler', save_best='IoU.green'):
    checkpoint = dict(type='WholeCheckpointHook', save_best=save_best, rule='greater')
    return Config(dict(train_dataloader=dict(sampler=dict(type=sampler)), default_hooks=dict(checkpoint=checkpoint)))


def test_skipping_bad_samples_is_said_to_sampler_and_hook():
    config = loaded()
    training_config.set_on_bad_sample(config, 'stop')
    assert config.get('custom_hooks') is None
    training_config.set_on_bad_sample(config, 'skip')
    assert config.train_dataloader.sampler.on_bad_sample == 'skip'
    assert [hook.type for hook in config.custom_hooks] == ['SkippedSampleHook']
    with pytest.raises(ConfigError, match='not InfiniteSampler'):
        training_config.set_on_bad_sample(loaded(sampler='InfiniteSampler'), 'skip')


def test_early_stopping_watches_the_figure_of_the_best_checkpoint():
    config = loaded()
    training_config.set_early_stop(config, None)
    assert config.get('custom_hooks') is None
    training_config.set_early_stop(config, 3)
    [hook] = config.custom_hooks
    assert (hook.type, hook.monitor, hook.rule, hook.patience) == ('EarlyStopHook', 'IoU.green', 'greater', 3)
    for bad, patience in ((loaded(), 0), (loaded(save_best=None), 3)):
        with pytest.raises(ConfigError, match='--early-stop'):
            training_config.set_early_stop(bad, patience)


def test_work_dir_is_named_after_the_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = Config()
    assert run_config.set_work_dir(config, None, name='demo').resolve() == (tmp_path / 'work_dirs' / 'demo').resolve()
    assert (tmp_path / config.work_dir).is_dir()


def test_unwritable_work_dir_raises(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(ConfigError, match='file.*--work-dir'):
        run_config.set_work_dir(Config(), str(tmp_path / 'file' / 'x'), name='demo')


def test_data_root_reaches_every_loader_and_nested_data_sets():
    leaf = dict(type='A', data_root='old')
    config = Config(
        dict(
            train_dataloader=dict(dataset=dict(type='ConcatDataset', datasets=[leaf, dict(leaf)])),
            val_dataloader=dict(dataset=dict(type='RepeatDataset', dataset=dict(leaf))),
            test_dataloader=dict(dataset=dict(leaf)),
        )
    )
    run_config.set_data_root(config, 'new')
    train, val, test = (config[name].dataset for name in run_config.DATALOADERS)
    assert [d.data_root for d in (*train.datasets, val.dataset, test)] == ['new'] * 4


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(data_root='nowhere'), 'data root nowhere is not a folder: set it with --data-root'),
        (dict(data_prefix=dict(img_path='leftImg8bit')), 'leftImg8bit holds no files'),
        (dict(data_prefix=dict(img_path='gtFine')), 'gtFine holds no files'),
        (dict(ann_file='val.txt'), 'list .*val.txt is not there'),
    ],
)
def test_missing_places_of_data_are_named(tmp_path, settings, message):
    (tmp_path / 'gtFine' / 'aachen').mkdir(parents=True)
    dataset = dict(type='CityscapesDataset', data_root=str(tmp_path))
    config = Config(dict(val_dataloader=dict(dataset={**dataset, **settings}), test_dataloader=dict(dataset=dataset)))
    run_config.check_data_root(config, ('test_dataloader',))
    with pytest.raises(DataError, match=message):
        run_config.check_data_root(config)


def model_config():
    return Config(
        dict(model=dict(pretrained='older', backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='usual'))))
    )


def test_pretrained(tmp_path):
    config = model_config()
    training_config.set_pretrained(config, None)
    assert config.model.backbone.init_cfg.checkpoint == 'usual'
    (tmp_path / 'w.pth').touch()
    training_config.set_pretrained(config, str(tmp_path / 'w.pth'))
    assert config.model.backbone.init_cfg.checkpoint == str(tmp_path / 'w.pth')
    assert config.model.pretrained is None  # both at once would be refused by mmseg
    training_config.set_pretrained(config, 'none')
    assert config.model.backbone.init_cfg is None
    with pytest.raises(ConfigError, match='w2.pth is not a file'):
        training_config.set_pretrained(config, str(tmp_path / 'w2.pth'))


def test_resume_needs_no_pretrained_weights(tmp_path):
    config = model_config()
    training_config.set_resume(config, tmp_path / 'iter_1.pth')
    assert (config.resume, config.load_from) == (True, str(tmp_path / 'iter_1.pth'))
    assert config.model.backbone.init_cfg is None
    assert config.model.pretrained is None


def dataset_config(**dataset):
    return Config(dict(test_dataloader=dict(dataset=dataset), default_scope='mmseg'))


def test_a_data_set_is_described_without_its_files():
    listed = dict(type='SingleGreenDataset', ann_file='x.txt', data_root='nowhere', data_prefix=dict(img_path='i'))
    for config in (dataset_config(**listed), dataset_config(type='ConcatDataset', datasets=[listed])):
        described = run_config.describe_test_dataset(config)
        assert described['classes'] == ('background', 'green')
        assert (described['label_format'], described['class_of_interest']) == ('palette', 'green')
    assert run_config.describe_test_dataset(dataset_config(type='CityscapesDataset'))['label_format'] == 'index'


def test_what_a_data_set_says_of_its_classes():
    named = dict(type='NoSuchDataset', metainfo=dict(classes=('a', 'b')))
    for dataset, classes in (
        (dict(type=SingleGreenDataset), ('background', 'green')),
        (dict(type='ConcatDataset', datasets=[dict(type='UrbanisationDataset'), named]), ('background', 'building')),
        (named, ('a', 'b')),
    ):
        assert run_config.dataset_meta(dataset_config(**dataset), 'test_dataloader')['classes'] == classes
    assert run_config.dataset_meta(dataset_config(**named)) == {}  # there is no training data set
    with pytest.raises(ConfigError, match='data set type NoSuchDataset is not registered: add its module to custom_im'):
        run_config.dataset_meta(dataset_config(type='NoSuchDataset'), 'test_dataloader')


@pytest.mark.parametrize(
    ('dataset', 'message'),
    [
        (dict(type='PascalContextDataset59', ann_file=''), 'PascalContextDataset59 needs its files'),
        (dict(type='ADE20KDataset'), 'ADE20KDataset renumbers the classes of its labels'),
        (dict(type='CityscapesDataset', metainfo=dict(classes=('car', 'road'))), 'CityscapesDataset renumbers'),
    ],
)
def test_a_data_set_whose_files_do_not_say_what_is_counted(dataset, message):
    with pytest.raises(ConfigError, match=rf'{message}.*: give --classes'):
        run_config.describe_test_dataset(dataset_config(**dataset))


def test_loading_without_workers_keeps_none(tmp_path):
    text = 'model = train_dataloader = dict()\ntest_dataloader = dict(num_workers=2, persistent_workers=True)'
    (tmp_path / 'c.py').write_text(text)
    assert run_config.load_config(tmp_path / 'c.py').test_dataloader.persistent_workers
    options = {'test_dataloader.num_workers': 0}
    assert not run_config.load_config(tmp_path / 'c.py', options).test_dataloader.persistent_workers


def test_half_precision_needs_a_device(monkeypatch):
    config = Config(dict(optim_wrapper=dict(type='AmpOptimWrapper')))
    monkeypatch.setattr(training_config, 'get_device', lambda: 'cuda')
    training_config.check_precision(config)
    monkeypatch.setattr(training_config, 'get_device', lambda: 'cpu')
    training_config.check_precision(Config(dict(optim_wrapper=dict(type='OptimWrapper'))))
    with pytest.raises(ConfigError, match='needs a GPU'):
        training_config.check_precision(config)


@pytest.mark.parametrize(
    ('parts', 'message'),
    [
        (
            [dict(begin=0, end=100), dict(begin=100, end=12)],
            r'param_scheduler\.1 begins at 100 and ends at 12: train longer',
        ),
        (dict(end=0), 'param_scheduler.0 begins at 0 and ends at 0'),
    ],
)
def test_a_schedule_that_ends_before_it_begins_is_refused(parts, message):
    with pytest.raises(ConfigError, match=message):
        training_config.check_schedule(Config(dict(param_scheduler=parts)))


@pytest.mark.parametrize('parts', [None, [], [dict(end=100), dict(begin=100)], dict(of_one=[dict(end=3)]), [object()]])
def test_a_schedule_that_goes_on_is_taken(parts):
    training_config.check_schedule(Config(dict(param_scheduler=parts)))


def test_loading_adapts_what_somebody_else_wrote(tmp_path):
    text = "from pathlib import Path\nmodel = dict()\ntrain_dataloader = dict(dataset=dict(ann_file='a\\\\b.txt'))\n"
    (tmp_path / 'c.py').write_text(text)
    config = run_config.load_config(tmp_path / 'c.py')
    assert config.train_dataloader.dataset.ann_file == 'a/b.txt'
    assert config.default_scope == 'mmseg'
    assert 'Path' not in config
