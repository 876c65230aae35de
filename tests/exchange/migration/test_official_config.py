"""Configs from YAML files of the official HRNet code, against its own formulas, written a second time here."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS, PARAM_SCHEDULERS
from PIL import Image

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.official_config import CITYSCAPES_IDS, official_config
from mmseg_aux_hrnet.exchange.migration.official_yaml import read_official
from mmseg_aux_hrnet.exchange.migration.report import Report

YAMLS = Path(__file__).parent / 'official'
W48 = (4, 64, (1, 4, 3), 4, (48, 96, 192, 384))
NETWORKS = {
    'urbanisation_w18_small_v1': (1, 32, (1, 1, 1), 2, (16, 32, 64, 128), 2),
    'cityscapes_w18_small_v2_ohem': (2, 64, (1, 3, 2), 2, (18, 36, 72, 144), 19),
    'lip_w48': (*W48, 20),
    'pascal_context_59_w48': (*W48, 59),
    'cityscapes_ocr_w48': (*W48, 19),
}


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def migrated(name, *pairs):
    """Return the config of a YAML and the notes on it, by their places."""
    report = Report()
    config = official_config(read_official(YAMLS / f'{name}.yaml', pairs), report=report)
    return config, {note.place: note.text for note in report.notes}


def conv(inputs, outputs, side=1):
    """Return the parameters of a convolution without bias and of the batch norm after it."""
    return inputs * outputs * side * side + 2 * outputs


def official_backbone(stem_blocks, stem, modules, blocks, widths):
    """Return the parameters of the official network up to its four branches."""
    wide = 4 * stem
    total = conv(3, 64, 3) + conv(64, 64, 3) + (conv(64, wide) if wide != 64 else 0)
    for block in range(stem_blocks):
        total += conv(wide if block else 64, stem) + conv(stem, stem, 3) + conv(stem, wide)
    total += conv(wide, widths[0], 3) + conv(wide, widths[1], 3)
    total += conv(widths[1], widths[2], 3) + conv(widths[2], widths[3], 3)
    for branches, count in zip((2, 3, 4), modules, strict=True):
        module = sum(2 * blocks * conv(width, width, 3) for width in widths[:branches])
        for i in range(branches):
            module += sum(conv(widths[j], widths[i]) for j in range(i + 1, branches))
            for j in range(i):
                module += (i - j - 1) * conv(widths[j], widths[j], 3) + conv(widths[j], widths[i], 3)
        total += count * module
    return total


def official_head(width, classes):
    """Return the parameters of the official decoder, with the bias before batch norm that mmseg's has not."""
    return conv(width, width) + width + width * classes + classes


def official_ocr(width, classes, middle=512, keys=256):
    """Return the parameters of the official OCR, with its bias before batch norm, beside those of its first output."""
    attention = 2 * (conv(middle, keys) + conv(keys, keys)) + conv(middle, keys) + conv(keys, middle)
    return conv(width, middle, 3) + middle + attention + conv(2 * middle, middle) + middle * classes + classes


def test_the_count_of_parameters_is_that_of_the_official_weights():
    """Counted in files that the official code wrote for 19 classes, and its README's 65.8 M."""
    small_v1, small_v2 = (NETWORKS[name][:-1] for name in ('urbanisation_w18_small_v1', 'cityscapes_w18_small_v2_ohem'))
    assert official_backbone(*small_v1) + official_head(240, 19) == 1_540_819
    assert official_backbone(*small_v2) + official_head(270, 19) == 3_939_579
    assert official_backbone(*W48) + official_head(720, 19) == 65_859_379


@pytest.mark.parametrize('name', NETWORKS)
def test_the_network_has_the_official_parameters(name):
    *geometry, classes = NETWORKS[name]
    config, _ = migrated(name)
    with torch.device('meta'):
        model = MODELS.build(config['model'])
    width, has_ocr = sum(geometry[-1]), name == 'cityscapes_ocr_w48'
    official = official_backbone(*geometry) + official_head(width, classes)
    official += official_ocr(width, classes) if has_ocr else 0
    without_a_bias = width + (512 if has_ocr else 0)  # which batch norm takes away again
    assert sum(part.numel() for part in model.parameters()) == official - without_a_bias


