"""The network of a YAML of the official HRNet code: its geometry, its losses, and how whole images are predicted."""

from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.official_yaml import EXTRA, OCR, OfficialSettings
from mmseg_aux_hrnet.exchange.migration.report import Report, shown
from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS, stage_settings

STAGES = ('STAGE1', 'STAGE2', 'STAGE3', 'STAGE4')
FIRST_STAGE = {'BLOCK': 'BOTTLENECK', 'NUM_BLOCKS': [4], 'NUM_CHANNELS': [64]}  # fixed in the first code
STAGE_KEYS = ('NUM_MODULES', 'NUM_BRANCHES', 'NUM_BLOCKS', 'NUM_CHANNELS', 'BLOCK', 'FUSE_METHOD')
UNREAD = ('PRETRAINED_LAYERS', 'STEM_INPLANES', 'WITH_HEAD')  # of MODEL.EXTRA
MOMENTUM = {False: 0.01, True: 0.1}  # of batch norm, by whether the branch is HRNet-OCR
DROPOUT = 0.05  # of the official OCR, whatever MODEL.OCR.DROPOUT says
STRIDE = 32  # of the coarsest branch


def official_model(settings: OfficialSettings, template: dict[str, Any], *, report: Report) -> dict[str, Any]:
    """Return the model of 1.x.

    Args:
        settings: the YAML; the data set and the count of classes are those of ``template``.
        template: the model of a config for the same data set, which has the loss of its data set without OHEM.
        report: gets the notes.

    Raises:
        ConfigError: a part of the network has no counterpart.
    """
    align_corners, momentum = _branch(settings, report)
    norm = {'type': 'BN', 'requires_grad': True, 'momentum': momentum}
    stages = _stages(settings, report)
    widths = list(stages['stage4']['num_channels'])
    crop = settings.size('TRAIN.IMAGE_SIZE')
    if align_corners and (crop[0] % STRIDE or crop[1] % STRIDE):
        report.chose(
            'MODEL.ALIGN_CORNERS',
            f'where branches meet, sizes are doubled and then fitted: other numbers than the official ones, since '
            f'{crop[1]}x{crop[0]} is not a multiple of {STRIDE}',
        )
    preprocessor = {**template['data_preprocessor']}
    if settings.use('TRAIN.MULTI_SCALE'):
        preprocessor['size'] = crop
    else:  # images stay as they are, so that they need not have the size of a crop
        preprocessor.pop('size', None)
        preprocessor['size_divisor'] = 1
    # The official code predicts images in their own size; aligned corners need sizes that double.
    preprocessor['test_cfg'] = {'size_divisor': STRIDE if align_corners else 1}
    model = {
        **{key: value for key, value in template.items() if key != 'pretrained'},
        'data_preprocessor': preprocessor,
        'backbone': _backbone(settings, stages, norm=norm, align_corners=align_corners, report=report),
    }
    classes = settings.use('DATASET.NUM_CLASSES')
    head = {**template['decode_head'], 'num_classes': classes, 'out_channels': classes, 'norm_cfg': norm}
    head |= {'in_channels': widths, 'channels': sum(widths), 'align_corners': align_corners}
    loss = template['decode_head']['loss_decode'][0]
    losses = [{**loss, **({'loss_weight': weight} if weight != 1 else {})} for weight in _balance(settings)]
    # The official code samples the pixels of the last output only.
    losses[-1] = _with_hard_pixels(settings, losses[-1])
    if settings['MODEL.NAME'] != OCR:
        return {**model, 'decode_head': {**head, 'loss_decode': losses}}
    middle, key_channels = settings.use('MODEL.OCR.MID_CHANNELS'), settings.use('MODEL.OCR.KEY_CHANNELS')
    shared = ('in_channels', 'in_index', 'input_transform', 'num_classes', 'out_channels', 'norm_cfg', 'align_corners')
    context = {'type': 'OCRHead', 'channels': middle, 'ocr_channels': key_channels, 'dropout_ratio': DROPOUT}
    context |= {key: head[key] for key in shared}
    heads = [{**head, 'type': 'FCNHead', 'loss_decode': losses[:1]}, {**context, 'loss_decode': losses[1:]}]
    return {**model, 'type': 'CascadeEncoderDecoder', 'num_stages': 2, 'decode_head': heads}


def _branch(settings: OfficialSettings, report: Report) -> tuple[bool, float]:
    """Return whether corners are aligned, and the momentum of batch norm; the YAML does not say the branch."""
    momentum = MOMENTUM[settings.of_ocr_branch]
    align_corners = bool(settings.use('MODEL.ALIGN_CORNERS')) and settings.of_ocr_branch
    name = 'HRNet-OCR' if settings.of_ocr_branch else 'pytorch-v1.1 or master'
    report.chose(
        'batch norm',
        f'momentum {momentum} and align_corners={align_corners}, as the branch {name} has them, to which the keys of '
        'the YAML belong',
    )
    return align_corners, momentum


