"""Makes the map of one raster: predicts what is missing of it, and writes it when all is there."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import rasterio

from mmseg_aux_hrnet.errors import ResourceError
from mmseg_aux_hrnet.files.outputs import check_file
from mmseg_aux_hrnet.maps.class_map.geotiff import Layer, class_layer, write_map
from mmseg_aux_hrnet.maps.legend import RUN_TAG
from mmseg_aux_hrnet.maps.predict.blocks import Block, predict_blocks
from mmseg_aux_hrnet.maps.predict.journal import Journal
from mmseg_aux_hrnet.maps.predict.model import MapModel
from mmseg_aux_hrnet.maps.predict.planning import PlannedMap, plan_map, tags_of
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.values import STEPS, class_values, kept_classes, probability_values
from mmseg_aux_hrnet.maps.raster.source import GDAL_CACHE

OnBlock = Callable[[int, int], None]


def predict_raster(
    model: MapModel,
    path: str | Path,
    out: str | Path,
    settings: MapSettings | None = None,
    *,
    on_block: OnBlock | None = None,
) -> Path:
    """Write the class map of a raster of any size, and its probabilities where the settings ask for them.

    Args:
        model: such as a ``Predictor``.
        path: the raster.
        out: the class map, a GeoTIFF.
        settings: how.
        on_block: is told how many blocks of rows are done, and of how many, whenever one is.

    Returns:
        The class map.

    Raises:
        ConfigError: a setting is wrong or does not fit the raster, or something is at ``out`` already.
        DataError: the raster cannot be read.
        ResourceError: the disk is full; ``resume`` goes on.
    """
    planned = plan_map(model, Path(path), Path(out), settings or MapSettings())
    with held(planned):
        if begin(planned):
            predict(planned, pending(planned), on_block=on_block)
            complete(planned)
    return planned.out


@contextmanager
def held(planned: PlannedMap) -> Iterator[None]:
    """Keep other processes from making the same map meanwhile.

    Raises:
        ConfigError: one does.
        ResourceError: the folder of the map cannot be written.
    """
    with ExitStack() as stack:
        with clear_of_space(planned):
            stack.enter_context(journal_of(planned).held())
        yield


def begin(planned: PlannedMap) -> bool:
    """Get ready to predict, and return whether there is anything to do: a finished map is kept on ``resume``.

    Raises:
        ConfigError: there is a map or an unfinished run, which the settings do not allow to replace or to go on with.
        ResourceError: the disk is full.
    """
    settings, journal = planned.settings, journal_of(planned)
    if settings.overwrite:
        journal.remove()
    elif settings.resume and _is_finished(planned):
        journal.remove()  # of a run that was cut off just before it would have
        return False
    elif not (settings.resume and journal.exists()):
        for path in filter(None, (planned.out, planned.probabilities)):
            other = f'{path}, which was made otherwise,' if settings.resume else None
            check_file(path, what=other, advice='replace it with --overwrite')
    with clear_of_space(planned):
        journal.begin(planned.begun, resume=settings.resume)
    return True


def pending(planned: PlannedMap) -> list[int]:
    """Return the blocks that are not yet predicted."""
    finished = journal_of(planned).finished()
    return [index for index in range(planned.blocks) if index not in finished]


def predict(planned: PlannedMap, indices: Sequence[int], *, on_block: OnBlock | None = None) -> None:
    """Predict blocks and keep each in the journal.

    Raises:
        DataError: the raster cannot be read.
        ResourceError: the disk is full.
    """
    journal = journal_of(planned)
    done = planned.blocks - len(indices)
    with clear_of_space(planned):
        for run in _runs(indices):
            carry = journal.carry(run.start)
            for block in predict_blocks(planned.work, planned.model, run, carry=carry):
                journal.store(block.index, _values(block, planned), carry=block.carry)
                done += 1
                if on_block is not None:
                    on_block(done, planned.blocks)


def complete(planned: PlannedMap) -> None:
    """Write the map from the journal, which then is removed; the class map comes last, so its name means all is there.

    Raises:
        ResourceError: the disk is full, or cannot be written for another reason.
    """
    journal, tags = journal_of(planned), tags_of(planned)
    legend = planned.model.facts.legend
    layers = {planned.out: ('classes', class_layer(legend, tags))}
    if planned.probabilities is not None and planned.settings.probabilities is not None:
        steps = STEPS[planned.settings.probabilities]
        names = tuple(f'probability of {legend.names[index]}' for index in kept_classes(legend))
        layer = Layer(planned.settings.probabilities, steps + 1, names, tags, step=1 / steps)
        layers = {planned.probabilities: ('probabilities', layer), **layers}
    with clear_of_space(planned), rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE, CPL_LOG=os.devnull):
        for path, (name, layer) in layers.items():
            rows = (block[name] for block in journal.blocks(planned.blocks))
            write_map(path, rows, grid=planned.grid, layer=layer, scratch=journal.folder)
    journal.remove()


def journal_of(planned: PlannedMap) -> Journal:
    """Return the folder beside the map that holds what is finished of it."""
    return Journal(planned.out.with_name(f'.{planned.out.name}.work'))


@contextmanager
def clear_of_space(planned: PlannedMap) -> Iterator[None]:
    """Say in one line that a disk is full, or cannot be written for another reason."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        advice = 'make room' if error.errno in (errno.ENOSPC, errno.EDQUOT) else 'see to it'
        raise ResourceError(
            f'{planned.out} cannot be written ({error.strerror}): {advice}, then go on with --resume'
        ) from error


def _is_finished(planned: PlannedMap) -> bool:
    """Return whether the map is there, made by an equal run, and not older than its raster."""
    files = [path for path in (planned.out, planned.probabilities) if path is not None]
    if not all(path.is_file() and path.stat().st_mtime_ns >= planned.begun['modified'] for path in files):
        return False
    return all(_fingerprint(path) == planned.fingerprint for path in files)


def _fingerprint(path: Path) -> str | None:
    try:
        with rasterio.open(path) as made:
            tag: str | None = made.tags().get(RUN_TAG)
    except rasterio.errors.RasterioError:
        return None
    return tag


def _runs(indices: Sequence[int]) -> Iterator[range]:
    """Yield ascending indices as ranges without gaps."""
    start = 0
    for at in range(1, len(indices) + 1):
        if at == len(indices) or indices[at] != indices[at - 1] + 1:
            yield range(indices[start], indices[at - 1] + 1)
            start = at


def _values(block: Block, planned: PlannedMap) -> dict[str, Any]:
    facts, depth = planned.model.facts, planned.settings.probabilities
    values: dict[str, Any] = {'classes': class_values(block.probabilities, block.valid, decision=facts.decision)[None]}
    if depth is not None:
        kept = block.probabilities[list(kept_classes(facts.legend))]
        values['probabilities'] = probability_values(kept, block.valid, depth=depth)
    return values
