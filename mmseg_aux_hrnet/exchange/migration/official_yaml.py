"""YAML files of the official HRNet code, with the keys and defaults of its three branches; unknown keys are refused."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mmseg_aux_hrnet.errors import ConfigError, one_line
from mmseg_aux_hrnet.exchange.migration.report import Report, shown

SUFFIXES = ('.yaml', '.yml')
EXTRA = 'MODEL.EXTRA'  # the geometry of the network; the official code takes any key below it
# All keys with their defaults, which are those of the branches that read a key at all.
DEFAULTS: dict[str, Any] = {
    **{'OUTPUT_DIR': '', 'LOG_DIR': '', 'GPUS': [0], 'WORKERS': 4, 'PRINT_FREQ': 20},
    **{'AUTO_RESUME': False, 'PIN_MEMORY': True, 'RANK': 0},
    **{'CUDNN.BENCHMARK': True, 'CUDNN.DETERMINISTIC': False, 'CUDNN.ENABLED': True},
    **{'MODEL.NAME': 'seg_hrnet', 'MODEL.PRETRAINED': ''},
    **{'LOSS.USE_OHEM': False, 'LOSS.OHEMTHRES': 0.9, 'LOSS.OHEMKEEP': 100000, 'LOSS.CLASS_BALANCE': True},
    **{'DATASET.ROOT': '', 'DATASET.DATASET': 'cityscapes', 'DATASET.NUM_CLASSES': 19},
    **{'DATASET.TRAIN_SET': 'list/cityscapes/train.lst', 'DATASET.TEST_SET': 'list/cityscapes/val.lst'},
    'DATASET.EXTRA_TRAIN_SET': '',
    **{'TRAIN.IMAGE_SIZE': [1024, 512], 'TRAIN.BASE_SIZE': 2048, 'TRAIN.DOWNSAMPLERATE': 1, 'TRAIN.FLIP': True},
    **{'TRAIN.MULTI_SCALE': True, 'TRAIN.SCALE_FACTOR': 16, 'TRAIN.SHUFFLE': True, 'TRAIN.NUM_SAMPLES': 0},
    **{'TRAIN.LR_FACTOR': 0.1, 'TRAIN.LR_STEP': [90, 110], 'TRAIN.LR': 0.01, 'TRAIN.EXTRA_LR': 0.001},
    **{'TRAIN.OPTIMIZER': 'sgd', 'TRAIN.MOMENTUM': 0.9, 'TRAIN.WD': 0.0001, 'TRAIN.NESTEROV': False},
    **{'TRAIN.IGNORE_LABEL': -1, 'TRAIN.BEGIN_EPOCH': 0, 'TRAIN.END_EPOCH': 484, 'TRAIN.EXTRA_EPOCH': 0},
    **{'TRAIN.RESUME': False, 'TRAIN.BATCH_SIZE_PER_GPU': 32},
    **{'TEST.IMAGE_SIZE': [2048, 1024], 'TEST.BASE_SIZE': 2048, 'TEST.BATCH_SIZE_PER_GPU': 32},
    **{'TEST.NUM_SAMPLES': 0, 'TEST.MODEL_FILE': '', 'TEST.FLIP_TEST': False, 'TEST.MULTI_SCALE': False},
    **{'TEST.SCALE_LIST': [1], 'TEST.CENTER_CROP_TEST': False},
    **{f'DEBUG.{key}': False for key in ('DEBUG', 'SAVE_BATCH_IMAGES_GT', 'SAVE_BATCH_IMAGES_PRED')},
    **{f'DEBUG.SAVE_HEATMAPS_{key}': False for key in ('GT', 'PRED')},
}
# Those that the branch HRNet-OCR alone has.
OF_OCR_BRANCH: dict[str, Any] = {
    **{'MODEL.ALIGN_CORNERS': True, 'MODEL.NUM_OUTPUTS': 1, 'LOSS.BALANCE_WEIGHTS': [1]},
    **{'MODEL.OCR.MID_CHANNELS': 512, 'MODEL.OCR.KEY_CHANNELS': 256, 'MODEL.OCR.DROPOUT': 0.05, 'MODEL.OCR.SCALE': 1},
    **{'TRAIN.FREEZE_LAYERS': '', 'TRAIN.FREEZE_EPOCHS': -1},
    **{'TRAIN.NONBACKBONE_KEYWORDS': [], 'TRAIN.NONBACKBONE_MULT': 10},
    **{'TRAIN.RANDOM_BRIGHTNESS': False, 'TRAIN.RANDOM_BRIGHTNESS_SHIFT_VALUE': 10, 'TEST.OUTPUT_INDEX': -1},
}
ALL = {**DEFAULTS, **OF_OCR_BRANCH}
FORMS = {bool: 'True or False', int: 'a whole number', float: 'a number', str: 'text', list: 'a list'}
OCR = 'seg_hrnet_ocr'
NETWORKS = ('seg_hrnet', OCR)
# How the YAML of another HRNet is recognised: by the beginning of its MODEL.NAME, or by a key that only it has.
OTHER_NAMES = {'pose': 'pose estimation', 'cls': 'image classification', 'face': 'facial landmarks'}
OTHER_KEYS = {
    'MODEL.NUM_JOINTS': 'pose estimation or landmarks',
    'MODEL.TARGET_TYPE': 'pose estimation or landmarks',
    'LOSS.USE_TARGET_WEIGHT': 'pose estimation or landmarks',
    'MODEL.IMAGE_SIZE': 'image classification or pose estimation',
}
# Why a key that is set has no part in the new config, by how it begins.
WHY = {
    'OUTPUT_DIR': 'logs and checkpoints go to --work-dir of tools/train.py',
    'LOG_DIR': 'logs and checkpoints go to --work-dir of tools/train.py',
    'DATASET.EXTRA_TRAIN_SET': 'train a second time on this list, from the checkpoint of the first training',
    'TRAIN.EXTRA_': 'train a second time, from the checkpoint of the first training',
    'TRAIN.RESUME': 'give --resume to tools/train.py',
    'TRAIN.FREEZE_': 'freeze layers by optim_wrapper.paramwise_cfg, with lr_mult 0',
    'TRAIN.NONBACKBONE_': 'set rates of layers by optim_wrapper.paramwise_cfg, with lr_mult',
    'TRAIN.DOWNSAMPLERATE': 'labels are compared at their full size',
    'TEST.MODEL_FILE': 'give the checkpoint to tools/test.py',
    'TEST.FLIP_TEST': 'give --flip to tools/test.py',
    'TEST.SCALE_LIST': 'give --scales to tools/test.py',
    'TEST.BATCH_SIZE_PER_GPU': 'one image is tested at a time, since sizes may differ',
    'CUDNN.ENABLED': 'torch decides',
    'DEBUG.': 'the report of tools/test.py --report shows predictions',
}


class OfficialSettings:
    """The settings of one YAML, with defaults for those that it does not name.

    Args:
        given: values by dotted key, those below ``MODEL.EXTRA`` apart.
        extra: what is below ``MODEL.EXTRA``, with its own parts.

    Attributes:
        given: see Args.
        extra: see Args.
        of_ocr_branch: whether the YAML is of the branch HRNet-OCR, as its keys show.
    """

    def __init__(self, given: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
        self.given, self.extra = dict(given), dict(extra)
        self.of_ocr_branch = bool(set(given) & set(OF_OCR_BRANCH)) or self['MODEL.NAME'] == OCR
        self._read = {'MODEL.NAME'}

    def __getitem__(self, key: str) -> Any:
        """Return a setting without noting that it was used."""
        return self.given.get(key, ALL[key])

    def use(self, key: str) -> Any:
        """Return a setting that has a part in the new config."""
        self._read.add(key)
        return self[key]

    def size(self, key: str) -> tuple[int, int]:
        """Use a size of the YAML, (width, height), and return it as (height, width).

        Raises:
            ConfigError: it is not two whole numbers above 0.
        """
        value = self.use(key)
        if len(value) != 2 or not all(isinstance(side, int) and side > 0 for side in value):
            raise ConfigError(f'{key} is {value}: give width and height in pixels, such as [1024, 512]')
        return value[1], value[0]

    def note_unused(self, report: Report) -> None:
        """Note every setting that is not the default and that nothing used."""
        for key, value in self.given.items():
            if key in self._read or value == ALL[key]:
                continue
            why = next((text for start, text in WHY.items() if key.startswith(start)), None)
            report.dropped(key, f'{shown(value)}: {why or "the official code does not read it either"}')


def read_official(path: Path, pairs: Sequence[str] = ()) -> OfficialSettings:
    """Return the settings of the YAML at ``path``, with those of ``pairs``, KEY VALUE KEY VALUE, in their place.

    Raises:
        ConfigError: the file is missing or is not YAML, is one of another HRNet, or names keys that no branch of the
            official code has, all of which are listed, or one key twice; or a value is of another form than the
            official code takes.
    """
    try:
        values = _load(path)
    except OSError as error:
        raise ConfigError(
            f'{path} cannot be read ({error.strerror}): give a YAML of the official HRNet code'
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f'{path} is not YAML: {one_line(error)}') from error
    if not isinstance(values, Mapping) or not values:
        raise ConfigError(f'{path} holds no settings: give a YAML of the official HRNet code')
    flat = dict(_flat(values))
    extra = flat.pop(EXTRA, None) or {}
    if len(pairs) % 2:
        raise ConfigError(f'{" ".join(pairs)}: give settings as KEY VALUE KEY VALUE, such as TRAIN.END_EPOCH 100')
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        if key.startswith(f'{EXTRA}.'):
            _set_below(extra, key.removeprefix(f'{EXTRA}.').split('.'), value)
        else:
            flat[key] = value
    _refuse_others(path, flat)
    unknown = [key for key in flat if key not in ALL]
    if unknown:
        raise ConfigError(
            f'{path}: no branch of the official HRNet code has {", ".join(unknown)}: correct the names, or take these '
            'keys out where your copy of the code adds them'
        )
    return OfficialSettings({key: _coerced(path, key, value) for key, value in flat.items()}, extra)


def _load(path: Path) -> Any:
    """Return what a YAML holds, where no key is given twice: the official code takes the last one without a word."""
    loader = yaml.SafeLoader(path.read_text(encoding='utf-8'))
    try:
        root = loader.get_single_node()
        lines: dict[str, list[int]] = {}
        waiting, seen = [('', root)], set()
        while waiting:
            prefix, node = waiting.pop(0)
            if not isinstance(node, yaml.MappingNode) or id(node) in seen:
                continue
            seen.add(id(node))  # an alias is the same node, and may lie within itself
            for name, value in node.value:
                if name.tag != 'tag:yaml.org,2002:merge':  # what << brings in may be given again
                    lines.setdefault(f'{prefix}{name.value}', []).append(name.start_mark.line + 1)
                    waiting.append((f'{prefix}{name.value}.', value))
        twice = [f'{key} (lines {", ".join(map(str, sorted(at)))})' for key, at in lines.items() if len(at) > 1]
        if twice:
            raise ConfigError(f'{path} gives keys more than once: {", ".join(twice)}: keep one of each')
        return None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def _flat(values: Mapping[Any, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        key = f'{prefix}{name}'
        if isinstance(value, Mapping) and key != EXTRA:
            yield from _flat(value, f'{key}.')
        else:
            yield key, value


def _set_below(extra: dict[str, Any], names: list[str], value: str) -> None:
    for name in names[:-1]:
        extra = extra.setdefault(name, {})
    extra[names[-1]] = _literal(value)


def _refuse_others(path: Path, flat: Mapping[str, Any]) -> None:
    name = str(flat.get('MODEL.NAME', 'seg_hrnet'))
    other = next((task for start, task in OTHER_NAMES.items() if name.startswith(start)), None)
    other = other or next((task for key, task in OTHER_KEYS.items() if key in flat), None)
    if other is not None:
        raise ConfigError(
            f'{path} is a YAML of HRNet for {other} (MODEL.NAME {name}): only those for segmentation are turned into '
            f'configs, whose MODEL.NAME is {" or ".join(NETWORKS)}'
        )
    if name not in NETWORKS:
        raise ConfigError(
            f'{path}: MODEL.NAME {name} is a network that is not built here: give {" or ".join(NETWORKS)}, or write '
            'the config by hand'
        )


def _literal(value: Any) -> Any:
    """Return what a text stands for, as the official code has it: numbers, lists and tuples; else the text."""
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError):
        return value


def _coerced(path: Path, key: str, value: Any) -> Any:
    """Return a value in the form of the default.

    Raises:
        ConfigError: it is of another form.
    """
    form, found = type(ALL[key]), _literal(value)
    if form is str:
        return '' if value is None else str(value)
    if form is list and isinstance(found, (list, tuple, int, float)) and not isinstance(found, bool):
        return list(found) if isinstance(found, (list, tuple)) else [found]
    if form is float and isinstance(found, int) and not isinstance(found, bool):
        return float(found)
    if type(found) is not form:
        raise ConfigError(f'{path}: {key} is {shown(value)}, and the official code takes {FORMS[form]} there')
    return found
