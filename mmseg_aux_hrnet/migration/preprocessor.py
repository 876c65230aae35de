"""The model's ``data_preprocessor``: what ``Normalize`` and ``Pad`` did in the pipelines."""

from collections.abc import Sequence
from typing import Any

from mmseg_aux_hrnet.migration.pipelines import Pipeline
from mmseg_aux_hrnet.migration.report import Report, Section, shown
from mmseg_aux_hrnet.migration.transforms import Step


def migrate_preprocessor(
    training: Sequence[Pipeline], testing: Sequence[Pipeline], *, report: Report
) -> dict[str, Any]:
    """Return the preprocessor; it is one for training and tests, and what differs between them is noted.

    Args:
        training: the pipelines of all training data.
        testing: those of all validation and test data.
        report: gets the notes.
    """
    normalize = _agreed('Normalize', [p.normalize for p in (*training, *testing)], report=report)
    pad = _agreed('Pad', [p.pad for p in training], report=report)
    test_pad = _agreed('Pad', [p.pad for p in testing], report=report)
    new: dict[str, Any] = {'type': 'SegDataPreProcessor', **_normalizing(normalize, report=report)}
    new |= _padding(pad, report=report) or {'size_divisor': 1, 'pad_val': 0, 'seg_pad_val': 255}
    size = {key: value for key, value in _padding(test_pad, report=report).items() if key.startswith('size')}
    return {**new, 'test_cfg': size} if size else new


def _agreed(name: str, steps: Sequence[Step | None], *, report: Report) -> Step | None:
    for step in steps[1:]:
        if step != steps[0]:
            report.dropped(name, f'{shown(step)}: not the same in every pipeline; the model has {shown(steps[0])}')
    return steps[0] if steps else None


def _normalizing(step: Step | None, *, report: Report) -> dict[str, Any]:
    if step is None:
        return {'bgr_to_rgb': False}
    section = Section(step, place='Normalize', report=report)
    section.take('type')
    new: dict[str, Any] = {'mean': list(section.take('mean')), 'std': list(section.take('std'))}
    new['bgr_to_rgb'] = bool(section.take('to_rgb', True))
    section.close()
    return new


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
