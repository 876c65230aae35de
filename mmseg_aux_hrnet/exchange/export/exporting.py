"""Exports a checkpoint: builds the graph, writes the file, compares it with PyTorch, and only then names it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from mmseg_aux_hrnet.decision import parse_option
from mmseg_aux_hrnet.errors import ConfigError, ExportError, ResourceError
from mmseg_aux_hrnet.exchange.export import formats
from mmseg_aux_hrnet.exchange.export.deepness import check_deepness, what_to_type
from mmseg_aux_hrnet.exchange.export.formats import ONNX, PT2
from mmseg_aux_hrnet.exchange.export.labelled import LabelledImages, measure, read_labelled
from mmseg_aux_hrnet.exchange.export.metadata import metadata, with_tiling
from mmseg_aux_hrnet.exchange.export.tracing import ONE_SIZE, trace
from mmseg_aux_hrnet.exchange.export.verify import Agreement, Standard, shape_text, verify
from mmseg_aux_hrnet.exchange.figures import Figures, logged, reported
from mmseg_aux_hrnet.files.outputs import check_file
from mmseg_aux_hrnet.files.whole import whole_file
from mmseg_aux_hrnet.run.rgb_network import CLASSES, PROBABILITIES, ExportGraph, Form
from mmseg_aux_hrnet.run.trained_model import TrainedModel, load_trained_model
from mmseg_aux_hrnet.weights import Checkpoint


@dataclass(frozen=True)
class ExportSettings:
    """What the command line says about a file.

    Attributes:
        classes_only: give the class map and no probabilities.
        for_deepness: in the form that the Deepness plugin of QGIS loads.
        fp16: compute in float16.
        fuse: fold batch norms into convolutions.
        fixed_size: take images of the tile size only.
        tile_size: side of the tiles in pixels.
        tile_overlap: percent of the side.
        gsd: ground sampling distance, metres per pixel.
        threshold: a number for the class of interest, or ``argmax``; None for what the checkpoint says.
        metrics: ``metrics.json`` of an evaluation report of the checkpoint.
        black_background: pixels of exactly 0 in all bands are background; None for Deepness only, which feeds so what
            is not there.
        data_root: folder of the data set of the config, to compare on its labelled test images; None for none.
        overwrite: replace a file that exists.
    """

    classes_only: bool = False
    for_deepness: bool = False
    fp16: bool = False
    fuse: bool = True
    fixed_size: bool = False
    tile_size: int | None = None
    tile_overlap: int | None = None
    gsd: float | None = None
    threshold: str | None = None
    metrics: Path | None = None
    black_background: bool | None = None
    data_root: Path | None = None
    overwrite: bool = False


def export_model(
    config: Config, checkpoint: Path, out: Path, *, settings: ExportSettings, on_step: Callable[[str], None]
) -> str:
    """Write a checkpoint as ``out``, ``.onnx`` or ``.pt2``, once it gives the results of PyTorch.

    Args:
        config: the merged config that the checkpoint was trained with.
        checkpoint: a ``.pth`` file.
        out: the file to write.
        settings: what goes into it.
        on_step: called with the name of each step.

    Returns:
        What a user has to know about the file, in lines.

    Raises:
        ConfigError: the settings contradict each other, or ``out`` cannot be written.
        CheckpointError: the checkpoint does not fit.
        ExportError: the network cannot be exported, or the file would give other results; nothing is left behind.
        ResourceError: the disk is full.
    """
    check_settings(out, settings)
    on_step('reading the checkpoint')
    source, figures = _read(config, checkpoint, settings)
    form = form_of(settings, source=source)
    labelled = None
    if settings.data_root is not None:
        tile, filled = form.fixed_size or source.tile, form.fixed_size is not None
        labelled = read_labelled(
            config, settings.data_root, classes=source.classes, bands=source.bands, tile=tile, filled=filled
        )
    on_step('tracing the network')
    program = trace(ExportGraph(source.model, decision=source.decision, form=form, fuse=settings.fuse))
    notes = metadata(source, form=form, fused=settings.fuse, figures=figures, suffix=out.suffix)
    if out.suffix == ONNX:
        on_step('converting to ONNX')
        content = formats.onnx_bytes(program, form=form, metadata=notes, fuse=settings.fuse)
    else:
        content = formats.pt2_bytes(program, metadata=notes)
    agreement, measured = write_verified(out, content, source=source, form=form, labelled=labelled, on_step=on_step)
    lines = summary(source=source, form=form, agreement=agreement)
    told = what_to_type(source) if settings.for_deepness else []
    return '\n'.join([*lines, *measured, *told, f'{out}: {out.stat().st_size / 1e6:.1f} MB'])


def _read(config: Config, path: Path, settings: ExportSettings) -> tuple[TrainedModel, Figures | None]:
    """Return the model and its figures.

    A function of its own so that what else the file holds, such as an optimizer, leaves memory before the tracing.
    """
    checkpoint = Checkpoint(path, hashed=True)
    source = load_trained_model(config, checkpoint, threshold=settings.threshold)
    source = with_tiling(source, size=settings.tile_size, overlap=settings.tile_overlap, gsd=settings.gsd)
    if settings.for_deepness:
        check_deepness(source)
    if settings.metrics is None:
        return source, logged(checkpoint.content)
    return source, reported(settings.metrics, sha256=checkpoint.sha256)


def check_settings(out: Path, settings: ExportSettings) -> None:
    """Raise where nothing could come of it, before anything is computed.

    Raises:
        ConfigError: see :func:`export_model`.
        StackError: an extra is missing.
    """
    if out.suffix not in (ONNX, PT2):
        raise ConfigError(f'{out}: the name must end in {ONNX} or {PT2}, which says what is written')
    if settings.for_deepness and (out.suffix != ONNX or settings.classes_only):
        raise ConfigError(
            f'--for deepness gives {ONNX} files with probabilities: it goes with neither {PT2} nor --classes-only'
        )
    parse_option(settings.threshold)
    check_file(out, overwrite=settings.overwrite)
    if out.suffix == ONNX:
        formats.check_available()
    # A trial, because what comes before the writing takes minutes.
    try:
        with whole_file(out) as part:
            part.touch()
            raise _Rehearsed
    except _Rehearsed:
        return
    except OSError as error:
        raise ConfigError(f'{out} cannot be written ({error.strerror}): choose another folder') from error


class _Rehearsed(Exception):
    """Ends a trial write, so that it leaves nothing."""


def form_of(settings: ExportSettings, *, source: TrainedModel) -> Form:
    """Return what goes into the file and comes out.

    Raises:
        ConfigError: black is to be background, and there is none.
    """
    background = source.classes.background
    if settings.black_background and background is None:
        raise ConfigError(
            f'--black-background: none of {", ".join(source.classes.names)} is the background; leave it out'
        )
    ruled = settings.for_deepness if settings.black_background is None else settings.black_background
    if settings.for_deepness:
        outputs: tuple[str, ...] = (PROBABILITIES,)
    else:
        outputs = (CLASSES,) if settings.classes_only else (PROBABILITIES, CLASSES)
    return Form(
        unit_range=settings.for_deepness,
        outputs=outputs,
        foreground_only=settings.for_deepness and len(source.classes.names) == 2,
        half=settings.fp16,
        fixed_size=source.tile if settings.fixed_size or settings.for_deepness else None,
        black=background if ruled else None,
    )


def write_verified(
    out: Path,
    content: bytes,
    *,
    source: TrainedModel,
    form: Form,
    labelled: LabelledImages | None,
    on_step: Callable[[str], None],
) -> tuple[Agreement, list[str]]:
    """Write a file beside ``out``, compare what it gives with PyTorch, and name it ``out`` where that agrees.

    Returns:
        How far it agrees on drawn images, and lines on labelled ones.

    Raises:
        ExportError: it does not run or agree; it is removed.
        ResourceError: it cannot be written.
    """
    try:
        with whole_file(out) as part:
            part.write_bytes(content)
            run = formats.load(part, suffix=out.suffix, form=form)
            standard = Standard(source.model, form=form, decision=source.decision)
            agreement = verify(
                run, standard=standard, on_batch=lambda shape: on_step(f'comparing with PyTorch: {shape} pixels')
            )
            if labelled is None:
                return agreement, []

            def on_image(number: int) -> None:
                on_step(f'comparing on labelled image {number} of {len(labelled.pairs)}')

            span = agreement.span
            line = measure(run, labelled, source=source, standard=standard, span=span, on_image=on_image)
            return agreement, [line]
    except OSError as error:
        raise ResourceError(
            f'{out} could not be written ({error.strerror}); nothing is left of it: make room there'
        ) from error
    except ExportError as error:
        raise ExportError(f'{out} was not written: {error}{"" if form.fixed_size else ONE_SIZE}') from error


def summary(*, source: TrainedModel, form: Form, agreement: Agreement) -> list[str]:
    """Return lines with what a user has to know about a file that was written."""
    size = 'H, W' if form.fixed_size is None else f'{form.fixed_size[0]}, {form.fixed_size[1]}'
    kind = 'float32 0..1' if form.unit_range else 'uint8'
    channels = 1 if form.foreground_only else len(source.classes.names)
    shapes = {PROBABILITIES: f'probabilities float32 (N, {channels}, {size})', CLASSES: f'classes uint8 (N, {size})'}
    bands, outputs = source.bands, ', '.join(shapes[name] for name in form.outputs)
    lines = [f'input: image {kind} {bands.words} (N, {len(bands.names)}, {size}); output: {outputs}']
    if bands.scale is not None:
        lines.append(f'stored values that become 0 and {1 if form.unit_range else 255} of the input: {bands.rule}')
    compared = ', '.join(map(shape_text, agreement.shapes))
    if agreement.largest is not None:
        lines.append(
            f'largest difference to PyTorch {agreement.largest:.1e}, allowed {agreement.allowed:.1e}, where '
            f'probabilities cover a range of {agreement.span:.2g} (images of {compared})'
        )
    if agreement.differing is not None:
        count, pixels = agreement.differing, agreement.pixels
        found = f'differ in {count} undecided ones of {pixels}' if count else f'are equal in all {pixels}'
        lines.append(f'class maps {found} pixels (images of {compared})')
    if source.decision is not None:
        lines.append(f'threshold: {source.decision.class_name} from a probability of {source.decision.value:g}')
    side, divisor = source.tile[0], source.model.size_divisor
    if side % divisor:
        lines.append(
            f'tiles of {side} pixels are filled up inside to multiples of {divisor}: {-(-side // divisor) * divisor}'
        )
    if source.gsd is None:
        lines.append('ground sampling distance unknown: give --gsd METRES to note it in the file')
    if form.black is not None:
        lines.append(
            f'pixels of exactly {", ".join("0" * len(bands.names))} are {source.classes.names[form.black]}; '
            '--no-black-background leaves them to the network'
        )
    elif form.unit_range and source.classes.background is None:
        lines.append(
            'no class is the background, so the network predicts black pixels too, which Deepness feeds where there '
            'is no data'
        )
    return lines
