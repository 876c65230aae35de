"""Pipelines: normalising and padding move to the model, scales and flips of tests to a pipeline of their own."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mmseg.registry import TRANSFORMS

from mmseg_aux_hrnet.exchange.migration.report import Report, Section, known_part

Step = dict[str, Any]
PACK = {'type': 'PackSegInputs'}
LABELS = {'type': 'LoadAnnotations'}
FORMATTING = ('DefaultFormatBundle', 'ImageToTensor', 'ToTensor', 'Transpose', 'ToDataContainer')
PREPROCESSING = ('Normalize', 'Pad')
AUGMENT = 'MultiScaleFlipAug'
AUG_TEST_RATIOS = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)  # what --aug-test of 0.x's tools/test.py set, with flips
RATIO_STEP = 0.05  # between the sizes that stand for a free ratio of an image's own size


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
        training = migrate_training(old, place=place, report=report)
        return training._replace(steps=_labelled(training.steps, labels))
    augment = Section(old[index], place=f'{place}.{AUGMENT}', report=report)
    inner = [*(augment.take('transforms') or ()), *old[index + 1 :]]
    _note_order(inner, place=place, report=report)
    base, resizes, flips = migrate_views(augment, _last(inner, 'Resize'))
    load = _migrated(old[:index], place=place, report=report)
    # Both are among the views, once for every size and direction.
    others = [step for step in inner if step.get('type') not in ('Resize', 'RandomFlip')]
    parts = _labelled(_migrated(others, place=place, report=report), labels)
    # TestTimeAug combines one of each list with one of every other: what has no alternative is a list of one.
    choices = [choice for choice in (resizes, flips, *([part] for part in parts)) if choice]
    averaged = [*load, {'type': 'TestTimeAug', 'transforms': choices}]
    return Pipeline([*load, *base, *parts], _last(inner, 'Normalize'), _last(inner, 'Pad'), averaged)


def _last(steps: Sequence[Step], name: str) -> Step | None:
    return next((step for step in reversed(steps) if step.get('type') == name), None)


def _note_order(steps: Sequence[Step], *, place: str, report: Report) -> None:
    types = [step.get('type') for step in steps]
    after = types[types.index('Normalize') + 1 :] if 'Normalize' in types else []
    for name in after:
        if name not in (*PREPROCESSING, *FORMATTING, 'Collect'):
            report.chose(f'{place}.{name}', 'now before normalisation, which in 1.x the model does')


def _migrated(old: Sequence[Step], *, place: str, report: Report) -> list[Step]:
    steps = (migrate_step(step, place=place, report=report) for step in old if step.get('type') not in PREPROCESSING)
    return [step for step in steps if step is not None]


def _labelled(steps: list[Step], labels: Step | None) -> list[Step]:
    """Return ``steps`` with the labels loaded after all that changes the image, and packed last.

    Labels of tests stay in their own size: a prediction is brought back to it before it is compared.
    """
    before = [step for step in steps if step not in (PACK, labels)]
    return [*before, *([] if labels is None else [labels]), PACK]


def migrate_views(augment: Section, resize: Step | None) -> tuple[list[Step], list[Step], list[Step]]:
    """Return the views of ``MultiScaleFlipAug``, or where that is one view, those of the tool's ``--aug-test``.

    Args:
        augment: the settings of ``MultiScaleFlipAug``; its transforms are taken already.
        resize: the ``Resize`` among those.

    Returns:
        The resize of a plain test, none or one; the resizes to average over, none where nothing is resized; the flips
        to average over.
    """
    augment.take('type')
    scales = as_scales(augment.take('img_scale'))
    given = augment.take('img_ratios')
    ratios = [given] if isinstance(given, (int, float)) else list(given or ())
    flip = bool(augment.take('flip', False))
    directions = augment.take('flip_direction', 'horizontal')
    augment.close()
    # A config with one view was meant for a plain test, and 0.x's tool set other views in it when asked to average.
    averaging = flip or len(scales) > 1 or len(ratios) > 1
    if averaging:
        augment.report.chose(
            augment.place,
            'a plain test looks once, at the first size; --scales and --flip of tools/test.py average, and --tta of '
            "mmseg's tool does, by tta_pipeline",
        )
    flips: list[Step] = [{'type': 'RandomFlip', 'prob': 0.0}]
    if flip or not averaging:
        names = [directions] if isinstance(directions, str) else directions
        flips += [{'type': 'RandomFlip', 'prob': 1.0, 'direction': name} for name in names]
    if resize is None:
        return [], [], flips
    keep_ratio = resize.get('keep_ratio', True)
    factors = ratios or ([1.0] if averaging else list(AUG_TEST_RATIOS))
    base = _resizes(scales[:1], [1.0] if scales else ratios[:1], keep_ratio=keep_ratio)
    return base, _resizes(scales, factors, keep_ratio=keep_ratio), flips


def _resizes(scales: list[tuple[int, int]], factors: list[float], *, keep_ratio: bool) -> list[Step]:
    """Return a resize for each size and factor; without sizes, the factors are of the image's own size."""
    if not scales:
        return [{'type': 'Resize', 'scale_factor': factor, 'keep_ratio': keep_ratio} for factor in factors]
    sizes = [(int(first * factor), int(second * factor)) for first, second in scales for factor in factors]
    return [{'type': 'Resize', 'scale': size, 'keep_ratio': keep_ratio} for size in sizes]


