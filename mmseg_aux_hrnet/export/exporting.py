"""Exports a checkpoint: builds the graph, writes the file, compares it with PyTorch, and only then names it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmseg.models.utils import Upsample

from mmseg_aux_hrnet.conversion.figures import reported
from mmseg_aux_hrnet.errors import ConfigError, ExportError, ResourceError
from mmseg_aux_hrnet.export import onnx_file, pt2_file
from mmseg_aux_hrnet.export.graph import CLASSES, PROBABILITIES, ExportGraph, Form, brief, trace
from mmseg_aux_hrnet.export.metadata import Tiling, metadata, tiling
from mmseg_aux_hrnet.export.onnx_file import Run
from mmseg_aux_hrnet.export.source import Source, load_source
from mmseg_aux_hrnet.export.verify import Agreement, verify
from mmseg_aux_hrnet.threshold import parse_option
from mmseg_aux_hrnet.whole_files import whole_file

ONNX, PT2 = '.onnx', '.pt2'


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
    overwrite: bool = False


class Exported(NamedTuple):
    """A file that was written, and how far it agrees with PyTorch."""

    path: Path
    form: Form
    tiles: Tiling
    source: Source
    agreement: Agreement


def export_model(
    config: Config, checkpoint: Path, out: Path, *, settings: ExportSettings, on_step: Callable[[str], None]
) -> Exported:
    """Write a checkpoint as ``out``, ``.onnx`` or ``.pt2``, once it gives the results of PyTorch.

    Args:
        config: the merged config that the checkpoint was trained with.
        checkpoint: a ``.pth`` file.
        out: the file to write.
        settings: what goes into it.
        on_step: told what is being done.

    Raises:
        ConfigError: the settings contradict each other, or ``out`` cannot be written.
        CheckpointError: the checkpoint does not fit.
        ExportError: the network cannot be exported, or the file would give other results; nothing is left behind.
        ResourceError: the disk is full.
    """
    check_settings(out, settings)
    on_step('reading the checkpoint')
    source = load_source(config, checkpoint, threshold=settings.threshold)
    tiles = tiling(source, size=settings.tile_size, overlap=settings.tile_overlap, gsd=settings.gsd)
    figures = reported(settings.metrics, sha256=source.checkpoint_sha256) if settings.metrics else source.figures
    form = form_of(settings, source=source, tile=tiles.size)
    on_step('tracing the network')
    program = trace(ExportGraph(source.model, decision=source.decision, form=form, fuse=settings.fuse))
    notes = metadata(source, form=form, tiles=tiles, fused=settings.fuse, figures=figures)
    if out.suffix == ONNX:
        on_step('converting to ONNX')
        content = onnx_file.to_bytes(program, form=form, metadata=notes, fuse=settings.fuse)
    else:
        content = pt2_file.to_bytes(program, metadata=notes)
    agreement = write_verified(out, content, source=source, form=form, on_step=on_step)
    return Exported(out, form, tiles, source, agreement)


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
    if out.is_dir() or (out.exists() and not settings.overwrite):
        raise ConfigError(f'{out} exists: choose another name, or --overwrite')
    if out.suffix == ONNX:
        onnx_file.check_available()
    try:
        with whole_file(out, b''):
            raise _Rehearsed
    except _Rehearsed:
        return
    except OSError as error:
        raise ConfigError(f'{out} cannot be written ({error.strerror}): choose another folder') from error


class _Rehearsed(Exception):
    """Ends a trial write, so that it leaves nothing."""


def form_of(settings: ExportSettings, *, source: Source, tile: int) -> Form:
    """Return what goes into the file and comes out."""
    if settings.for_deepness:
        outputs: tuple[str, ...] = (PROBABILITIES,)
    else:
        outputs = (CLASSES,) if settings.classes_only else (PROBABILITIES, CLASSES)
    return Form(
        unit_range=settings.for_deepness,
        outputs=outputs,
        foreground_only=settings.for_deepness and len(source.class_names) == 2,
        half=settings.fp16,
        fixed_size=(tile, tile) if settings.fixed_size or settings.for_deepness else None,
    )


def write_verified(
    out: Path, content: bytes, *, source: Source, form: Form, on_step: Callable[[str], None]
) -> Agreement:
    """Write a file beside ``out``, compare what it gives with PyTorch, and name it ``out`` where that agrees.

    Raises:
        ExportError: it does not run or agree; it is removed.
        ResourceError: it cannot be written.
    """
    try:
        with whole_file(out, content) as part:
            return verify(
                loaded(part, onnx=out.suffix == ONNX, form=form),
                model=source.model,
                form=form,
                decision=source.decision,
                on_batch=lambda batch: on_step(f'comparing with PyTorch: {batch} pixels'),
            )
    except OSError as error:
        raise ResourceError(
            f'{out} could not be written ({error.strerror}); nothing is left of it: make room there'
        ) from error
    except ExportError as error:
        raise ExportError(f'{out} was not written: {error}{_advice(source, form)}') from error


def loaded(path: Path, *, onnx: bool, form: Form) -> Run:
    """Return a function that runs an exported file.

    Raises:
        ExportError: its runtime does not take it.
    """
    try:
        return onnx_file.load(path) if onnx else pt2_file.load(path, form=form)
    except Exception as error:  # whatever a runtime raises
        raise ExportError(f'the file cannot be loaded: {brief(error)}') from error


def _advice(source: Source, form: Form) -> str:
    if form.fixed_size is not None:
        return ''
    if any(isinstance(module, Upsample) for module in source.model.modules()):
        return (
            '; parts of this network enlarge by a fixed factor, as the HRNet of mmseg does: use HRNetV2 with '
            "fuse_upsampling='official', or --fixed-size with a --tile-size that is a multiple of 32"
        )
    return '; --fixed-size with --tile-size PIXELS exports it for one size'