@pytest.mark.parametrize(
    ('name', 'rate', 'decay', 'epochs'),
    [
        ('urbanisation_w18_small_v1', 0.01, 0.0005, 20),
        ('cityscapes_w18_small_v2_ohem', 0.01, 0.0005, 484),
        ('lip_w48', 0.007, 0.0005, 150),
        ('pascal_context_59_w48', 0.004, 0.0001, 200),
    ],
)
def test_the_rate_is_the_official_one_at_every_iteration(name, rate, decay, epochs):
    config, _ = migrated(name)
    optimizer = config['optim_wrapper']['optimizer']
    assert (optimizer['lr'], optimizer['weight_decay'], optimizer['momentum']) == (rate, decay, 0.9)
    assert config['train_cfg']['max_epochs'] == epochs
    sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    defaults = {'optimizer': sgd, 'epoch_length': 7}
    schedule = PARAM_SCHEDULERS.build(dict(config['param_scheduler'][0]), default_args=defaults)
    rates = []
    for _ in range(epochs * 7):
        rates.append(sgd.param_groups[0]['lr'])
        schedule.step()
    assert rates == pytest.approx([rate * (1 - step / (epochs * 7)) ** 0.9 for step in range(epochs * 7)], rel=1e-12)


@pytest.mark.parametrize(
    ('name', 'base', 'factor', 'crop'),
    [
        ('urbanisation_w18_small_v1', 2048, 16, (1024, 1024)),
        ('cityscapes_w18_small_v2_ohem', 2048, 16, (512, 1024)),
        ('lip_w48', 473, 11, (473, 473)),
        ('pascal_context_59_w48', 520, 16, (480, 480)),
    ],
)
def test_scales_and_crops_are_the_official_ones(name, base, factor, crop):
    config, _ = migrated(name)
    [step] = [step for step in config['train_pipeline'] if step['type'] == 'RandomScaledCrop']
    assert step['crop_size'] == config['model']['data_preprocessor']['size'] == crop
    expected = [int(base * (0.5 + drawn / 10.0) + 0.5) for drawn in range(factor + 1)]
    assert step['scales'] == [(side, side) for side in expected]


def test_a_crop_is_resized_by_its_long_side_and_filled_with_black_and_255():
    pairs = ('TRAIN.BASE_SIZE', '40', 'TRAIN.IMAGE_SIZE', '64,48', 'TRAIN.SCALE_FACTOR', '3', 'TRAIN.FLIP', 'False')
    config, _ = migrated('urbanisation_w18_small_v1', *pairs)
    steps = [step for step in config['train_pipeline'] if step['type'] in ('RandomScaledCrop', 'Pad', 'RandomFlip')]
    augment, sides = Compose(steps), set()
    np.random.seed(0)
    for _ in range(20):
        image, label = np.full((29, 21, 3), 200, np.uint8), np.ones((29, 21), np.uint8)
        out = augment({'img': image, 'gt_seg_map': label, 'seg_fields': ['gt_seg_map'], 'img_shape': (29, 21)})
        assert out['img'].shape[:2] == out['gt_seg_map'].shape == (48, 64)
        inside = out['img'][..., 0] == 200
        height, width = inside.any(1).sum(), inside.any(0).sum()
        assert (width, inside.sum()) == (int(21 * height / 29 + 0.5), height * width)
        assert inside[:height, :width].all()  # filled at the right and below
        assert (out['img'][~inside] == 0).all()
        assert (out['gt_seg_map'] == np.where(inside, 1, 255)).all()
        sides.add(int(height))
    assert sides == {int(40 * (0.5 + drawn / 10.0) + 0.5) for drawn in range(4)}


def test_persons_are_mirrored_with_their_sides_before_they_are_squeezed():
    steps = [step['type'] for step in migrated('lip_w48')[0]['train_pipeline']]
    order = ['RandomFlip', 'Resize', 'RandomScaledCrop', 'Pad', 'PackPlanes']
    assert steps == ['LoadImageFromFile', 'LoadAnnotations', *order]
    flip = migrated('lip_w48')[0]['train_pipeline'][2]
    assert flip == dict(type='RandomFlip', prob=0.5, swap_seg_labels=[(14, 15), (16, 17), (18, 19)])


def test_losses_have_the_official_weights_and_hard_pixels():
    [loss] = migrated('cityscapes_w18_small_v2_ohem')[0]['model']['decode_head']['loss_decode']
    assert (loss['type'], loss['thresh'], loss['min_kept']) == ('OHEMCrossEntropyLoss', 0.9, 131072)
    assert (len(loss['class_weight']), loss['class_weight'][0], loss['class_weight'][-1]) == (19, 0.8373, 1.0507)
    [loss] = migrated('urbanisation_w18_small_v1')[0]['model']['decode_head']['loss_decode']
    assert loss == dict(type='MaskedCrossEntropyLoss', class_weight=[0.5, 2.0])
    first, last = migrated('cityscapes_ocr_w48')[0]['model']['decode_head']
    assert (first['loss_decode'][0]['type'], first['loss_decode'][0]['loss_weight']) == ('MaskedCrossEntropyLoss', 0.4)
    assert last['loss_decode'][0]['type'] == 'OHEMCrossEntropyLoss'  # the official code samples the last output only