def migrate_step(step: Step, *, place: str, report: Report) -> Step | None:
    """Return a transform under its name and arguments of 1.x, or None where it has none there."""
    section = Section(step, place=f'{place}.{step.get("type")}', report=report)
    new: Step | None
    match section.take('type'):
        case 'LoadImageFromFile':
            kept = section.take_given('to_float32', 'color_type', 'imdecode_backend')
            new = {'type': 'LoadImageFromFile', **kept, **backend_args(section.take('file_client_args'))}
        case 'LoadAnnotations':
            kept = section.take_given('imdecode_backend')
            section.take('reduce_zero_label')  # goes to the data set, which tells its transforms
            new = {'type': 'LoadAnnotations', **kept, **backend_args(section.take('file_client_args'))}
        case 'RandomFlip':
            ratio = section.take('flip_ratio')  # the older name
            new = {'type': 'RandomFlip', 'prob': section.take('prob', ratio), **section.take_given('direction')}
        case 'Resize':
            new = _resize(section)
        case 'Collect':
            section.take('keys')
            section.drop('meta_keys', why='PackSegInputs has its own')
            new = dict(PACK)
        case name if name in FORMATTING:
            return None  # PackSegInputs does it all
        case _:
            return known_part(TRANSFORMS, step, place=place, report=report)
    section.close()
    return new


def backend_args(file_client_args: dict[str, Any] | None) -> dict[str, Any]:
    """Return where 1.x reads files from, as an argument of its loaders; nothing for the local disk."""
    if not file_client_args or file_client_args.get('backend', 'disk') == 'disk':
        return {}
    return {'backend_args': dict(file_client_args)}


def _resize(section: Section) -> Step:
    """Return the random resize that the arguments of 0.x's one ``Resize`` mean."""
    keep_ratio = section.take('keep_ratio', True)
    ratios = section.take('ratio_range')
    mode = section.take('multiscale_mode', 'range')
    scales = as_scales(section.take('img_scale'))
    if ratios is not None and scales:
        return {'type': 'RandomResize', 'scale': scales[0], 'ratio_range': tuple(ratios), 'keep_ratio': keep_ratio}
    if ratios is not None:
        section.report.chose(
            section.where('ratio_range'),
            f'steps of {RATIO_STEP}: the RandomResize of 1.x takes no image at its own size',
        )
        count = round((ratios[1] - ratios[0]) / RATIO_STEP)
        factors = [round(ratios[0] + index * RATIO_STEP, 4) for index in range(count + 1)]
        choices = [[{'type': 'Resize', 'scale_factor': factor, 'keep_ratio': keep_ratio}] for factor in factors]
        return {'type': 'RandomChoice', 'transforms': choices}
    if len(scales) > 1:
        name, key = ('RandomChoiceResize', 'scales') if mode == 'value' else ('RandomResize', 'scale')
        return {'type': name, key: scales, 'resize_type': 'Resize', 'keep_ratio': keep_ratio}
    return {'type': 'Resize', **({'scale': scales[0]} if scales else {'scale_factor': 1.0}), 'keep_ratio': keep_ratio}


def as_scales(img_scale: Any) -> list[tuple[int, int]]:
    """Return what ``img_scale`` names, one size, a list of them or None, as a list of sizes."""
    if img_scale is None:
        return []
    many = isinstance(img_scale[0], (list, tuple))
    return [(int(a), int(b)) for a, b in (img_scale if many else [img_scale])]
