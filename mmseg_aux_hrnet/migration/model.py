"""The model: what was fine-tuned around the network moves into it, the network itself stays."""

from typing import Any

from mmseg_aux_hrnet.migration.losses import migrate_losses
from mmseg_aux_hrnet.migration.report import Report, Section


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
    new['backbone'] = _backbone(section, report=report)
    new |= section.take_given('neck', 'num_stages')
    for name in ('decode_head', 'auxiliary_head'):
        given = section.take(name)
        if given is not None:
            new[name] = _each(given, place=f'model.{name}', batch_size=batch_size, report=report)
    new['train_cfg'] = section.take('train_cfg') or {}
    new['test_cfg'] = section.take('test_cfg') or {'mode': 'whole'}
    return {**new, **section.rest()}


def _backbone(section: Section, *, report: Report) -> dict[str, Any]:
    """Return the backbone with the weights it starts from in ``init_cfg``, where 1.x looks for them."""
    backbone = dict(section.take('backbone') or {})
    part = Section(backbone, place='model.backbone', report=report)
    part.drop(
        'pretrain_style',
        why="weights of the authors' form are converted first, by mmseg's tools/model_converters",
    )
    pretrained = section.take('pretrained') or part.take('pretrained')
    part.take('pretrained')
    init_cfg = part.take('init_cfg')
    new = part.rest()
    if pretrained is not None and init_cfg is not None:
        report.dropped('model.backbone.init_cfg', f'{init_cfg!r}: pretrained is set too')
    if pretrained is not None:
        init_cfg = {'type': 'Pretrained', 'checkpoint': pretrained}
    return new if init_cfg is None else {**new, 'init_cfg': init_cfg}


def _each(given: Any, *, place: str, batch_size: int, report: Report) -> Any:
    if isinstance(given, (list, tuple)):
        heads = enumerate(given)
        return [_head(head, place=f'{place}[{i}]', batch_size=batch_size, report=report) for i, head in heads]
    return _head(given, place=place, batch_size=batch_size, report=report)


def _head(head: dict[str, Any], *, place: str, batch_size: int, report: Report) -> dict[str, Any]:
    new = migrate_losses(head, place=place, batch_size=batch_size, report=report)
    if new.get('num_classes') == 2:
        new.setdefault('out_channels', 2)  # what 0.x had; 1.x would advise against it on every start
    return new
