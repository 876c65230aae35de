import pytest

from mmseg_aux_hrnet.exchange.migration.pipelines import as_scales, migrate_step
from mmseg_aux_hrnet.exchange.migration.report import Report


def step(**settings):
    report = Report()
    return migrate_step(settings, place='p', report=report), report


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        (
            dict(img_scale=(2048, 512), ratio_range=(0.5, 2.0)),
            dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
        ),
        (
            dict(img_scale=[(8, 4), [16, 8], (32, 16)], multiscale_mode='value', keep_ratio=False),
            dict(type='RandomChoiceResize', scales=[(8, 4), (16, 8), (32, 16)], resize_type='Resize', keep_ratio=False),
        ),
        (
            dict(img_scale=[(8, 4), (16, 8)], multiscale_mode='range'),
            dict(type='RandomResize', scale=[(8, 4), (16, 8)], resize_type='Resize', keep_ratio=True),
        ),
        (dict(img_scale=[(8, 4)]), dict(type='Resize', scale=(8, 4), keep_ratio=True)),
        (dict(img_scale=(8, 4), keep_ratio=False), dict(type='Resize', scale=(8, 4), keep_ratio=False)),
    ],
)
def test_the_one_resize_becomes_what_it_meant(old, new):
    got, report = step(type='Resize', **old)
    assert got == new
    assert not report.notes


def test_a_ratio_of_the_images_own_size_becomes_steps():
    got, report = step(type='Resize', ratio_range=(0.5, 0.75))
    factors = [branch[0]['scale_factor'] for branch in got['transforms']]
    assert factors == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75]
    assert report.notes[0].place == 'p.Resize.ratio_range'


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        (dict(type='RandomFlip', flip_ratio=0.3), dict(type='RandomFlip', prob=0.3)),
        (dict(type='RandomFlip', prob=0.5, direction='vertical'), None),
        (dict(type='RandomCrop', crop_size=(4, 8), cat_max_ratio=0.75), None),
        (dict(type='PhotoMetricDistortion', hue_delta=9), None),
        (dict(type='DefaultFormatBundle'), {}),
        (dict(type='ImageToTensor', keys=['img']), {}),
        (dict(type='Collect', keys=['img']), dict(type='PackSegInputs')),
        (
            dict(type='LoadImageFromFile', to_float32=True, file_client_args=dict(backend='disk')),
            dict(type='LoadImageFromFile', to_float32=True),
        ),
        (
            dict(type='LoadAnnotations', reduce_zero_label=True, file_client_args=dict(backend='petrel')),
            dict(type='LoadAnnotations', backend_args=dict(backend='petrel')),
        ),
    ],
)
def test_other_steps(old, new):
    got, report = step(**old)
    assert (got or {}) == (old if new is None else new)
    assert not report.notes


def test_what_1x_lacks_is_named():
    got, report = step(type='RandomCrop', crop_size=(4, 8), allow_negative=True)
    assert got == dict(type='RandomCrop', crop_size=(4, 8))
    assert step(type='GreenStretch', low=1)[0] is None
    assert report.notes[0].place == 'p.RandomCrop.allow_negative'
    assert 'not registered' in step(type='GreenStretch')[1].notes[0].text
    assert step(type='Collect', keys=['img'], meta_keys=['a'])[1].notes[0].place == 'p.Collect.meta_keys'
    assert step(type='Resize', img_scale=(1, 1), min_size=3)[1].notes[0].place == 'p.Resize.min_size'


def test_scales():
    assert as_scales(None) == []
    assert as_scales([4, 8]) == [(4, 8)]
    assert as_scales([[4, 8], (1, 2)]) == [(4, 8), (1, 2)]
