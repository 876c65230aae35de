"""From a YAML of the official HRNet code to a config: the data sets, what is done to images, and the schedule.

The YAML does not say all: classes and class weights, for example, are in the official data set classes. The configs of
this package for the same data have them, and each new config begins with one of these.
"""

import posixpath
from typing import Any

from mmengine.config import Config
from mmseg.datasets import CityscapesDataset

from mmseg_aux_hrnet.datasets.label_values import IGNORED
from mmseg_aux_hrnet.datasets.splits import read_split
from mmseg_aux_hrnet.errors import ConfigError, SplitError
from mmseg_aux_hrnet.exchange.migration.config_files import config_values
from mmseg_aux_hrnet.exchange.migration.official_model import official_model
from mmseg_aux_hrnet.exchange.migration.official_yaml import OfficialSettings
from mmseg_aux_hrnet.exchange.migration.report import Report
from mmseg_aux_hrnet.files.names import portable
from mmseg_aux_hrnet.stack import config as shipped_config

# Data set of the official code and its classes -> the config for it.
LEAVES = {
    ('cityscapes', 19): 'hrnet/fcn_hr48_512x1024_484e_cityscapes.py',
    ('lip', 20): 'hrnet/fcn_hr48_473x473_150e_lip.py',
    ('pascal_ctx', 59): 'hrnet/fcn_hr48_480x480_200e_pascal-context-59.py',
    ('pascal_ctx', 60): 'hrnet/fcn_hr48_480x480_200e_pascal-context-60.py',
    ('urbanisation', 2): 'hrnet/fcn_hr48_1024x1024_20e_urbanisation.py',
}
LISTED = ('cityscapes', 'urbanisation')  # read by lists of IMAGE LABEL, below ROOT and the name of the data set
FOLDERS = {'lip': 'lip', 'pascal_ctx': 'pascal_ctx/VOCdevkit/VOC2010'}
# Values of labelIds in the order of the 19 classes; every other value is not counted.
CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
LAST_ID = 33
IGNORE_LABELS = (-1, 255)
POWER = 0.9  # of the decay of the learning rate
LOWEST_SCALE, STEPS = 0.5, 10  # of the long side; steps from 1 to 2
TAKEN = ('custom_imports', 'default_scope', 'env_cfg', 'vis_backends', 'visualizer', 'log_level', 'tta_model')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
LOAD = {'type': 'LoadImageFromFile'}
LABELS = {'type': 'LoadAnnotations'}


def official_config(settings: OfficialSettings, *, report: Report) -> dict[str, Any]:
    """Return the config that trains and tests as the official code does with ``settings``.

    Args:
        settings: the YAML.
        report: gets notes of all that changes.

    Raises:
        ConfigError: the data set or a part of the network has no counterpart.
    """
    name = settings.use('DATASET.DATASET')
    template = _template(name, settings.use('DATASET.NUM_CLASSES'))
    if settings.use('TRAIN.IGNORE_LABEL') not in IGNORE_LABELS:
        raise ConfigError(f'TRAIN.IGNORE_LABEL is {settings["TRAIN.IGNORE_LABEL"]}: ignored pixels are 255 here')
    if settings.use('TRAIN.OPTIMIZER') != 'sgd':
        raise ConfigError(f'TRAIN.OPTIMIZER is {settings["TRAIN.OPTIMIZER"]}: the official code has sgd only')
    model = official_model(settings, template['model'], report=report)
    model['test_cfg'] = _inference(settings, name, report)
    if name == 'urbanisation':
        report.chose('class weights', '0.5 and 2, which are in the code of this data set; the YAML does not say them')
    validates = not (name in LISTED and 'test' in posixpath.basename(settings['DATASET.TEST_SET']))
    config = {key: template[key] for key in TAKEN if key in template}
    config['visualizer'] = {**config['visualizer'], 'vis_backends': config['vis_backends']}
    config['env_cfg'] = {**config['env_cfg'], 'cudnn_benchmark': settings.use('CUDNN.BENCHMARK')}
    if settings.use('CUDNN.DETERMINISTIC'):
        config['randomness'] = {'deterministic': True}
    config |= {'model': model, **_data(settings, template, name, report=report)}
    config |= _schedule(settings, template, listed=name in LISTED)
    if not validates:
        report.chose('DATASET.TEST_SET', 'no validation: a list with test in its name has no labels; train with val')
        config |= {'val_dataloader': None, 'val_evaluator': None, 'val_cfg': None}
        config['train_cfg'].pop('val_interval')
        config['default_hooks']['checkpoint'].pop('save_best')
    _note_length(settings, config['train_dataloader'], report)
    settings.note_unused(report)
    return config


def _template(name: str, classes: int) -> dict[str, Any]:
    """Return the config of this package for a data set, as plain values.

    Raises:
        ConfigError: there is none.
    """
    leaf = LEAVES.get((name, classes))
    if leaf is None:
        known = ', '.join(f'{known} with {count}' for known, count in LEAVES)
        raise ConfigError(
            f'DATASET.DATASET {name} with {classes} classes: what the labels of this data set mean is in its code, not '
            f'in the YAML; known are {known}. For others, describe them in dataset.json and use configs/tiles/'
        )
    values = config_values(Config.fromfile(shipped_config(leaf), import_custom_modules=False).to_dict())
    assert isinstance(values, dict)
    return values


