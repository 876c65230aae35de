"""Losses and the sampler of one decode head."""

from typing import Any

from mmseg_aux_hrnet.migration.report import Report, Section

Loss = dict[str, Any]
OHEM = 'OHEMPixelSampler'


def migrate_losses(head: dict[str, Any], *, place: str, batch_size: int, report: Report) -> dict[str, Any]:
    """Return ``head`` with losses that train in 1.x as they did in 0.x, or as near as there are, with notes.

    Args:
        head: a decode head or auxiliary head; may have ``loss_decode``, one loss or a list, and ``sampler``.
        place: its name in the old config.
        batch_size: images of a batch on each device, which OHEM counts its pixels in.
        report: gets the notes.
    """
    head = dict(head)
    given = head.get('loss_decode', {'type': 'CrossEntropyLoss'})
    losses = list(given) if isinstance(given, (list, tuple)) else [given]
    sampler = head.get('sampler')
    new = [_migrated(loss, place=f'{place}.loss_decode', sampler=sampler, report=report) for loss in losses]
    if sampler is not None and sampler.get('type') == OHEM:
        new = _with_ohem(head, new, place=place, batch_size=batch_size, report=report)
    if 'loss_decode' in head:
        head['loss_decode'] = new if isinstance(given, (list, tuple)) else new[0]
    return head


def _migrated(loss: Loss, *, place: str, sampler: dict[str, Any] | None, report: Report) -> Loss:
    if loss.get('type') == 'DiceLoss':
        return _reference_dice(loss, place=place, report=report)
    top_k = sampler is not None and sampler.get('thresh') is None  # asks for the loss of each pixel
    if loss.get('type') == 'CrossEntropyLoss' and isinstance(loss.get('class_weight'), (list, tuple)) and not top_k:
        return _weighted_cross_entropy(loss, place=place, report=report)
    return dict(loss)


def _reference_dice(loss: Loss, *, place: str, report: Report) -> Loss:
    section = Section(loss, place=f'{place}.DiceLoss', report=report)
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


def _weighted_cross_entropy(loss: Loss, *, place: str, report: Report) -> Loss:
    """Return cross entropy with class weights: that of 1.x fails beside ignored pixels on one of the two stacks."""
    section = Section(loss, place=f'{place}.CrossEntropyLoss', report=report)
    if loss.get('use_sigmoid') or loss.get('use_mask') or loss.get('reduction', 'mean') != 'mean':
        return dict(loss)
    kept = section.take_given('class_weight', 'loss_weight', 'loss_name')
    for key in ('type', 'use_sigmoid', 'use_mask', 'reduction', 'avg_non_ignore'):
        section.take(key)
    section.close()
    report.chose(
        section.where('class_weight'),
        'MaskedCrossEntropyLoss: divides by the class weights of the pixels that count, where 0.x divided by the '
        'number of all pixels, so its size differs by the mean weight',
    )
    return {'type': 'MaskedCrossEntropyLoss', **kept}


def _with_ohem(head: dict[str, Any], losses: list[Loss], *, place: str, batch_size: int, report: Report) -> list[Loss]:
    """Return the losses under ``OHEMPixelSampler``, which is taken out of ``head`` where Dice is among them."""
    dice = [loss['type'] == 'ReferenceDiceLoss' for loss in losses]
    if not any(dice):
        return losses
    sampler = head.pop('sampler')
    section = Section(sampler, place=f'{place}.sampler', report=report)
    if all(dice):
        report.chose(
            section.place,
            f'no sampler: the DiceLoss of 0.x dropped the pixel weights of {OHEM}, so that it never did anything; '
            'for hard pixels only, use OHEMCrossEntropyLoss',
        )
        return losses
    settings = section.take_given('thresh', 'min_kept')
    if 'thresh' not in settings:
        report.dropped(section.place, f'{OHEM} without thresh beside DiceLoss; use OHEMCrossEntropyLoss')
        return losses
    report.chose(
        section.place,
        'OHEMCrossEntropyLoss in the place of cross entropy, and all pixels for Dice, which never was sampled; it '
        'divides by the number of hard pixels, where 0.x divided by that of all',
    )
    settings['min_kept'] = settings.get('min_kept', 100000) * batch_size
    return [_hard(loss, settings, place=place, report=report) for loss in losses]


def _hard(loss: Loss, settings: dict[str, Any], *, place: str, report: Report) -> Loss:
    if loss['type'] not in ('CrossEntropyLoss', 'MaskedCrossEntropyLoss') or loss.get('use_sigmoid'):
        return loss
    section = Section(loss, place=f'{place}.loss_decode', report=report)
    for key in ('type', 'use_sigmoid', 'use_mask', 'reduction', 'avg_non_ignore'):
        section.take(key)
    kept = section.take_given('class_weight', 'loss_weight', 'loss_name')
    section.close()
    return {'type': 'OHEMCrossEntropyLoss', **settings, 'loss_name': 'loss_ce', **kept}
