from mmseg_aux_hrnet.exchange.migration.migrate import migrate
from mmseg_aux_hrnet.exchange.migration.report import Report

STEPS = [dict(type='LoadImageFromFile'), dict(type='Collect')]
SET = dict(type='CustomDataset', classes=('a', 'b'), img_dir='i', ann_dir='l', pipeline=STEPS)
OLD = dict(
    model=dict(type='EncoderDecoder', backbone=dict(type='UNet'), decode_head=dict(type='FCNHead')),
    data=dict(samples_per_gpu=2, train=SET, val=SET),
    optimizer=dict(type='SGD', lr=0.01),
    runner=dict(type='IterBasedRunner', max_iters=100),
    checkpoint_config=dict(interval=20, by_epoch=False),
)


def migrated(**settings):
    report = Report()
    return migrate({**OLD, **settings}, report=report), report


def test_parts_find_their_places():
    new, _ = migrated(lr_config=dict(policy='poly', by_epoch=False), test_cfg=dict(mode='whole'))
    assert new['model']['test_cfg'] == dict(mode='whole')  # beside the model in early versions
    assert new['train_cfg'] == dict(type='IterBasedTrainLoop', max_iters=100, val_interval=20)
    assert new['optim_wrapper']['optimizer'] == OLD['optimizer']
    assert [scheduler['type'] for scheduler in new['param_scheduler']] == ['PolyLR']
    assert (new['default_scope'], new['log_processor']) == ('mmseg', dict(by_epoch=False))
    assert new['train_dataloader']['batch_size'] == 2


def test_nothing_of_the_old_config_is_lost_in_silence():
    new, report = migrated(author='me', dataset_type='X', data_preprocessor=3, default_scope='other', odd=dict(a=1))
    assert (new['author'], new['odd'], new['default_scope']) == ('me', dict(a=1), 'mmseg')
    assert 'dataset_type' not in new
    assert 'data_preprocessor' not in new
    noted = {note.place: note.kind for note in report.notes}
    expected = dict(author='kept', odd='kept', data_preprocessor='dropped', default_scope='dropped')
    assert {key: noted.get(key) for key in expected} == expected


def test_the_old_config_stays_as_it_is():
    before = repr(OLD)
    migrated()
    assert repr(OLD) == before