def _data(settings: OfficialSettings, template: dict[str, Any], name: str, *, report: Report) -> dict[str, Any]:
    """Return the loaders, their pipelines, and what measures them."""
    root = portable(settings.use('DATASET.ROOT'))
    base = settings.use('TEST.BASE_SIZE')
    square = name == 'lip'  # persons of any shape are squeezed to the square of the crop
    test_size = settings.size('TEST.IMAGE_SIZE')[::-1] if square else (base, base)
    resize = {'type': 'Resize', 'scale': test_size, 'keep_ratio': not square}
    load = {**LOAD, '_scope_': 'mmseg_aux_hrnet'}
    pipelines = {'train_pipeline': _training(settings, square=square)}
    pipelines['test_pipeline'] = [load, resize, LABELS, {'type': 'PackSegInputs'}]
    # The official validation during training takes images as they are; its test resizes them to the base size.
    own_size = [load, LABELS, {'type': 'PackSegInputs'}]
    pipelines['val_pipeline'] = pipelines['test_pipeline'] if square else own_size
    lists = {'train': settings.use('DATASET.TRAIN_SET'), 'val': settings.use('DATASET.TEST_SET')}
    lists['test'] = lists['val']
    new: dict[str, Any] = {}
    for key in LOADERS:
        part = key.partition('_')[0]
        dataset = {key: value for key, value in template[key]['dataset'].items() if key != 'pipeline'}
        if name in LISTED:
            dataset = _listed(dataset, name, root=root, split=lists[part])
        else:
            dataset['data_root'] = posixpath.join(root, FOLDERS[name])
        workers = settings.use('WORKERS')
        loader = {**template[key], 'num_workers': workers, 'persistent_workers': workers > 0}
        new[key] = {**loader, 'dataset': {**dataset, 'pipeline': pipelines[f'{part}_pipeline']}}
    if name not in LISTED:
        report.chose('DATASET.TRAIN_SET, DATASET.TEST_SET', f'the files of {new[LOADERS[0]]["dataset"]["data_root"]}')
    new['train_dataloader']['batch_size'] = settings.use('TRAIN.BATCH_SIZE_PER_GPU')
    new['train_dataloader']['sampler'] = {'type': 'ExactSampler', 'shuffle': settings.use('TRAIN.SHUFFLE')}
    if settings.use('TEST.NUM_SAMPLES'):
        new['val_dataloader']['dataset']['indices'] = settings['TEST.NUM_SAMPLES']
    evaluator = {'type': 'ConfusionMetric'}
    return {**pipelines, **new, 'val_evaluator': evaluator, 'test_evaluator': evaluator}


def _listed(dataset: dict[str, Any], name: str, *, root: str, split: str) -> dict[str, Any]:
    """Return a data set that reads an official list; its paths begin at the folder of the data set."""
    folder = posixpath.join(root, name)
    # The official code puts root and list together without a separator.
    path = portable(root + split)
    dataset = {key: value for key, value in dataset.items() if key != 'data_prefix'}
    dataset |= {'data_root': folder, 'ann_file': posixpath.relpath(path, folder)}
    if name != 'cityscapes':
        return dataset
    classes = {'classes': CityscapesDataset.METAINFO['classes'], 'palette': CityscapesDataset.METAINFO['palette']}
    dataset |= {'type': 'ListedDataset', 'metainfo': classes, 'label_format': 'index'}
    return dataset if _names_train_ids(path) else {**dataset, 'label_values': cityscapes_values()}


def cityscapes_values() -> dict[str, int | str]:
    """Return the class of each value of Cityscapes' labelIds, as text, as a config file holds keys."""
    classes = {value: index for index, value in enumerate(CITYSCAPES_IDS)}
    return {str(value): classes.get(value, IGNORED) for value in (*range(LAST_ID + 1), 255)}


def _names_train_ids(path: str) -> bool:
    try:
        return all('TrainIds' in (entry.label or '') for entry in read_split(path))
    except SplitError:  # not on this machine: the published lists name labelIds
        return False