def _stages(settings: OfficialSettings, report: Report) -> dict[str, dict[str, Any]]:
    """Return the geometry in the form of mmseg's HRNet.

    Raises:
        ConfigError: a part is missing or has no counterpart.
    """
    extra = dict(settings.extra)
    if extra.pop('FINAL_CONV_KERNEL', 1) != 1:
        raise ConfigError(f'{EXTRA}.FINAL_CONV_KERNEL: the classifier here is a convolution of 1x1 pixels: give 1')
    for key in UNREAD:
        extra.pop(key, None)
    stages = {}
    for number, name in enumerate(STAGES, start=1):
        stage = extra.pop(name, None)
        if stage is None and number == 1:
            report.chose(f'{EXTRA}.STAGE1', '4 bottlenecks of 64 channels, which the first official code always had')
            stage = FIRST_STAGE
        if not isinstance(stage, dict):
            raise ConfigError(f'{EXTRA}.{name} is {shown(stage)}: give the four stages, as in the official YAML files')
        stages[f'stage{number}'] = _stage(stage, number=number, report=report)
    for key, value in extra.items():
        report.dropped(f'{EXTRA}.{key}', f'{shown(value)}: the official code does not read it either')
    return stages


def _stage(given: dict[str, Any], *, number: int, report: Report) -> dict[str, Any]:
    place = f'{EXTRA}.STAGE{number}'
    stage = {'NUM_MODULES': 1, 'NUM_BRANCHES': number, 'FUSE_METHOD': 'SUM', **given}
    for key in [key for key in stage if key not in STAGE_KEYS]:
        report.dropped(f'{place}.{key}', f'{shown(stage.pop(key))}: the official code does not read it either')
    expected = {'BLOCK': 'BASIC' if number > 1 else 'BOTTLENECK', 'NUM_BRANCHES': number, 'FUSE_METHOD': 'SUM'}
    for key, value in expected.items():
        if stage.get(key) != value:
            raise ConfigError(f'{place}.{key} is {shown(stage.get(key))}: the HRNetV2 here has {value} there')
    for key in ('NUM_BLOCKS', 'NUM_CHANNELS'):
        counts = stage.get(key)
        if not isinstance(counts, (list, tuple)) or [type(count) for count in counts] != [int] * number:
            raise ConfigError(f'{place}.{key} is {shown(counts)}: give {number} whole numbers, one for each branch')
    return {key.lower(): tuple(value) if isinstance(value, list) else value for key, value in stage.items()
            if key != 'FUSE_METHOD'}  # fmt: skip


def _backbone(
    settings: OfficialSettings,
    stages: dict[str, dict[str, Any]],
    *,
    norm: dict[str, Any],
    align_corners: bool,
    report: Report,
) -> dict[str, Any]:
    start = settings.use('MODEL.PRETRAINED')
    if start and not Path(start).is_file():
        report.chose('MODEL.PRETRAINED', f'{start}, which is not on this machine: give --pretrained to tools/train.py')
    shared = {'norm_cfg': norm, 'init_cfg': {'type': 'Pretrained', 'checkpoint': start} if start else None}
    arch = next((name for name, arch in ARCHS.items() if stage_settings(arch) == stages), None)
    if arch is not None:
        return {'type': 'HRNetV2', 'arch': arch, **({'align_corners': True} if align_corners else {}), **shared}
    if align_corners:
        raise ConfigError(f'{EXTRA} is a geometry of its own: that is built with MODEL.ALIGN_CORNERS False only')
    report.chose(EXTRA, "mmseg's HRNet, since this geometry is none of " + ', '.join(ARCHS))
    return {'type': 'HRNet', 'extra': stages, **shared}


def _balance(settings: OfficialSettings) -> list[float]:
    """Return the weight of the loss of each output.

    Raises:
        ConfigError: the network has another number of outputs.
    """
    outputs = 2 if settings['MODEL.NAME'] == OCR else 1
    weights, count = settings.use('LOSS.BALANCE_WEIGHTS'), settings.use('MODEL.NUM_OUTPUTS')
    if len(weights) != outputs or count != outputs:
        raise ConfigError(
            f'LOSS.BALANCE_WEIGHTS {weights} with MODEL.NUM_OUTPUTS {count}: {settings["MODEL.NAME"]} has {outputs} '
            f'outputs: give {"[0.4, 1] and 2" if outputs == 2 else "[1] and 1"}'
        )
    if settings.use('TEST.OUTPUT_INDEX') not in (-1, outputs - 1):
        raise ConfigError('TEST.OUTPUT_INDEX: the last output is what is predicted here: give -1')
    return [float(weight) for weight in weights]


def _with_hard_pixels(settings: OfficialSettings, loss: dict[str, Any]) -> dict[str, Any]:
    thresh, kept = settings.use('LOSS.OHEMTHRES'), settings.use('LOSS.OHEMKEEP')
    if not settings.use('LOSS.USE_OHEM'):
        return loss
    return {**loss, 'type': 'OHEMCrossEntropyLoss', 'thresh': thresh, 'min_kept': max(kept, 1)}
