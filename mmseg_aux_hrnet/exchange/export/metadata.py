"""The metadata of an exported file, by key and in words."""

import math
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from mmseg_aux_hrnet.bands import Bands
from mmseg_aux_hrnet.classes import class_colours, map_classes
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.export.deepness import deepness_keys, threshold_of
from mmseg_aux_hrnet.exchange.export.formats import ONNX
from mmseg_aux_hrnet.exchange.figures import Figures
from mmseg_aux_hrnet.run.rgb_network import CLASSES, INPUT, PROBABILITIES, Form
from mmseg_aux_hrnet.run.trained_model import LEAST_WINDOW, TrainedModel
from mmseg_aux_hrnet.version import __version__

FORMAT = 'mmseg_aux_hrnet export 1'
DISTRIBUTIONS = ('onedl-mmsegmentation', 'mmsegmentation', 'onedl-mmengine', 'mmengine')
OVERLAP_RANGE = (0, 90)  # percent
TILE_RANGE = (32, 16384)  # pixels
LARGEST_DEFAULT = 1024  # pixels; a desktop has memory for it


def with_tiling(source: TrainedModel, *, size: int | None, overlap: int | None, gsd: float | None) -> TrainedModel:
    """Return the model with the tiling that the command line gives, and for what it does not give that of maps.

    That is at least 512 pixels and as many as the training crops have, but no more than a desktop has memory for.

    Args:
        source: what is exported.
        size: side of the square tiles that users of the file are to cut large images into, pixels.
        overlap: of neighbouring tiles, percent of the side.
        gsd: ground sampling distance, metres per pixel.

    Raises:
        ConfigError: a number is outside its range.
    """
    low, high = TILE_RANGE
    if size is not None and not low <= size <= high:
        raise ConfigError(f'--tile-size {size}: give pixels from {low} to {high}')
    low, high = OVERLAP_RANGE
    if overlap is not None and not low <= overlap <= high:
        raise ConfigError(f'--tile-overlap {overlap}: give percent from {low} to {high}')
    if gsd is not None and not 0 < gsd < math.inf:
        raise ConfigError(f'--gsd {gsd}: give metres per pixel, such as 0.25')
    divisor = source.model.size_divisor
    side = -(-min(max(*source.tile, LEAST_WINDOW), LARGEST_DEFAULT) // divisor) * divisor if size is None else size
    return replace(
        source,
        tile=(side, side),
        overlap=source.overlap if overlap is None else overlap,
        gsd=source.gsd if gsd is None else gsd,
    )


def metadata(source: TrainedModel, *, form: Form, fused: bool, figures: Figures | None, suffix: str) -> dict[str, Any]:
    """Return everything that a file says of itself; values are such as JSON holds.

    Args:
        source: what is exported, with the tiling of the file.
        form: what goes in and out.
        fused: whether batch norms are folded into convolutions.
        figures: how good the checkpoint is; None if it was not measured.
        suffix: format of the file, ``.onnx`` or ``.pt2``.
    """
    size = ['height', 'width'] if form.fixed_size is None else list(form.fixed_size)
    image = {'type': 'float32', 'range': [0, 1]} if form.unit_range else {'type': 'uint8', 'range': [0, 255]}
    names, bands = source.classes.names, source.bands
    outputs = {
        PROBABILITIES: {'type': 'float32', 'shape': ['batch', 1 if form.foreground_only else len(names), *size]},
        CLASSES: {'type': 'uint8', 'shape': ['batch', *size]},
    }
    meanings, facts = _meanings(source, form), _facts(source, form)
    return {
        'format': FORMAT,
        'description': _description(source, form=form, facts=facts, suffix=suffix),
        **deepness_keys(source),
        'palette': source.classes.meta()['palette'],
        'map_colours': dict(zip(names, map(list, class_colours(map_classes(source.classes))), strict=True)),
        'bands': list(bands.names),
        **({} if bands.scale is None else {'scale': [list(pair) for pair in bands.scale]}),
        'input': {'name': INPUT, **image, 'shape': ['batch', len(bands.names), *size], 'meaning': meanings[INPUT]},
        'outputs': {name: {**outputs[name], 'meaning': meanings[name]} for name in form.outputs},
        **facts,
        'mean': _rounded(source.model.data_preprocessor.mean),
        'std': _rounded(source.model.data_preprocessor.std),
        'size_divisor': source.model.size_divisor,
        'gsd': source.gsd,
        'threshold': None if source.decision is None else source.decision.record(),
        'metrics': None if figures is None else {'measured_on': figures.measured, 'values': figures.values},
        'config': source.config_name,
        'config_sha256': source.config_sha256,
        'checkpoint': source.checkpoint_name,
        'checkpoint_sha256': source.checkpoint_sha256,
        'precision': 'float16' if form.half else 'float32',
        'batch_norm': 'folded' if fused else 'kept',
        'versions': _versions(),
    }


def _meanings(source: TrainedModel, form: Form) -> dict[str, str]:
    """Return what input and outputs are, in words."""
    names = source.classes.names
    listed = ', '.join(f'{index} {name}' for index, name in enumerate(names))
    decided = 'the most probable one' if source.decision is None else f'{source.decision.class_name}'
    if source.decision is not None:
        decided += f' from a probability of {source.decision.value:g}, else the other one'
    of_classes = f'of {names[-1]} alone' if form.foreground_only else f'of each class, in this order: {listed}'
    return {
        INPUT: _input_meaning(source.bands, form),
        PROBABILITIES: f'Probability 0 to 1 of each pixel, {of_classes}.',
        CLASSES: f'Class of each pixel ({listed}): {decided}.',
    }


def _input_meaning(bands: Bands, form: Form) -> str:
    values = '0 to 1 (an 8-bit value divided by 255)' if form.unit_range else '0 to 255'
    ordered, them = (', in this order', 'them') if len(bands.names) > 1 else ('', 'it')
    had = f'as the picture has {them}'
    if bands.scale is not None:
        rule = 'low becomes 0 and high 255, linear between, rounded half up, clipped beyond'
        had = f'after the rule of their stored values ({bands.rule}: {rule})'
    named = ', '.join(bands.names).capitalize()
    return f'{named}{ordered}, {had}: {values}. Do nothing else to it.'


def _facts(source: TrainedModel, form: Form) -> dict[str, str]:
    """Return in words what users of a file get wrong otherwise."""
    divisor, fill = source.model.size_divisor, source.model.fill_value
    filling = f'the value {fill:g} after normalisation' if fill else 'the mean colour'
    sizes = 'any height and width' if form.fixed_size is None else f'{form.fixed_size[0]} x {form.fixed_size[1]} pixels'
    if divisor > 1 and (form.fixed_size is None or any(side % divisor for side in form.fixed_size)):
        sizes += (
            f'; inside, they are filled up to multiples of {divisor} on the right and below by {filling}, and results '
            'are cut back to the size of the input'
        )
    black = 'it is a colour like others: the network decides'
    if form.black is not None:
        *others, last = source.bands.names
        zero = f'{", ".join(others)} and {last} are all' if others else f'{last} is'
        background = source.classes.names[form.black]
        black = f'pixels whose {zero} exactly 0 are {background}: probability 1 of it, 0 of the others'
    return {
        'normalisation': 'inside the file: mean and std are noted for information, do not apply them again',
        'sizes': sizes,
        'nodata': f'the file knows no nodata value: drop what comes out where the picture has none; black: {black}',
        'black': black,
    }


def _description(source: TrainedModel, *, form: Form, facts: dict[str, str], suffix: str) -> str:
    """Return what a developer who has nothing but the file must know, with a few lines that run it."""
    bands = source.bands
    gsd = 'unknown' if source.gsd is None else f'{source.gsd:g} m per pixel'
    runtime, rasterio = 'onnxruntime' if suffix == ONNX else 'torch', '' if bands.plain else ', rasterio'
    return '\n'.join(
        [
            f'Semantic segmentation of {bands.words} images by mmseg_aux_hrnet {__version__}.',
            f'Classes: {", ".join(source.classes.names)}.',
            f'Ground sampling distance: {gsd}.',
            f'Normalisation: {facts["normalisation"]}.',
            f'Sizes: {facts["sizes"]}.',
            f'No data: {facts["nodata"]}.',
            f'Example, needs numpy, {runtime}{rasterio} and Pillow:',
            '',
            *_example(source, form=form, suffix=suffix),
        ]
    )


def _example(source: TrainedModel, *, form: Form, suffix: str) -> list[str]:
    """Return lines of Python that turn an image into ``classes.png`` by the file, called model with its suffix."""
    results = ', '.join(form.outputs) if len(form.outputs) > 1 else f'({form.outputs[0]},)'
    if suffix == ONNX:
        module, array = 'onnxruntime', ''
        load = "session = onnxruntime.InferenceSession('model.onnx', providers=['CPUExecutionProvider'])"
        run = f"session.run({list(form.outputs)}, {{'{INPUT}': image}})"
    else:
        module, array = 'torch', '.numpy()'
        load = "program = torch.export.load('model.pt2').module()"
        run = 'program(torch.from_numpy(image.copy()))'
    if CLASSES in form.outputs:
        shown = f'classes[0]{array}'
    elif form.foreground_only:
        shown = f"(probabilities[0, 0] >= {threshold_of(source):g}).astype('uint8')"
    else:
        shown = "probabilities[0].argmax(0).astype('uint8')"
    return [
        f'import numpy, {module}, PIL.Image{"" if source.bands.plain else ", rasterio"}',
        load,
        *_image_lines(source.bands, form=form),
        f'{results} = {run}',
        f"PIL.Image.fromarray({shown}).save('classes.png')",
    ]


def _image_lines(bands: Bands, *, form: Form) -> list[str]:
    """Return lines of Python that read ``image.png``, or ``image.tif`` of other bands than 8-bit RGB."""
    size = form.fixed_size
    unit = ".astype('float32') / 255" if form.unit_range else ''
    if bands.plain:
        cut = '' if size is None else f'.crop((0, 0, {size[1]}, {size[0]}))'
        picture = f"PIL.Image.open('image.png').convert('RGB'){cut}"
        return [f'image = numpy.asarray({picture}).transpose(2, 0, 1)[None]{unit}']
    cut = '' if size is None else f'[:, :{size[0]}, :{size[1]}]'
    read = f"rasterio.open('image.tif').read({list(range(1, len(bands.names) + 1))}){cut}"
    note = f'  # where {", ".join(bands.names)} are in the file'
    if bands.scale is None:
        return [f'image = {read}[None]{unit}{note}']
    return [
        f'values = {read}{note}',
        f'low, high = numpy.array({[list(pair) for pair in bands.scale]}).T[..., None, None]',
        'levels = numpy.clip((values - low) * 255 / (high - low), 0, 255)',
        f"image = numpy.floor(levels + 0.5).astype('uint8')[None]{unit}",
    ]


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 4) for value in values.flatten().tolist()]  # float32 has no more digits of 0..255


def _versions() -> dict[str, str]:
    found = {'mmseg_aux_hrnet': __version__, 'torch': torch.__version__}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
