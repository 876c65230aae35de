"""The model: settings around the network move into it, the network itself stays."""

from collections.abc import Sequence
from typing import Any

from mmseg_aux_hrnet.exchange.migration.pipelines import Pipeline, Step
from mmseg_aux_hrnet.exchange.migration.report import Report, Section, shown

Loss = dict[str, Any]
OHEM = 'OHEMPixelSampler'


def migrate_model(
    old: dict[str, Any], *, preprocessor: dict[str, Any], batch_size: int, report: Report
) -> dict[str, Any]:
    """Return the model of 1.x.

    Args:
        old: the model of 0.x, with ``train_cfg`` and ``test_cfg``.
        preprocessor: the ``data_preprocessor``, from the pipelines.
        batch_size: training images of a batch on each device.
        report: gets the notes.
    """
    section = Section(old, place='model', report=report)
    new = {'type': section.take('type'), 'data_preprocessor': preprocessor}
    new['backbone'] = _backbone(section)
    new |= section.take_given('neck', 'num_stages')
    for name in ('decode_head', 'auxiliary_head'):
        given = section.take(name)
        if given is None:
            continue
        several, heads = isinstance(given, (list, tuple)), []
        for index, head in enumerate(given if several else [given]):
            place = f'model.{name}[{index}]' if several else f'model.{name}'
            heads.append(migrate_losses(head, place=place, batch_size=batch_size, report=report))
            if heads[-1].get('num_classes') == 2:
                heads[-1].setdefault('out_channels', 2)  # as in 0.x; 1.x would advise against it on every start
        new[name] = heads if several else heads[0]
    new['train_cfg'] = section.take('train_cfg') or {}
    new['test_cfg'] = section.take('test_cfg') or {'mode': 'whole'}
    return {**new, **section.rest()}


def _backbone(section: Section) -> dict[str, Any]:
    """Return the backbone with the weights it starts from in ``init_cfg``, where 1.x looks for them."""
    part = section.part('backbone')
    part.drop(
        'pretrain_style',
        why="weights of the authors' form are converted first, by mmseg's tools/model_converters",
    )
    own = part.take('pretrained')
    pretrained = section.take('pretrained') or own
    init_cfg = part.take('init_cfg')
    new = part.rest()
    if pretrained is not None and init_cfg is not None:
        part.report.dropped('model.backbone.init_cfg', f'{init_cfg!r}: pretrained is set too')
    if pretrained is not None:
        init_cfg = {'type': 'Pretrained', 'checkpoint': pretrained}
    return new if init_cfg is None else {**new, 'init_cfg': init_cfg}


def migrate_losses(head: dict[str, Any], *, place: str, batch_size: int, report: Report) -> dict[str, Any]:
    """Return ``head`` with losses that train in 1.x as they did in 0.x, or as nearly as possible, with notes.

    Args:
        head: a decode head or auxiliary head; may have ``loss_decode``, one loss or a list, and ``sampler``.
        place: its name in the old config.
        batch_size: images of a batch on each device, which OHEM counts its pixels in.
        report: gets the notes.
    """
    head = dict(head)
    given = head.get('loss_decode', {'type': 'CrossEntropyLoss'})
    sampler = head.get('sampler')
    top_k = sampler is not None and sampler.get('thresh') is None  # asks for the loss of each pixel
    new = []
    for loss in given if isinstance(given, (list, tuple)) else [given]:
        weighted = isinstance(loss.get('class_weight'), (list, tuple))
        if loss.get('type') == 'DiceLoss':
            new.append(_reference_dice(loss, place=f'{place}.loss_decode.DiceLoss', report=report))
        elif loss.get('type') == 'CrossEntropyLoss' and weighted and not top_k:
            new.append(_masked_cross_entropy(loss, place=f'{place}.loss_decode.CrossEntropyLoss', report=report))
        else:
            new.append(dict(loss))
    if sampler is not None and sampler.get('type') == OHEM and any(loss['type'] == 'ReferenceDiceLoss' for loss in new):
        new = _without_sampler(head, new, place=place, batch_size=batch_size, report=report)
    if 'loss_decode' in head:
        head['loss_decode'] = new if isinstance(given, (list, tuple)) else new[0]
    return head


def _reference_dice(loss: Loss, *, place: str, report: Report) -> Loss:
    section = Section(loss, place=place, report=report)
    section.take('type')
    kept = section.take_given('smooth', 'exponent', 'class_weight', 'loss_weight', 'loss_name')
    if section.take('reduction', 'mean') != 'mean':
        report.dropped(section.where('reduction'), 'ReferenceDiceLoss gives the mean')
    if section.take('ignore_index', 255) != 255:
        report.dropped(section.where('ignore_index'), "the head's ignore_index counts")
    for key, value in section.rest().items():
        report.dropped(section.where(key), f'{value!r}: the DiceLoss of 0.18 ignored it')
    report.chose(
        section.place,
        'ReferenceDiceLoss, the formula of 0.x, which counts ignored pixels as the last class; the DiceLoss of 1.x is '
        'another one, and MaskedDiceLoss is the corrected one',
    )
    return {'type': 'ReferenceDiceLoss', **kept}


