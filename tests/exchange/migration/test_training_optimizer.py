import pytest

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.report import Report, Section
from mmseg_aux_hrnet.exchange.migration.training import migrate_optimizer

SGD = dict(type='SGD', lr=0.01, momentum=0.9)


def wrapper(**settings):
    report = Report()
    return migrate_optimizer(Section({'optimizer': SGD, **settings}, place='', report=report)), report


def test_plain():
    assert wrapper(optimizer_config=dict())[0] == dict(type='OptimWrapper', optimizer=SGD)
    assert wrapper(optimizer_config=None)[1].notes == []


def test_what_stood_in_the_optimizer_stands_beside_it():
    keys = dict(custom_keys={'norm': dict(decay_mult=0.0)})
    got, _ = wrapper(optimizer=dict(SGD, paramwise_cfg=keys, constructor='DefaultOptimizerConstructor'))
    assert got == dict(
        type='OptimWrapper', optimizer=SGD, paramwise_cfg=keys, constructor='DefaultOptimWrapperConstructor'
    )
    assert wrapper(optimizer=dict(SGD, constructor='Mine'))[0]['constructor'] == 'Mine'


def test_gradients():
    hook = dict(type='GradientCumulativeOptimizerHook', cumulative_iters=4, grad_clip=dict(max_norm=3, norm_type=2))
    got, _ = wrapper(optimizer_config=hook)
    assert (got['accumulative_counts'], got['clip_grad']) == (4, dict(max_norm=3, norm_type=2))
    assert got['type'] == 'OptimWrapper'


@pytest.mark.parametrize(
    ('settings', 'scale'),
    [
        (dict(optimizer_config=dict(type='Fp16OptimizerHook', loss_scale=512.0), fp16=dict()), 512.0),
        (dict(fp16=dict(loss_scale='dynamic')), 'dynamic'),
        (dict(fp16=dict()), None),
        (dict(optimizer_config=dict(type='GradientCumulativeFp16OptimizerHook')), None),
    ],
)
def test_half_precision(settings, scale):
    got, report = wrapper(**settings)
    assert (got['type'], got.get('loss_scale')) == ('AmpOptimWrapper', scale)
    assert [note.place for note in report.notes] == ['fp16']


def test_errors_are_near_the_part_that_they_are_in():
    for settings, place in ((dict(constructor=[1]), 'optimizer'), (dict(), 'optimizer_config')):
        report = Report()
        top = Section(
            {'optimizer': {**SGD, **settings}, 'optimizer_config': dict(type=[1]), 'fp16': 3}, place='', report=report
        )
        with pytest.raises((TypeError, AttributeError)):
            migrate_optimizer(top)
        assert report.reading == place


def test_the_rest_is_named():
    _, report = wrapper(optimizer_config=dict(coalesce=True, odd=1))
    assert [note.place for note in report.notes] == ['optimizer_config.coalesce', 'optimizer_config.odd']
    with pytest.raises(ConfigError, match='one optimizer'):
        wrapper(optimizer=dict(backbone=SGD, head=SGD))
