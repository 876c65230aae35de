"""Compares the results of a file with those of the network in PyTorch, by maps and by mmseg."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmseg.structures import SegDataSample
from numpy.typing import NDArray
from torch.nn import functional

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.decision import Threshold, class_probabilities
from mmseg_aux_hrnet.errors import CheckpointError, ExportError
from mmseg_aux_hrnet.exchange.export.formats import Run
from mmseg_aux_hrnet.exchange.export.tracing import brief
from mmseg_aux_hrnet.run.rgb_network import CLASSES, PREDICTION, PROBABILITIES, ExportGraph, Form

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


def comparison_images(shape: Shape, *, seed: int, bands: int = len(RGB)) -> NDArray[np.uint8]:
    """Draw images, uint8 (N, bands, H, W): patches of all colours, noise over half of each, and a black corner."""
    count, height, width = shape
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, bands, -(-height // BLOCK), -(-width // BLOCK)))
    image = coarse.repeat(BLOCK, axis=2).repeat(BLOCK, axis=3)[..., :height, :width]
    noise = rng.integers(-60, 61, image.shape)
    noise[..., : width // 2] = 0
    drawn: NDArray[np.uint8] = np.clip(image + noise, 0, 255).astype(np.uint8)
    drawn[..., : height // 4, -(width // 4) :] = 0
    return drawn


def reference(model: Any, images: NDArray[np.uint8]) -> tuple[Probabilities, ClassMap]:
    """Return mmseg's own prediction of images, which are filled up here.

    A fault in how the model fills up sizes would be in everything that the model predicts, files and maps alike.

    Args:
        model: a segmentor, in evaluation mode.
        images: uint8 (N, bands, H, W), in the order of the bands' names, such as RGB.

    Returns:
        Probabilities, float32 (N, classes, H, W), and class maps, uint8 (N, H, W).
    """
    height, width = images.shape[2:]
    # As they are loaded: three in reverse, BGR.
    loaded = [torch.from_numpy(image[::-1].copy() if len(image) == len(RGB) else image) for image in images]
    with torch.no_grad():
        values = model.data_preprocessor({'inputs': loaded})['inputs']
        margins = (0, -width % model.size_divisor, 0, -height % model.size_divisor)
        filled = functional.pad(values, margins, value=model.fill_value)
        size = tuple(filled.shape[2:])
        sample = {'ori_shape': size, 'img_shape': size, 'pad_shape': size, 'scale_factor': (1.0, 1.0), 'flip': False}
        results = model(filled, [SegDataSample(metainfo=sample) for _ in images], mode='predict')
    scores = [class_probabilities(result.seg_logits.data[:, :height, :width]) for result in results]
    probabilities = np.stack([(torch.cat([1 - s, s]) if s.shape[0] == 1 else s).numpy() for s in scores])
    classes = [result.pred_sem_seg.data[0, :height, :width].numpy() for result in results]
    return probabilities, np.stack(classes).astype(np.uint8)


class Standard:
    """What a file is compared with: the network as maps are predicted by it, which agrees with mmseg's prediction.

    Args:
        model: a segmentor, in evaluation mode.
        form: of the file.
        decision: how the class map follows; None for the most probable class.
    """

    def __init__(self, model: Any, *, form: Form, decision: Threshold | None) -> None:
        self.form, self.decision = form, decision
        self.bands = len(model.data_preprocessor.mean)
        self._model = model
        # Two outputs, else that of ``Predictor``: not folded, float32, of any size, black as the network sees it.
        whole = PREDICTION._replace(outputs=(PROBABILITIES, CLASSES))
        self._network = ExportGraph(model, decision=decision, form=whole, fuse=False)

    def __call__(self, images: NDArray[np.uint8]) -> tuple[Probabilities, ClassMap]:
        """Return probabilities, float32 (N, classes, H, W), and class maps, uint8 (N, H, W), without a rule for black.

        Args:
            images: uint8 (N, bands, H, W), in the order of the bands' names, such as RGB.

        Raises:
            CheckpointError: the model does not give numbers.
            ExportError: maps and mmseg's prediction would differ.
        """
        by_mmseg = reference(self._model, images)
        if not np.isfinite(by_mmseg[0]).all():
            raise CheckpointError(
                'the weights are damaged: in PyTorch, too, they give probabilities that are not numbers'
            )
        with torch.no_grad():
            probabilities, classes = (value.numpy() for value in self._network(torch.from_numpy(images)))
        shape = (len(images), *images.shape[2:])
        outputs = {PROBABILITIES: probabilities, CLASSES: classes}
        whole = PREDICTION._replace(outputs=tuple(outputs))
        said = 'Predictor would differ from mmseg, so it is not known which is right'
        compare([outputs], [by_mmseg], shapes=[shape], form=whole, decision=self.decision, said=said)
        return probabilities, classes

    def expected(
        self, images: NDArray[np.uint8], predicted: tuple[Probabilities, ClassMap]
    ) -> tuple[Probabilities, ClassMap]:
        """Return the expected result of the file: the prediction, except for black pixels if the file has that rule."""
        probabilities, classes = predicted
        if self.form.black is None:
            return predicted
        black = (images == 0).all(axis=1)
        certain = np.eye(probabilities.shape[1], dtype=np.float32)[self.form.black][None, :, None, None]
        return np.where(black[:, None], certain, probabilities), np.where(black, np.uint8(self.form.black), classes)


def run_form(run: Run, images: NDArray[np.uint8], *, form: Form) -> dict[str, NDArray[Any]]:
    """Return what a file gives of images, uint8 (N, bands, H, W), in the range that it takes.

    Raises:
        ExportError: it does not run.
    """
    try:
        return run(images.astype(np.float32) / 255 if form.unit_range else images)
    except Exception as error:  # any error of a runtime
        where = shape_text((len(images), *images.shape[2:]))
        raise ExportError(f'the file does not run on {where} pixels: {brief(error)}') from error


def verify(run: Run, *, standard: Standard, on_batch: Callable[[str], None]) -> Agreement:
    """Run a file and its standard on the same images and compare.

    Args:
        run: runs the file.
        standard: what it must give.
        on_batch: called with the next batch size, such as 2x97x131.

    Raises:
        CheckpointError: the model itself does not give numbers.
        ExportError: the file does not run, or gives something else.
    """
    form = standard.form
    shapes = FREE_SHAPES if form.fixed_size is None else tuple((count, *form.fixed_size) for count in (1, 2))
    expected, got, predicted = [], [], []
    for seed, shape in enumerate(shapes):
        on_batch(shape_text(shape))
        images = comparison_images(shape, seed=seed, bands=standard.bands)
        predicted.append(standard(images))
        expected.append(standard.expected(images, predicted[-1]))
        got.append(run_form(run, images, form=form))
    span = span_of(probabilities for probabilities, _ in predicted)
    return compare(got, expected, shapes=shapes, form=form, decision=standard.decision, span=span)


def compare(
    got: Sequence[dict[str, NDArray[Any]]],
    expected: Sequence[tuple[Probabilities, ClassMap]],
    *,
    shapes: Sequence[Shape],
    form: Form,
    decision: Threshold | None,
    span: float | None = None,
    said: str = 'the file would differ from PyTorch',
) -> Agreement:
    """Compare the outputs of a file with those of PyTorch.

    Args:
        got: outputs by name, of each batch.
        expected: probabilities, float32 (N, classes, H, W), and class maps, uint8 (N, H, W), of each batch.
        shapes: of the batches.
        form: what the outputs are.
        decision: how class maps follow; None for the most probable class.
        span: range that probabilities cover where no rule for black is; None for that of ``expected``.
        said: beginning of a message.

    The tolerance is relative to the range that PyTorch's probabilities cover, so that a model that hardly tells its
    classes apart is not passed for that alone.

    Raises:
        ExportError: a probability differs by more than allowed, or the class of a pixel that is not undecided.
    """
    span = span_of(p for p, _ in expected) if span is None else span
    allowed = (HALF_TOLERANCE if form.half else TOLERANCE) * max(span, LEAST_SPAN)
    largest, differing = 0.0, 0
    for outputs, (probabilities, classes), shape in zip(got, expected, shapes, strict=True):
        where = shape_text(shape)
        if PROBABILITIES in outputs:
            wanted = probabilities[:, 1:] if form.foreground_only else probabilities
            found = _largest_difference(outputs[PROBABILITIES], wanted, where=where, allowed=allowed, said=said)
            largest = max(largest, found)
        if CLASSES in outputs:
            if decision is None:
                ordered = np.sort(probabilities, axis=1)
                margin = ordered[:, -1] - ordered[:, -2]
            else:
                margin = np.abs(probabilities[:, decision.place] - np.float32(decision.value))
            undecided = margin < allowed
            differing += _count_differing(outputs[CLASSES], classes, undecided=undecided, where=where, said=said)
    return Agreement(
        largest=largest if PROBABILITIES in form.outputs else None,
        allowed=allowed,
        span=span,
        differing=differing if CLASSES in form.outputs else None,
        pixels=sum(classes.size for _, classes in expected),
        shapes=tuple(shapes),
    )


def span_of(probabilities: Iterable[Probabilities]) -> float:
    """Return the range that probabilities cover."""
    ends = [(p.min(), p.max()) for p in probabilities]
    return float(max(high for _, high in ends) - min(low for low, _ in ends))


def _largest_difference(got: NDArray[Any], wanted: Probabilities, *, where: str, allowed: float, said: str) -> float:
    if got.shape != wanted.shape:
        raise ExportError(f'the file gives {got.shape} instead of {wanted.shape} for {where} pixels')
    difference = float(np.abs(got.astype(np.float64) - wanted).max())
    if not difference <= allowed:  # so that NaN does not pass
        raise ExportError(
            f'{said}: its probabilities do by up to {difference:.1e} for {where} pixels, {allowed:.1e} is allowed'
        )
    return difference


def _count_differing(
    got: NDArray[Any], wanted: ClassMap, *, undecided: NDArray[np.bool_], where: str, said: str
) -> int:
    if got.shape != wanted.shape or got.dtype != np.uint8:
        raise ExportError(f'the file gives classes {got.dtype} {got.shape} instead of uint8 {wanted.shape}')
    differs = got != wanted
    wrong = int((differs & ~undecided).sum())
    if wrong:
        raise ExportError(f'{said}: {wrong} of {wanted.size} pixels of {where} have another class')
    return int(differs.sum())