def _masked_cross_entropy(loss: Loss, *, place: str, report: Report) -> Loss:
    """Return cross entropy with class weights: that of 1.x fails beside ignored pixels on one of the two stacks."""
    if loss.get('use_sigmoid') or loss.get('use_mask') or loss.get('reduction', 'mean') != 'mean':
        return dict(loss)
    kept = _softmax_settings(loss, place=place, report=report)
    report.chose(
        f'{place}.class_weight',
        'MaskedCrossEntropyLoss: divides by the class weights of the pixels that count, where 0.x divided by the '
        'number of all pixels, so its size differs by the mean weight',
    )
    return {'type': 'MaskedCrossEntropyLoss', **kept}


def _softmax_settings(loss: Loss, *, place: str, report: Report) -> Loss:
    """Return what cross entropies over a softmax share; what else is set is noted."""
    section = Section(loss, place=place, report=report)
    for key in ('type', 'use_sigmoid', 'use_mask', 'reduction', 'avg_non_ignore'):
        section.take(key)
    kept = section.take_given('class_weight', 'loss_weight', 'loss_name')
    section.close()
    return kept


def _without_sampler(
    head: dict[str, Any], losses: list[Loss], *, place: str, batch_size: int, report: Report
) -> list[Loss]:
    """Take ``OHEMPixelSampler`` out of ``head``, where Dice is among its losses, and return what does the same."""
    sampler = Section(head.pop('sampler'), place=f'{place}.sampler', report=report)
    if all(loss['type'] == 'ReferenceDiceLoss' for loss in losses):
        report.chose(
            sampler.place,
            f'no sampler: the DiceLoss of 0.x dropped the pixel weights of {OHEM}, so that it never did anything; '
            'for hard pixels only, use OHEMCrossEntropyLoss',
        )
        return losses
    settings = sampler.take_given('thresh', 'min_kept')
    if 'thresh' not in settings:
        report.dropped(sampler.place, f'{OHEM} without thresh beside DiceLoss; use OHEMCrossEntropyLoss')
        return losses
    report.chose(
        sampler.place,
        'OHEMCrossEntropyLoss in the place of cross entropy, and all pixels for Dice, which never was sampled; it '
        'divides by the number of hard pixels, where 0.x divided by that of all',
    )
    # The loss counts the pixels of a batch, where the sampler counted those of an image.
    settings['min_kept'] = settings.get('min_kept', 100000) * batch_size
    new = []
    for loss in losses:
        if loss['type'] in ('CrossEntropyLoss', 'MaskedCrossEntropyLoss') and not loss.get('use_sigmoid'):
            kept = _softmax_settings(loss, place=f'{place}.loss_decode', report=report)
            loss = {'type': 'OHEMCrossEntropyLoss', **settings, 'loss_name': 'loss_ce', **kept}
        new.append(loss)
    return new


def migrate_preprocessor(
    training: Sequence[Pipeline], testing: Sequence[Pipeline], *, report: Report
) -> dict[str, Any]:
    """Return the preprocessor; it is one for training and tests, and what differs between them is noted.

    Args:
        training: the pipelines of all training data.
        testing: those of all validation and test data.
        report: gets the notes.
    """
    normalize = _agreed('Normalize', [pipeline.normalize for pipeline in (*training, *testing)], report=report)
    pad = _agreed('Pad', [pipeline.pad for pipeline in training], report=report)
    test_pad = _agreed('Pad', [pipeline.pad for pipeline in testing], report=report)
    new: dict[str, Any] = {'type': 'SegDataPreProcessor'}
    if normalize is None:
        new['bgr_to_rgb'] = False
    else:
        section = Section(normalize, place='Normalize', report=report)
        section.take('type')
        new |= {'mean': list(section.take('mean')), 'std': list(section.take('std'))}
        new['bgr_to_rgb'] = bool(section.take('to_rgb', True))
        section.close()
    # A divisor of 1 pads the images of a batch to the largest: of several sizes they would not stack.
    new |= _padding(pad, report=report) or {'size_divisor': 1, 'pad_val': 0, 'seg_pad_val': 255}
    size = {key: value for key, value in _padding(test_pad, report=report).items() if key.startswith('size')}
    return {**new, 'test_cfg': size} if size else new


def _agreed(name: str, steps: Sequence[Step | None], *, report: Report) -> Step | None:
    for step in steps[1:]:
        if step != steps[0]:
            report.dropped(name, f'{shown(step)}: not the same in every pipeline; the model has {shown(steps[0])}')
    return steps[0] if steps else None


def _padding(step: Step | None, *, report: Report) -> dict[str, Any]:
    if step is None:
        return {}
    section = Section(step, place='Pad', report=report)
    section.take('type')
    size, divisor = section.take('size'), section.take('size_divisor')
    values = {'pad_val': section.take('pad_val', 0), 'seg_pad_val': section.take('seg_pad_val', 255)}
    section.close()
    if size is not None:
        return {'size': tuple(size) if isinstance(size, (list, tuple)) else (size, size), **values}
    return {'size_divisor': divisor or 1, **values}
