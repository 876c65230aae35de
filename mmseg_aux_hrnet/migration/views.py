"""The sizes and mirror images at which a test looks at an image."""

from typing import Any, NamedTuple

from mmseg_aux_hrnet.migration.report import Section
from mmseg_aux_hrnet.migration.transforms import Step, as_scales

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