def _training(settings: OfficialSettings, *, square: bool) -> list[dict[str, Any]]:
    """Return the pipeline that trains, in the order of the official code."""
    height, width = settings.size('TRAIN.IMAGE_SIZE')
    base = settings.use('TRAIN.BASE_SIZE')
    flip: list[dict[str, Any]] = [{'type': 'RandomFlip', 'prob': 0.5}] if settings.use('TRAIN.FLIP') else []
    steps: list[dict[str, Any]] = [LOAD, LABELS]
    if square:
        swapped = [{**step, 'swap_seg_labels': [(14, 15), (16, 17), (18, 19)]} for step in flip]
        steps += [*swapped, {'type': 'Resize', 'scale': (width, height), 'keep_ratio': False}]
        flip = []
    if settings['TRAIN.MULTI_SCALE']:
        factors = (LOWEST_SCALE + step / STEPS for step in range(settings.use('TRAIN.SCALE_FACTOR') + 1))
        scales = [(int(base * factor + 0.5),) * 2 for factor in factors]
        steps.append({'type': 'RandomScaledCrop', 'scales': scales, 'crop_size': (height, width)})
        # Before normalisation, as the official code: black, not the mean.
        steps.append({'type': 'Pad', 'size': (width, height), 'pad_val': {'img': 0, 'seg': 255}})
    shift = settings.use('TRAIN.RANDOM_BRIGHTNESS_SHIFT_VALUE')
    if settings.use('TRAIN.RANDOM_BRIGHTNESS'):
        steps.append({'type': 'RandomBrightnessShift', 'shift': shift})
    return [*steps, *flip, {'type': 'PackPlanes'}]


def _inference(settings: OfficialSettings, name: str, report: Report) -> dict[str, Any]:
    """Return how whole images are predicted."""
    window, base = settings.size('TEST.IMAGE_SIZE'), settings.use('TEST.BASE_SIZE')
    if name == 'lip':
        return {'mode': 'whole'}
    if name == 'pascal_ctx':
        stride = (int(window[0] * 2 / 3), int(window[1] * 2 / 3))
        report.chose('TEST.IMAGE_SIZE', 'windows at the border shift inwards; the official code fills them up')
        return {'mode': 'slide', 'crop_size': window, 'stride': stride}
    if max(window) >= base:
        return {'mode': 'slide', 'crop_size': window, 'stride': window}
    report.chose(
        'TEST.IMAGE_SIZE',
        'images are predicted whole; the official code does so up to scale 1, and cuts windows of this size above it',
    )
    return {'mode': 'whole'}


def _schedule(settings: OfficialSettings, template: dict[str, Any], *, listed: bool) -> dict[str, Any]:
    """Return optimizer, rate, loops and hooks."""
    epochs, batch = settings.use('TRAIN.END_EPOCH'), settings.use('TRAIN.BATCH_SIZE_PER_GPU')
    if epochs < 1 or batch < 1 or not settings.use('GPUS'):
        raise ConfigError(f'TRAIN.END_EPOCH {epochs}, batch of {batch} images, GPUS {settings["GPUS"]}: give 1 or more')
    optimizer = {'type': 'SGD', 'lr': settings.use('TRAIN.LR'), 'momentum': settings.use('TRAIN.MOMENTUM')}
    optimizer |= {'weight_decay': settings.use('TRAIN.WD'), 'nesterov': settings.use('TRAIN.NESTEROV')}
    rate = {'type': 'MmcvLR', 'policy': 'poly', 'decay': {'power': POWER}, 'length': epochs, 'by_epoch': True}
    hooks = {**template['default_hooks']}
    hooks['logger'] = {'type': 'LoggerHook', 'interval': settings.use('PRINT_FREQ')}
    # The official code validates and saves after each epoch and keeps the best by its mean IoU.
    hooks['checkpoint'] = {**hooks['checkpoint'], 'interval': 1, 'save_best': 'mIoU'}
    custom = [{'type': 'ClassCountHook'}, {'type': 'CurveHook', 'figures': ['mIoU', 'mAcc', 'OA']}]
    return {
        'optim_wrapper': {'type': 'OptimWrapper', 'optimizer': optimizer},
        'param_scheduler': [{**rate, 'convert_to_iter_based': True}],
        'auto_scale_lr': {'enable': False, 'base_batch_size': batch * len(settings['GPUS'])},
        'train_cfg': {'type': 'EpochBasedTrainLoop', 'max_epochs': epochs, 'val_interval': 1},
        **{'val_cfg': {'type': 'ValLoop'}, 'test_cfg': {'type': 'TestLoop'}},
        'default_hooks': hooks,
        'custom_hooks': custom if listed else [custom[0], {'type': 'DataFilesHook'}, custom[1]],
        'log_processor': {'by_epoch': True},
    }


def _note_length(settings: OfficialSettings, loader: dict[str, Any], report: Report) -> None:
    """Note how the batch is shared, and how many iterations the epochs are where the list is there."""
    batch, gpus, epochs = settings['TRAIN.BATCH_SIZE_PER_GPU'], len(settings['GPUS']), settings['TRAIN.END_EPOCH']
    if gpus > 1:
        report.chose(
            'GPUS',
            f'{batch} images a process, so {batch * gpus} with tools/dist_train.sh CONFIG {gpus}; in one process add '
            f'--cfg-options train_dataloader.batch_size={batch * gpus}',
        )
    dataset = loader['dataset']
    path = posixpath.normpath(posixpath.join(dataset['data_root'], dataset.get('ann_file') or ''))
    try:
        count = len(read_split(path))
    except SplitError:
        count = 0
    length = 'the rate falls at each iteration by the official formula'
    if count:
        each = count // (batch * gpus)
        length = f'{epochs} epochs of {each} iterations, {epochs * each} in all, for {count} images; {length}'
    report.chose('TRAIN.END_EPOCH', length)
