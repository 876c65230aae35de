from copy import deepcopy

import pytest
from mmengine.config import Config

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.migrate import check_builds

STEPS = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
LOADER = dict(dataset=dict(type='RepeatDataset', dataset=dict(type='ConcatDataset', datasets=[dict(pipeline=STEPS)])))
HEAD = dict(type='FCNHead', in_channels=8, channels=8, num_classes=2, out_channels=2, in_index=4)
SMALL = dict(
    default_scope='mmseg',
    model=dict(type='EncoderDecoder', backbone=dict(type='UNet', base_channels=8), decode_head=HEAD),
    train_dataloader=LOADER,
    val_dataloader=LOADER,
    test_dataloader=LOADER,
    tta_pipeline=STEPS,
    default_hooks=dict(timer=dict(type='IterTimerHook')),
    custom_hooks=[dict(type='ClassCountHook')],
    val_evaluator=dict(type='ConfusionMetric'),
    test_evaluator=dict(type='ConfusionMetric'),
    vis_backends=[dict(type='LocalVisBackend')],
    optim_wrapper=dict(type='AmpOptimWrapper', loss_scale=2.0, optimizer=dict(type='SGD', lr=0.1)),
    param_scheduler=[dict(type='PolyLR', by_epoch=True, begin=0, end=3, convert_to_iter_based=True)],
)


def test_a_config_builds_without_data_and_stays_as_it_is(capfd):
    config = Config(deepcopy(SMALL))
    check_builds(config)
    assert config.to_dict() == SMALL
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('model.backbone', dict(type='GreenNet'), 'model does not build in 1.x .KeyError.*GreenNet'),
        ('model.decode_head.odd', 1, 'model does not build in 1.x .TypeError.*odd'),
        ('optim_wrapper.optimizer.type', 'Green', 'optimizer Green does not build'),
        ('param_scheduler.0.type', 'GreenLR', 'param_scheduler GreenLR does not build'),
        ('train_dataloader.dataset.dataset.datasets.0.pipeline.0.odd', 1, 'train_dataloader.dataset.pipeline does not'),
        ('tta_pipeline.1.type', 'Green', 'tta_pipeline does not build'),
        ('default_hooks.timer.type', 'GreenHook', 'hook timer does not build'),
        ('custom_hooks.0.odd', 1, 'hook 0 does not build'),
        ('test_evaluator.type', 'GreenMetric', 'test_evaluator does not build'),
        ('vis_backends.0.type', 'GreenBackend', 'vis_backends GreenBackend does not build'),
    ],
)
def test_what_does_not_build_is_named_on_one_line(key, value, message):
    config = Config(deepcopy(SMALL))
    config.merge_from_dict({key: value}) if key != 'model.backbone' else config.model.update(backbone=value)
    with pytest.raises(ConfigError, match=message) as caught:
        check_builds(config)
    assert '\n' not in str(caught.value)
