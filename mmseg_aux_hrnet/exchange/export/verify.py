"""Compares what a file gives with what the model gives in PyTorch, through mmseg's own way of predicting."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmseg.structures import SegDataSample
from numpy.typing import NDArray

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.decision import Threshold, class_probabilities
from mmseg_aux_hrnet.errors import CheckpointError, ExportError
from mmseg_aux_hrnet.exchange.export.formats import Run
from mmseg_aux_hrnet.exchange.export.tracing import brief
from mmseg_aux_hrnet.run.rgb_network import CLASSES, PROBABILITIES, Form

TOLERANCE, HALF_TOLERANCE = 1e-4, 2e-2
LEAST_SPAN = 0.01  # a model that gives one value everywhere would be asked for more than float32 can hold
BLOCK = 16  # pixels
Probabilities = NDArray[np.float32]
ClassMap = NDArray[np.uint8]
Shape = tuple[int, int, int]  # images, height and width in pixels
# Of three sizes, among them odd ones: a network that rounds sizes otherwise than PyTorch shows it there.
FREE_SHAPES: tuple[Shape, ...] = ((1, 64, 96), (2, 97, 131), (1, 250, 333))


class Agreement(NamedTuple):
    """How far a file and PyTorch agree.

    Attributes:
        largest: largest difference of a probability; None where the file gives none.
        allowed: largest difference that passes.
        span: range that PyTorch's probabilities cover on the compared images.
        differing: pixels of another class, all of them undecided in PyTorch up to ``allowed``; None where the file
            gives no class map.
        pixels: compared.
        shapes: of the batches that were compared.
    """

    largest: float | None
    allowed: float
    span: float
    differing: int | None
    pixels: int
    shapes: tuple[Shape, ...]


def shape_text(shape: Shape) -> str:
    """Return a batch in words, such as 2x97x131."""
    return 'x'.join(map(str, shape))


def comparison_images(shape: Shape, *, seed: int, bands: int = 3) -> NDArray[np.uint8]:
    """Draw images, uint8 (N, bands, H, W): patches of all colours, half of each image with noise over it."""
    count, height, width = shape
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, bands, -(-height // BLOCK), -(-width // BLOCK)))
    image = coarse.repeat(BLOCK, axis=2).repeat(BLOCK, axis=3)[..., :height, :width]
    noise = rng.integers(-60, 61, image.shape)
    noise[..., : width // 2] = 0
    drawn: NDArray[np.uint8] = np.clip(image + noise, 0, 255).astype(np.uint8)
    return drawn


def reference(model: Any, images: NDArray[np.uint8]) -> tuple[Probabilities, ClassMap]:
    """Return mmseg's own prediction of images, uint8 (N, bands, H, W) in the order of the bands' names, such as RGB.

    Returns:
        Probabilities, float32 (N, classes, H, W), and class maps, uint8 (N, H, W).
    """
    size = images.shape[2:]
    sample = {'ori_shape': size, 'img_shape': size, 'pad_shape': size, 'scale_factor': (1.0, 1.0), 'flip': False}
    data = {
        # As they are loaded: three in reverse, BGR.
        'inputs': [torch.from_numpy(image[::-1].copy() if len(image) == len(RGB) else image) for image in images],
        'data_samples': [SegDataSample(metainfo=sample) for _ in images],
    }
    with torch.no_grad():
        results = model.test_step(data)
    scores = [class_probabilities(result.seg_logits.data) for result in results]
    probabilities = np.stack([(torch.cat([1 - s, s]) if s.shape[0] == 1 else s).numpy() for s in scores])
    return probabilities, np.stack([result.pred_sem_seg.data[0].numpy() for result in results]).astype(np.uint8)


def verify(
    run: Run,
    *,
    model: Any,
    form: Form,
    decision: Threshold | None,
    on_batch: Callable[[str], None],
) -> Agreement:
    """Run a file and the model on the same images and compare.

    Args:
        run: runs the file.
        model: a segmentor, in evaluation mode.
        form: what goes into the file and comes out.
        decision: how the class map follows; None for the most probable class.
        on_batch: told what is compared next, such as 2x97x131.

    Raises:
        CheckpointError: the model itself does not give numbers.
        ExportError: the file does not run, or gives something else.
    """
    shapes = FREE_SHAPES if form.fixed_size is None else tuple((count, *form.fixed_size) for count in (1, 2, 3))
    expected, got = [], []
    for seed, shape in enumerate(shapes):
        on_batch(shape_text(shape))
        image = comparison_images(shape, seed=seed, bands=len(model.data_preprocessor.mean))
        expected.append(reference(model, image))
        if not np.isfinite(expected[-1][0]).all():
            raise CheckpointError(
                'the weights are damaged: in PyTorch, too, they give probabilities that are not numbers'
            )
        try:
            got.append(run(image.astype(np.float32) / 255 if form.unit_range else image))
        except Exception as error:  # whatever a runtime raises
            raise ExportError(f'the file does not run on {shape_text(shape)} pixels: {brief(error)}') from error
    return compare(got, expected, shapes=shapes, form=form, decision=decision)


def compare(
    got: Sequence[dict[str, NDArray[Any]]],
    expected: Sequence[tuple[Probabilities, ClassMap]],
    *,
    shapes: Sequence[Shape],
    form: Form,
    decision: Threshold | None,
) -> Agreement:
    """Compare the outputs of a file with those of PyTorch.

    The tolerance is relative to the range that PyTorch's probabilities cover, so that a model that hardly tells its
    classes apart is not passed for that alone.

    Raises:
        ExportError: a probability differs by more than allowed, or the class of a pixel that is not undecided.
    """
    span = max(p.max() for p, _ in expected) - min(p.min() for p, _ in expected)
    allowed = (HALF_TOLERANCE if form.half else TOLERANCE) * max(float(span), LEAST_SPAN)
    largest, differing = 0.0, 0
    for outputs, (probabilities, classes), shape in zip(got, expected, shapes, strict=True):
        where = shape_text(shape)
        if PROBABILITIES in outputs:
            wanted = probabilities[:, 1:] if form.foreground_only else probabilities
            largest = max(largest, _largest_difference(outputs[PROBABILITIES], wanted, where=where, allowed=allowed))
        if CLASSES in outputs:
            if decision is None:
                ordered = np.sort(probabilities, axis=1)
                margin = ordered[:, -1] - ordered[:, -2]
            else:
                margin = np.abs(probabilities[:, decision.place] - np.float32(decision.value))
            differing += _count_differing(outputs[CLASSES], classes, undecided=margin < allowed, where=where)
    return Agreement(
        largest=largest if PROBABILITIES in form.outputs else None,
        allowed=allowed,
        span=float(span),
        differing=differing if CLASSES in form.outputs else None,
        pixels=sum(classes.size for _, classes in expected),
        shapes=tuple(shapes),
    )


def _largest_difference(got: NDArray[Any], wanted: Probabilities, *, where: str, allowed: float) -> float:
    if got.shape != wanted.shape:
        raise ExportError(f'the file gives {got.shape} instead of {wanted.shape} for {where} pixels')
    difference = float(np.abs(got.astype(np.float64) - wanted).max())
    if not difference <= allowed:  # so that NaN does not pass
        raise ExportError(
            f'the file would differ from PyTorch: its probabilities do by up to {difference:.1e} for {where} pixels, '
            f'{allowed:.1e} is allowed'
        )
    return difference


def _count_differing(got: NDArray[Any], wanted: ClassMap, *, undecided: NDArray[np.bool_], where: str) -> int:
    if got.shape != wanted.shape or got.dtype != np.uint8:
        raise ExportError(f'the file gives classes {got.dtype} {got.shape} instead of uint8 {wanted.shape}')
    differs = got != wanted
    wrong = int((differs & ~undecided).sum())
    if wrong:
        raise ExportError(
            f'the file would differ from PyTorch: {wrong} of {wanted.size} pixels of {where} have another class'
        )
    return int(differs.sum())