def test_the_branch_decides_batch_norm_and_corners():
    for name, momentum, aligned in (('urbanisation_w18_small_v1', 0.01, False), ('cityscapes_ocr_w48', 0.1, True)):
        model = migrated(name)[0]['model']
        heads = model['decode_head'] if isinstance(model['decode_head'], list) else [model['decode_head']]
        parts = [model['backbone'], *heads]
        assert {part['norm_cfg']['momentum'] for part in parts} == {momentum}
        assert {part.get('align_corners', False) for part in parts} == {aligned}
    model = migrated('cityscapes_ocr_w48', 'MODEL.ALIGN_CORNERS', 'False')[0]['model']
    assert 'align_corners' not in model['backbone']


def test_lists_begin_at_the_folder_of_the_data_set(tmp_path):
    """The official code looks for lists below ROOT, and for their images below ROOT and the data set's name."""
    config, notes = migrated('urbanisation_w18_small_v1', 'DATASET.ROOT', f'{tmp_path.as_posix()}/')
    dataset = config['train_dataloader']['dataset']
    assert dataset['data_root'] == (tmp_path / 'urbanisation').as_posix()
    assert dataset['ann_file'] == '../list/urbanisation/train.lst'
    assert config['train_dataloader']['batch_size'] == 3
    assert notes['TRAIN.END_EPOCH'] == 'the rate falls at each iteration by the official formula'
    (tmp_path / 'list/urbanisation').mkdir(parents=True)
    lines = [f'x/train/{tile}.png y/train/{tile}.png\n' for tile in range(11)]
    (tmp_path / 'list/urbanisation/train.lst').write_text(''.join(lines))
    notes = migrated('urbanisation_w18_small_v1', 'DATASET.ROOT', f'{tmp_path.as_posix()}/')[1]
    assert notes['TRAIN.END_EPOCH'].startswith('20 epochs of 3 iterations, 60 in all, for 11 images')


@pytest.mark.parametrize('kind', ['labelIds', 'labelTrainIds'])
def test_cityscapes_is_read_by_its_lists(tmp_path, kind):
    values = CITYSCAPES_IDS if kind == 'labelIds' else range(19)
    (tmp_path / 'list/cityscapes').mkdir(parents=True)
    folder = tmp_path / 'cityscapes'
    folder.mkdir()
    Image.new('RGB', (20, 1)).save(folder / 'a.png')
    Image.fromarray(np.array([[*values, 255]], np.uint8)).save(folder / f'a_{kind}.png')
    (tmp_path / 'list/cityscapes/train.lst').write_text(f'a.png a_{kind}.png\n')
    config, _ = migrated('cityscapes_w18_small_v2_ohem', 'DATASET.ROOT', f'{tmp_path.as_posix()}/')
    settings = config['train_dataloader']['dataset']
    dataset = DATASETS.build({**settings, 'pipeline': settings['pipeline'][:2]})
    assert dataset[0]['gt_seg_map'].tolist() == [[*range(19), 255]]
    assert dataset.metainfo['classes'][13] == 'car'


def test_a_list_without_labels_is_tested_and_not_validated():
    config, notes = migrated('urbanisation_w18_small_v1', 'DATASET.TEST_SET', 'list/urbanisation/test.lst')
    assert (config['val_dataloader'], config['val_cfg'], config['val_evaluator']) == (None, None, None)
    assert config['test_dataloader']['dataset']['ann_file'] == '../list/urbanisation/test.lst'
    assert 'save_best' not in config['default_hooks']['checkpoint']
    assert notes['DATASET.TEST_SET'].startswith('no validation')


