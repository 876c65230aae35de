"""One transform of a pipeline."""

from collections.abc import Callable
from typing import Any

from mmseg.registry import TRANSFORMS

from mmseg_aux_hrnet.exchange.migration.registered import known_part
from mmseg_aux_hrnet.exchange.migration.report import Report, Section

Step = dict[str, Any]
PACK = {'type': 'PackSegInputs'}
LABELS = {'type': 'LoadAnnotations'}
FORMATTING = ('DefaultFormatBundle', 'ImageToTensor', 'ToTensor', 'Transpose', 'ToDataContainer', 'Collect')
RATIO_STEP = 0.05  # between the sizes that stand for a free ratio of an image's own size


def migrate_step(step: Step, *, place: str, report: Report) -> Step | None:
    """Return a transform under its name and arguments of 1.x, or None where it has none there."""
    section = Section(step, place=f'{place}.{step.get("type")}', report=report)
    convert = CONVERTERS.get(str(section.take('type')))
    if convert is None:
        return known_part(TRANSFORMS, step, place=place, report=report)
    new = convert(section)
    section.close()
    return new


def backend_args(file_client_args: dict[str, Any] | None) -> dict[str, Any]:
    """Return where 1.x reads files from, as an argument of its loaders; nothing for the local disk."""
    if not file_client_args or file_client_args.get('backend', 'disk') == 'disk':
        return {}
    return {'backend_args': dict(file_client_args)}


def _image_loader(section: Section) -> Step:
    kept = section.take_given('to_float32', 'color_type', 'imdecode_backend')
    return {'type': 'LoadImageFromFile', **kept, **backend_args(section.take('file_client_args'))}


def _label_loader(section: Section) -> Step:
    kept = section.take_given('imdecode_backend')
    section.take('reduce_zero_label')  # goes to the data set, which tells its transforms
    return {'type': 'LoadAnnotations', **kept, **backend_args(section.take('file_client_args'))}


def _flip(section: Section) -> Step:
    ratio = section.take('flip_ratio')  # the older name
    prob = section.take('prob', ratio)
    return {'type': 'RandomFlip', 'prob': prob, **section.take_given('direction')}


def _resize(section: Section) -> Step:
    """Return the random resize that the arguments of 0.x's one ``Resize`` mean."""
    keep_ratio = section.take('keep_ratio', True)
    ratio_range = section.take('ratio_range')
    mode = section.take('multiscale_mode', 'range')
    scales = as_scales(section.take('img_scale'))
    if ratio_range is not None:
        return _by_ratio(scales, tuple(ratio_range), keep_ratio=keep_ratio, section=section)
    if len(scales) > 1 and mode == 'value':
        return {'type': 'RandomChoiceResize', 'scales': scales, 'resize_type': 'Resize', 'keep_ratio': keep_ratio}
    if len(scales) > 1:
        return {'type': 'RandomResize', 'scale': scales, 'resize_type': 'Resize', 'keep_ratio': keep_ratio}
    return {'type': 'Resize', **({'scale': scales[0]} if scales else {'scale_factor': 1.0}), 'keep_ratio': keep_ratio}


def _by_ratio(scales: list[tuple[int, int]], ratios: tuple[float, ...], *, keep_ratio: bool, section: Section) -> Step:
    if scales:
        return {'type': 'RandomResize', 'scale': scales[0], 'ratio_range': ratios, 'keep_ratio': keep_ratio}
    count = round((ratios[1] - ratios[0]) / RATIO_STEP)
    factors = [round(ratios[0] + index * RATIO_STEP, 4) for index in range(count + 1)]
    section.report.chose(
        section.where('ratio_range'), f'steps of {RATIO_STEP}: the RandomResize of 1.x takes no image at its own size'
    )
    return {
        'type': 'RandomChoice',
        'transforms': [[{'type': 'Resize', 'scale_factor': factor, 'keep_ratio': keep_ratio}] for factor in factors],
    }


def as_scales(img_scale: Any) -> list[tuple[int, int]]:
    """Return what ``img_scale`` names, one size, a list of them or None, as a list of sizes."""
    if img_scale is None:
        return []
    many = isinstance(img_scale[0], (list, tuple))
    return [(int(a), int(b)) for a, b in (img_scale if many else [img_scale])]


def _pack(section: Section) -> Step:
    section.take('keys')
    section.drop('meta_keys', why='PackSegInputs has its own')
    return dict(PACK)


def _nothing(section: Section) -> None:
    section.rest()


CONVERTERS: dict[str, Callable[[Section], Step | None]] = {
    'LoadImageFromFile': _image_loader,
    'LoadAnnotations': _label_loader,
    'RandomFlip': _flip,
    'Resize': _resize,
    **dict.fromkeys(FORMATTING, _nothing),
    'Collect': _pack,
}
