"""YAML files of the official HRNet code: what is read, and what is refused in one line."""

from pathlib import Path

import pytest
import yaml

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.official_yaml import ALL, read_official
from mmseg_aux_hrnet.exchange.migration.report import Report

YAMLS = Path(__file__).parent / 'official'
URBANISATION = YAMLS / 'urbanisation_w18_small_v1.yaml'


def written(folder, **settings):
    """Write a YAML with these keys and return its path."""
    path = folder / 'my.yaml'
    path.write_text(yaml.safe_dump(settings), encoding='utf-8')
    return path


def test_texts_are_read_as_the_official_code_reads_them(tmp_path):
    path = written(tmp_path, GPUS='(0,1)', TRAIN={'LR': '1e-3', 'WD': 1}, MODEL={'PRETRAINED': None})
    settings = read_official(path)
    assert settings['GPUS'] == [0, 1]
    assert (settings['TRAIN.LR'], settings['TRAIN.WD'], settings['MODEL.PRETRAINED']) == (0.001, 1.0, '')
    assert settings['TRAIN.END_EPOCH'] == ALL['TRAIN.END_EPOCH'] == 484


def test_pairs_take_the_place_of_the_settings_of_the_file():
    pairs = ['TEST.SCALE_LIST', '0.5,1.0', 'TEST.FLIP_TEST', 'True', 'TRAIN.IGNORE_LABEL', '-1', 'DATASET.ROOT', 'my/']
    settings = read_official(URBANISATION, [*pairs, 'MODEL.EXTRA.STAGE4.NUM_MODULES', '3'])
    assert (settings['TEST.SCALE_LIST'], settings['TEST.FLIP_TEST']) == ([0.5, 1.0], True)
    assert (settings['TRAIN.IGNORE_LABEL'], settings['DATASET.ROOT'], settings['TRAIN.END_EPOCH']) == (-1, 'my/', 20)
    assert settings.extra['STAGE4']['NUM_MODULES'] == 3


@pytest.mark.parametrize(
    ('given', 'is_ocr'),
    [({}, False), ({'LOSS': {'BALANCE_WEIGHTS': [1]}}, True), ({'MODEL': {'NAME': 'seg_hrnet_ocr'}}, True)],
)
def test_the_branch_is_told_by_the_keys(tmp_path, given, is_ocr):
    assert read_official(written(tmp_path, WORKERS=2, **given)).of_ocr_branch is is_ocr


def test_what_was_changed_and_not_used_is_noted(tmp_path):
    path = written(tmp_path, OUTPUT_DIR='out', WORKERS=7, TRAIN={'LR_STEP': [1, 2], 'RESUME': True, 'FLIP': True})
    settings, report = read_official(path), Report()
    assert settings.use('WORKERS') == 7
    settings.note_unused(report)
    assert {note.place: note.text.partition(': ')[2] for note in report.notes} == {
        'OUTPUT_DIR': 'logs and checkpoints go to --work-dir of tools/train.py',
        'TRAIN.LR_STEP': 'the official code does not read it either',
        'TRAIN.RESUME': 'give --resume to tools/train.py',
    }


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (
            dict(TRAIN={'LR': 0.1, 'LEARNING_RATE': 1}, MODE={'NAME': 'x'}),
            'no branch .* has MODE.NAME, TRAIN.LEARNING_RATE: correct',
        ),
        (dict(MODEL={'NAME': 'pose_hrnet', 'NUM_JOINTS': 17}), 'pose estimation .*MODEL.NAME pose_hrnet'),
        (dict(MODEL={'NAME': 'hrnet', 'NUM_JOINTS': 98}), 'pose estimation or landmarks'),
        (dict(MODEL={'NAME': 'cls_hrnet'}, DATASET={'DATASET': 'imagenet'}), 'image classification'),
        (
            dict(MODEL={'NAME': 'seg_hrnet_ocr_b'}),
            'seg_hrnet_ocr_b is a network that is not built here: give seg_hrnet',
        ),
        (dict(TRAIN={'LR': 'fast'}), "TRAIN.LR is 'fast', and the official code takes a number"),
        (dict(TRAIN={'FLIP': 1}), 'TRAIN.FLIP is 1, and the official code takes True or False'),
        (dict(GPUS='all'), "GPUS is 'all', and the official code takes a list"),
    ],
)
def test_another_yaml_is_refused_on_one_line(tmp_path, settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        read_official(written(tmp_path, **settings))
    assert '\n' not in str(caught.value)
    assert 'my.yaml' in str(caught.value)


@pytest.mark.parametrize(
    ('text', 'message'),
    [('A: [1', 'is not YAML'), ('', 'holds no settings'), ('- 1', 'holds no settings'), (None, 'cannot be read')],
)
def test_what_is_no_yaml_of_settings_is_refused(tmp_path, text, message):
    path = tmp_path / 'my.yaml'
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_official(path)
    assert '\n' not in str(caught.value)


def test_a_key_without_a_value_is_refused():
    with pytest.raises(ConfigError, match='TRAIN.LR: give settings as KEY VALUE'):
        read_official(URBANISATION, ['TRAIN.LR'])


def test_a_key_that_is_given_twice_is_refused_with_its_lines(tmp_path):
    path = tmp_path / 'my.yaml'
    path.write_text('TRAIN:\n  LR: 0.01\n  WD: 0.1\nTEST:\n  FLIP_TEST: true\nTRAIN.WD: 0.2\nTRAIN:\n  LR: 0.1\n')
    with pytest.raises(ConfigError) as caught:
        read_official(path)
    told = f'{path} gives keys more than once: TRAIN (lines 1, 7), TRAIN.WD (lines 3, 6), TRAIN.LR (lines 2, 8)'
    assert str(caught.value) == f'{told}: keep one of each'


def test_what_a_merge_brings_in_may_be_given_again(tmp_path):
    path = tmp_path / 'my.yaml'
    path.write_text(
        'MODEL:\n  EXTRA:\n    STAGE1: &stage {BLOCK: BASIC, NUM_BLOCKS: [4]}\n'
        '    STAGE2: &next {<<: *stage, NUM_BLOCKS: [2]}\n    STAGE3: {<<: *next, BLOCK: BOTTLENECK}\n'
    )
    extra = read_official(path).extra
    assert extra['STAGE2'] == {'BLOCK': 'BASIC', 'NUM_BLOCKS': [2]}
    assert extra['STAGE3'] == {'BLOCK': 'BOTTLENECK', 'NUM_BLOCKS': [2]}
