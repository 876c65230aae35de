import pytest
from mmseg.registry import MODELS

from mmseg_aux_hrnet.exchange.migration.model import migrate_losses
from mmseg_aux_hrnet.exchange.migration.report import Report

DICE = dict(type='DiceLoss', smooth=2, exponent=3, class_weight=[1.0, 3.0], loss_weight=0.4)
CROSS = dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.5, loss_name='loss_x')
WEIGHTED = dict(CROSS, class_weight=[0.5, 2.0])
OHEM = dict(type='OHEMPixelSampler', thresh=0.7, min_kept=1000)


def migrated(head):
    report = Report()
    return migrate_losses(head, place='head', batch_size=3, report=report), report


def test_dice_keeps_all_that_counted_and_names_what_did_not():
    head, report = migrated(dict(loss_decode=dict(DICE, use_sigmoid=True, ignore_index=7, reduction='sum')))
    assert head == dict(loss_decode=dict(DICE, type='ReferenceDiceLoss'))
    dropped = {note.place.rsplit('.', 1)[1] for note in report.notes if note.kind == 'dropped'}
    assert dropped == {'use_sigmoid', 'ignore_index', 'reduction'}
    loss = MODELS.build(head['loss_decode'])
    assert (loss.smooth, loss.exponent, loss.class_weight, loss.loss_weight) == (2, 3, (1.0, 3.0), 0.4)


def test_plain_cross_entropy_and_other_losses_stay():
    losses = [CROSS, dict(type='LovaszLoss', loss_type='multi_class', reduction='none')]
    head, report = migrated(dict(loss_decode=losses))
    assert head == dict(loss_decode=losses)
    assert not report.notes


def test_class_weights_go_to_the_loss_that_holds_them_beside_ignored_pixels():
    head, report = migrated(dict(loss_decode=WEIGHTED))
    expected = dict(type='MaskedCrossEntropyLoss', class_weight=[0.5, 2.0], loss_weight=1.5, loss_name='loss_x')
    assert head['loss_decode'] == expected
    assert 'differs by the mean weight' in report.notes[0].text
    sigmoid = dict(WEIGHTED, use_sigmoid=True)
    assert migrated(dict(loss_decode=sigmoid))[0]['loss_decode'] == sigmoid


@pytest.mark.parametrize('losses', [CROSS, [CROSS], WEIGHTED])
def test_ohem_stays_with_cross_entropy(losses):
    head, _ = migrated(dict(loss_decode=losses, sampler=OHEM))
    assert head['sampler'] == OHEM


def test_ohem_by_loss_stays_with_the_stock_loss_which_gives_one_a_pixel():
    sampler = dict(type='OHEMPixelSampler', min_kept=1000)
    head, report = migrated(dict(loss_decode=WEIGHTED, sampler=sampler))
    assert head == dict(loss_decode=WEIGHTED, sampler=sampler)
    assert not report.notes


def test_ohem_of_dice_goes_because_it_never_did_anything():
    head, report = migrated(dict(loss_decode=DICE, sampler=OHEM))
    assert head == dict(loss_decode=dict(DICE, type='ReferenceDiceLoss'))
    assert 'never did anything' in report.notes[-1].text


def test_ohem_of_both_goes_to_cross_entropy_alone():
    head, report = migrated(dict(loss_decode=[WEIGHTED, DICE], sampler=OHEM))
    assert head['loss_decode'][0] == dict(
        type='OHEMCrossEntropyLoss',
        thresh=0.7,
        min_kept=3000,  # a batch, where the sampler counted an image
        class_weight=[0.5, 2.0],
        loss_weight=1.5,
        loss_name='loss_x',
    )
    assert head['loss_decode'][1]['type'] == 'ReferenceDiceLoss'
    assert 'sampler' not in head
    assert any('hard pixels' in note.text for note in report.notes)


def test_ohem_by_loss_of_both_is_not_carried():
    head, report = migrated(dict(loss_decode=[CROSS, DICE], sampler=dict(type='OHEMPixelSampler')))
    assert [loss['type'] for loss in head['loss_decode']] == ['CrossEntropyLoss', 'ReferenceDiceLoss']
    assert 'sampler' not in head
    assert [note.place for note in report.notes if note.kind == 'dropped'] == ['head.sampler']


def test_a_head_without_losses_keeps_the_default_of_both_versions():
    assert migrated(dict(type='FCNHead', sampler=OHEM))[0] == dict(type='FCNHead', sampler=OHEM)
