"""Pipelines: normalising and padding leave them for the model, scales and flips of tests for one of their own."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mmseg_aux_hrnet.exchange.migration.report import Report, Section
from mmseg_aux_hrnet.exchange.migration.transforms import FORMATTING, PACK, Step, as_scales, migrate_step

AUG_TEST_RATIOS = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)  # what --aug-test of 0.x's tools/test.py set, with flips


class Views(NamedTuple):
    """How tests of 1.x resize and flip.

    Attributes:
        base: the resize of a plain test, none or one.
        resizes: those to average over; empty where nothing is resized.
        flips: those to average over.
    """

    base: list[Step]
    resizes: list[Step]
    flips: list[Step]


def migrate_views(augment: Section, resize: Step | None) -> Views:
    """Return what ``MultiScaleFlipAug`` looked at, or where that is one view, what the tool's ``--aug-test`` did.

    Args:
        augment: the settings of ``MultiScaleFlipAug``; its transforms are taken already.
        resize: the ``Resize`` among those.
    """
    augment.take('type')
    scales = as_scales(augment.take('img_scale'))
    ratios = _ratios(augment.take('img_ratios'))
    flip = bool(augment.take('flip', False))
    directions = augment.take('flip_direction', 'horizontal')
    augment.close()
    averaging = flip or len(scales) > 1 or len(ratios) > 1
    if averaging:
        augment.report.chose(
            augment.place,
            'a plain test looks once, at the first size; --scales and --flip of tools/test.py average, and --tta of '
            "mmseg's tool does, by tta_pipeline",
        )
    still: Step = {'type': 'RandomFlip', 'prob': 0.0}
    flips = [still, *_mirrored(directions)] if flip or not averaging else [still]
    if resize is None:
        return Views([], [], flips)
    keep_ratio = resize.get('keep_ratio', True)
    factors = ratios or ([1.0] if averaging else list(AUG_TEST_RATIOS))
    resizes = _resizes(scales, factors, keep_ratio=keep_ratio)
    base = _resizes(scales[:1], [1.0] if scales else ratios[:1], keep_ratio=keep_ratio)
    return Views(base, resizes, flips)


def _ratios(given: Any) -> list[float]:
    if given is None:
        return []
    return [given] if isinstance(given, (int, float)) else list(given)


def _mirrored(directions: Any) -> list[Step]:
    names = [directions] if isinstance(directions, str) else list(directions)
    return [{'type': 'RandomFlip', 'prob': 1.0, 'direction': name} for name in names]


def _resizes(scales: list[tuple[int, int]], factors: list[float], *, keep_ratio: bool) -> list[Step]:
    """Return a resize for each size and factor; without sizes, the factors are of the image's own size."""
    if not scales:
        return [{'type': 'Resize', 'scale_factor': factor, 'keep_ratio': keep_ratio} for factor in factors]
    sizes = [(int(first * factor), int(second * factor)) for first, second in scales for factor in factors]
    return [{'type': 'Resize', 'scale': size, 'keep_ratio': keep_ratio} for size in sizes]


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