def test_whole_images_are_predicted_as_the_official_code_predicts_them():
    assert migrated('urbanisation_w18_small_v1')[0]['model']['test_cfg'] == dict(mode='whole')
    cityscapes = migrated('cityscapes_w18_small_v2_ohem')[0]
    window = (1024, 2048)
    assert cityscapes['model']['test_cfg'] == dict(mode='slide', crop_size=window, stride=window)
    assert migrated('pascal_context_59_w48')[0]['model']['test_cfg']['stride'] == (320, 320)
    resize = dict(type='Resize', scale=(2048, 2048), keep_ratio=True)
    assert (cityscapes['test_pipeline'][1], resize in cityscapes['val_pipeline']) == (resize, False)
    lip = migrated('lip_w48')[0]
    assert lip['test_pipeline'][1] == dict(type='Resize', scale=(473, 473), keep_ratio=False)
    assert (lip['val_dataloader']['dataset']['indices'], 'indices' in lip['test_dataloader']['dataset']) == (
        2000,
        False,
    )


def test_images_that_are_not_scaled_keep_their_size():
    config, _ = migrated('urbanisation_w18_small_v1', 'TRAIN.MULTI_SCALE', 'False')
    assert [step['type'] for step in config['train_pipeline'][2:]] == ['RandomFlip', 'PackPlanes']
    assert config['model']['data_preprocessor']['size_divisor'] == 1
    assert 'size' not in config['model']['data_preprocessor']


def test_brightness_is_shifted_after_the_crop_is_filled():
    pairs = ('TRAIN.RANDOM_BRIGHTNESS', 'True', 'TRAIN.RANDOM_BRIGHTNESS_SHIFT_VALUE', '7')
    steps = migrated('cityscapes_ocr_w48', *pairs)[0]['train_pipeline']
    assert steps[3:5] == [steps[3], dict(type='RandomBrightnessShift', shift=7)]
    assert steps[3]['type'] == 'Pad'


def test_a_geometry_of_its_own_is_built_by_mmsegs_hrnet():
    config, notes = migrated('urbanisation_w18_small_v1', 'MODEL.EXTRA.STAGE4.NUM_MODULES', '2')
    assert config['model']['backbone']['type'] == 'HRNet'
    assert config['model']['backbone']['extra']['stage4']['num_modules'] == 2
    assert notes['MODEL.EXTRA'].startswith("mmseg's HRNet")
    assert notes['MODEL.EXTRA.STAGE1.NUM_RANCHES'] == '1: the official code does not read it either'


@pytest.mark.parametrize(
    ('name', 'pairs', 'message'),
    [
        ('urbanisation_w18_small_v1', ('DATASET.DATASET', 'ade20k'), 'DATASET.DATASET ade20k with 2 classes'),
        ('urbanisation_w18_small_v1', ('DATASET.NUM_CLASSES', '3'), 'known are cityscapes with 19, .*dataset.json'),
        ('urbanisation_w18_small_v1', ('TRAIN.OPTIMIZER', 'adam'), 'TRAIN.OPTIMIZER is adam'),
        ('urbanisation_w18_small_v1', ('TRAIN.IGNORE_LABEL', '0'), 'TRAIN.IGNORE_LABEL is 0: ignored pixels are 255'),
        ('urbanisation_w18_small_v1', ('TRAIN.IMAGE_SIZE', '1024'), r'TRAIN.IMAGE_SIZE is \[1024\]: give width and'),
        ('urbanisation_w18_small_v1', ('TRAIN.END_EPOCH', '0'), 'TRAIN.END_EPOCH 0'),
        ('urbanisation_w18_small_v1', ('MODEL.EXTRA.FINAL_CONV_KERNEL', '3'), '1x1 pixels: give 1'),
        ('urbanisation_w18_small_v1', ('MODEL.EXTRA.STAGE2.BLOCK', 'BOTTLENECK'), 'STAGE2.BLOCK is .*has BASIC there'),
        ('urbanisation_w18_small_v1', ('MODEL.EXTRA.STAGE3.NUM_BLOCKS', '4'), 'STAGE3.NUM_BLOCKS is 4: give 3 whole'),
        ('urbanisation_w18_small_v1', ('MODEL.EXTRA.STAGE4', 'None'), 'STAGE4 is None: give the four stages'),
        ('cityscapes_ocr_w48', ('LOSS.BALANCE_WEIGHTS', '1'), r'seg_hrnet_ocr has 2 outputs: give \[0.4, 1\] and 2'),
        ('cityscapes_ocr_w48', ('TEST.OUTPUT_INDEX', '0'), 'TEST.OUTPUT_INDEX'),
        ('cityscapes_ocr_w48', ('MODEL.EXTRA.STAGE4.NUM_MODULES', '2'), 'MODEL.ALIGN_CORNERS False only'),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(name, pairs, message):
    with pytest.raises(ConfigError, match=message) as caught:
        migrated(name, *pairs)
    assert '\n' not in str(caught.value)
