from mmseg_aux_hrnet.exchange.migration.pipelines import migrate_testing, migrate_training
from mmseg_aux_hrnet.exchange.migration.report import Report

LOAD = dict(type='LoadImageFromFile')
LABELS = dict(type='LoadAnnotations')
PACK = dict(type='PackSegInputs')
NORMALIZE = dict(type='Normalize', mean=[1, 2, 3], std=[4, 5, 6], to_rgb=True)
PAD = dict(type='Pad', size=(8, 8))
FLIP = dict(type='RandomFlip', prob=0.5)
COLLECT = [dict(type='DefaultFormatBundle'), dict(type='Collect', keys=['img'])]
RESIZE = dict(type='Resize', keep_ratio=True)
AUGMENT = dict(
    type='MultiScaleFlipAug',
    img_scale=(8, 4),
    flip=False,
    transforms=[RESIZE, dict(type='RandomFlip'), dict(type='RGB2Gray'), NORMALIZE, *COLLECT],
)


def types(steps):
    return [step['type'] for step in steps]


def test_training_hands_normalising_and_padding_to_the_model():
    new = migrate_training([LOAD, LABELS, FLIP, NORMALIZE, PAD, *COLLECT], place='p', report=Report())
    assert new == ([LOAD, LABELS, FLIP, PACK], NORMALIZE, PAD, [])


def test_a_step_after_normalising_now_comes_before_it():
    report = Report()
    new = migrate_training([LOAD, LABELS, NORMALIZE, FLIP, *COLLECT], place='p', report=report)
    assert types(new.steps) == ['LoadImageFromFile', 'LoadAnnotations', 'RandomFlip', 'PackSegInputs']
    assert [(note.kind, note.place) for note in report.notes] == [('chosen', 'p.RandomFlip')]


def test_tests_load_labels_after_all_that_changes_the_image():
    new = migrate_testing([LOAD, AUGMENT], place='p', labels=LABELS, report=Report())
    assert types(new.steps) == ['LoadImageFromFile', 'Resize', 'RGB2Gray', 'LoadAnnotations', 'PackSegInputs']
    assert (new.normalize, new.pad) == (NORMALIZE, None)
    load, augment = new.averaged
    kinds = [types(choice)[0] for choice in augment['transforms']]
    assert kinds == ['Resize', 'RandomFlip', 'RGB2Gray', 'LoadAnnotations', 'PackSegInputs']
    assert load == LOAD


def test_tests_without_labels_or_without_views():
    new = migrate_testing([LOAD, AUGMENT], place='p', labels=None, report=Report())
    assert types(new.steps) == ['LoadImageFromFile', 'Resize', 'RGB2Gray', 'PackSegInputs']
    resize = dict(type='Resize', img_scale=(8, 4))
    new = migrate_testing([LOAD, resize, NORMALIZE, PAD, *COLLECT], place='p', labels=LABELS, report=Report())
    assert types(new.steps) == ['LoadImageFromFile', 'Resize', 'LoadAnnotations', 'PackSegInputs']
    assert (new.normalize, new.pad, new.averaged) == (NORMALIZE, PAD, [])
