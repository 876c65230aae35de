"""Pipelines: normalising and padding leave them for the model, scales and flips of tests for one of their own."""

from collections.abc import Sequence
from typing import NamedTuple

from mmseg_aux_hrnet.migration.report import Report, Section
from mmseg_aux_hrnet.migration.transforms import FORMATTING, PACK, Step, migrate_step
from mmseg_aux_hrnet.migration.views import migrate_views

AUGMENT = 'MultiScaleFlipAug'
PREPROCESSING = ('Normalize', 'Pad')


class Pipeline(NamedTuple):
    """What a pipeline of 0.x has become.

    Attributes:
        steps: the pipeline of 1.x.
        normalize: its ``Normalize``; None without one.
        pad: its ``Pad``; None without one.
        averaged: for tests, the pipeline that averages over scales and flips; else empty.
    """

    steps: list[Step]
    normalize: Step | None
    pad: Step | None
    averaged: list[Step]


def migrate_training(old: Sequence[Step], *, place: str, report: Report) -> Pipeline:
    """Return the pipeline that trains."""
    _note_order(old, place=place, report=report)
    steps = _migrated(old, place=place, report=report)
    return Pipeline(steps, _last(old, 'Normalize'), _last(old, 'Pad'), [])


def migrate_testing(old: Sequence[Step], *, place: str, labels: Step | None, report: Report) -> Pipeline:
    """Return the pipeline that tests.

    Args:
        old: steps of 0.x, which loaded no labels.
        place: its name in the old config.
        labels: the transform that loads them; None where there are none.
        report: gets the notes.
    """
    index = next((i for i, step in enumerate(old) if step.get('type') == AUGMENT), None)
    if index is None:
        _note_order(old, place=place, report=report)
        steps = _migrated(old, place=place, report=report)
        return Pipeline(_labelled(steps, labels), _last(old, 'Normalize'), _last(old, 'Pad'), [])
    augment = Section(old[index], place=f'{place}.{AUGMENT}', report=report)
    inner = [*(augment.take('transforms') or ()), *old[index + 1 :]]
    _note_order(inner, place=place, report=report)
    views = migrate_views(augment, _last(inner, 'Resize'))
    load = _migrated(old[:index], place=place, report=report)
    others = [step for step in inner if step.get('type') not in ('Resize', 'RandomFlip')]
    parts = _labelled(_migrated(others, place=place, report=report), labels)
    choices = [choice for choice in (views.resizes, views.flips, *([part] for part in parts)) if choice]
    averaged = [*load, {'type': 'TestTimeAug', 'transforms': choices}]
    return Pipeline([*load, *views.base, *parts], _last(inner, 'Normalize'), _last(inner, 'Pad'), averaged)


def _last(steps: Sequence[Step], name: str) -> Step | None:
    return next((step for step in reversed(steps) if step.get('type') == name), None)


def _note_order(steps: Sequence[Step], *, place: str, report: Report) -> None:
    types = [step.get('type') for step in steps]
    after = types[types.index('Normalize') + 1 :] if 'Normalize' in types else []
    for name in after:
        if name not in (*PREPROCESSING, *FORMATTING):
            report.chose(f'{place}.{name}', 'now before normalisation, which in 1.x the model does')


def _migrated(old: Sequence[Step], *, place: str, report: Report) -> list[Step]:
    steps = (migrate_step(step, place=place, report=report) for step in old if step.get('type') not in PREPROCESSING)
    return [step for step in steps if step is not None]


def _labelled(steps: list[Step], labels: Step | None) -> list[Step]:
    """Return ``steps`` with the labels loaded after all that changes the image, and packed last."""
    before = [step for step in steps if step not in (PACK, labels)]
    return [*before, *([] if labels is None else [labels]), PACK]
