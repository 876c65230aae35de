import pytest

from mmseg_aux_hrnet.exchange.migration.model import migrate_model
from mmseg_aux_hrnet.exchange.migration.report import Report


def migrated(**parts):
    report = Report()
    old = {'type': 'EncoderDecoder', 'backbone': dict(type='UNet'), 'decode_head': dict(type='FCNHead'), **parts}
    return migrate_model(old, preprocessor=dict(type='P'), batch_size=2, report=report), report


def test_weights_to_start_from_go_to_the_backbone():
    new, report = migrated(pretrained='open-mmlab://x')
    assert new['backbone'] == dict(type='UNet', init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://x'))
    assert 'pretrained' not in new
    assert not report.notes
    new, _ = migrated(pretrained=None)
    assert new['backbone'] == dict(type='UNet')


def test_pretrained_wins_over_init_cfg_with_a_note():
    backbone = dict(type='UNet', init_cfg=dict(type='Kaiming'), pretrain_style='official')
    new, report = migrated(pretrained='x.pth', backbone=backbone)
    assert new['backbone']['init_cfg']['checkpoint'] == 'x.pth'
    assert {note.place for note in report.notes} == {'model.backbone.init_cfg', 'model.backbone.pretrain_style'}
    assert migrated(backbone=dict(type='UNet', init_cfg=dict(type='K')))[0]['backbone']['init_cfg'] == dict(type='K')


def test_heads_of_two_classes_keep_two_channels_and_lists_stay_lists():
    heads = [dict(type='FCNHead', num_classes=2), dict(type='OCRHead', num_classes=19)]
    new, _ = migrated(decode_head=heads, auxiliary_head=heads[0], num_stages=2)
    assert [head.get('out_channels') for head in new['decode_head']] == [2, None]
    assert new['auxiliary_head']['out_channels'] == 2
    assert new['num_stages'] == 2


def test_no_head_of_a_list_is_lost_in_silence():
    assert migrated(auxiliary_head=[])[0]['auxiliary_head'] == []
    assert 'auxiliary_head' not in migrated(auxiliary_head=None)[0]
    with pytest.raises(TypeError):  # which migrate_file says the place of
        migrated(auxiliary_head=[dict(type='FCNHead'), None])


def test_everything_else_goes_over():
    new, _ = migrated(neck=dict(type='FPN'), test_cfg=dict(mode='slide', stride=3), align=True)
    assert (new['neck'], new['align'], new['train_cfg']) == (dict(type='FPN'), True, {})
    assert new['test_cfg'] == dict(mode='slide', stride=3)
    assert new['data_preprocessor'] == dict(type='P')
