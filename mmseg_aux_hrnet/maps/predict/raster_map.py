"""Makes the map of one raster: predicts what is missing of it, and writes it when all is there."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import DataError, RasterError, ResourceError
from mmseg_aux_hrnet.files.outputs import check_file
from mmseg_aux_hrnet.files.whole import unique_part
from mmseg_aux_hrnet.maps.class_map.geotiff import Layer, Rows, class_layer, write_map
from mmseg_aux_hrnet.maps.legend import NODATA, main_class
from mmseg_aux_hrnet.maps.predict.blocks import Block, predict_blocks
from mmseg_aux_hrnet.maps.predict.journal import Conditions, Journal, differing
from mmseg_aux_hrnet.maps.predict.model import MapModel
from mmseg_aux_hrnet.maps.predict.planning import fingerprint, plan_map
from mmseg_aux_hrnet.maps.predict.settings import STEPS, MapSettings
from mmseg_aux_hrnet.maps.styles import STYLE, ramp_style
from mmseg_aux_hrnet.raster.content import raster_files, read_content, unlike_files
from mmseg_aux_hrnet.raster.dataset import RUN_TAG, open_dataset

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
        ConfigError: a setting is wrong or does not fit raster or model, something is at ``out`` already, or another
            process makes this map.
        DataError: the raster cannot be read or lacks what a setting needs, or what an unfinished run left is damaged.
        OutsideAreaError: no pixel of the raster lies in the area of interest.
        ResourceError: memory or disk space ran out; ``resume`` goes on.
    """
    raster_map = RasterMap(model, Path(path), Path(out), settings or MapSettings())
    with raster_map.locked():
        if raster_map.begin():
            raster_map.note_content()
            raster_map.predict(raster_map.missing(), on_block=on_block)
            raster_map.complete()
    return raster_map.out


class RasterMap:
    """The map of one raster, from its plan to its files.

    It is planned at once, from the header of the raster; nothing is written before :meth:`begin`. All methods but
    ``locked`` are for whoever holds the lock, or was sent by whoever holds it.

    Attributes:
        path: of the raster.
        out: of the class map.
        probabilities: the file beside it of the probabilities; None where they are not asked for.
        plan: its windows, and what its bytes depend on.
        blocks: count of blocks of rows.
        journal: what is finished of it.

    Args:
        model: such as a ``Predictor``.
        path: the raster.
        out: the class map, a GeoTIFF.
        settings: how.
        look: look at samples of the raster for what a user should know of it.

    Raises:
        ConfigError: a setting is wrong, or does not fit the raster.
        DataError: the raster cannot be read, or lacks what a setting needs.
        OutsideAreaError: no pixel of it lies in the area of interest.
    """

    def __init__(self, model: MapModel, path: Path, out: Path, settings: MapSettings, *, look: bool = True) -> None:
        self.path, self.out = path, out
        self.probabilities: Path | None = None
        if settings.probabilities is not None:
            self.probabilities = out.with_name(f'{out.stem.removesuffix("_classes")}_prob{out.suffix}')
        self._settings = settings
        self.plan = plan_map(model, path, settings, look=look)
        self.blocks = len(self.plan.work.windows.rows.starts)
        self.journal = Journal(out.with_name(f'.{out.name}.work'))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from making the same map meanwhile.

        Raises:
            ConfigError: one does.
            ResourceError: the folder of the map cannot be written.
        """
        with ExitStack() as lock:
            with self._disk_errors():
                lock.enter_context(self.journal.locked())
            yield  # what is raised from here on is not an error of this folder

    def begin(self) -> bool:
        """Get ready to predict, and return whether there is anything to do: a finished map is kept on ``resume``.

        Raises:
            ConfigError: there is a map or an unfinished run, which the settings do not allow to replace or to go on
                with.
            ResourceError: the disk is full.
        """
        settings = self._settings
        if settings.overwrite:
            self.journal.remove()
        elif settings.resume and self._is_finished():
            self.journal.remove()  # of a run that was cut off just before it would have
            return False
        elif not (settings.resume and self.journal.exists()):
            for path in filter(None, (self.out, self.probabilities)):
                other = f'{path}, which was made otherwise,' if settings.resume else None
                check_file(path, what=other, advice='replace it with --overwrite')
        with self._disk_errors():
            self.journal.begin(self.plan.conditions, resume=settings.resume, compare=self._differing)
        return True

    def note_content(self) -> None:
        """Note what the files of the raster hold, before it is predicted: who goes on later compares that, not times.

        Raises:
            RasterError: one cannot be read.
            ResourceError: the disk is full.
        """
        content = read_content(self.path, earlier=self.journal.conditions().get('content', ()))
        with self._disk_errors():
            self.journal.add('content', content)

    def missing(self) -> list[int]:
        """Return the blocks that are not yet predicted."""
        finished = self.journal.finished()
        return [index for index in range(self.blocks) if index not in finished]

    def predict(self, indices: Sequence[int], *, on_block: OnBlock | None = None) -> None:
        """Predict blocks and keep each in the journal.

        Args:
            indices: of the blocks, ascending.
            on_block: is told how many blocks are done, and of how many, whenever one is.

        Raises:
            ConfigError: the model cannot take windows of this size.
            DataError: the raster cannot be read.
            ResourceError: memory or disk space ran out.
        """
        done = self.blocks - len(indices)
        for stretch in _stretches(indices):
            carry = self.journal.carry(stretch.start)
            predicted = predict_blocks(self.plan.work, self.plan.model, stretch, carry=carry)
            with self._disk_errors(), closing(predicted):  # a full disk or Ctrl-C ends the threads at once
                for block in predicted:
                    self.journal.store(block.index, self._values(block), carry=block.carry)
                    done += 1
                    if on_block is not None:
                        on_block(done, self.blocks)

    def complete(self) -> None:
        """Write the map from the journal, which then is removed.

        The class map comes last, so that its name means that all is there.

        Raises:
            DataError: a block of the journal is damaged, or of a version whose windows lay elsewhere, or the raster was
                changed while it was predicted.
            ResourceError: the disk is full, or cannot be written for another reason.
        """
        legend, tags, depth = self.plan.model.facts.legend, self.plan.tags, self._settings.probabilities
        layers = {'classes': (self.out, class_layer(legend, tags))}
        if self.probabilities is not None and depth is not None:
            kept = kept_classes(legend)
            names = tuple(f'probability of {legend.names[index]}' for index in kept)
            style = ramp_style(1 if len(kept) == 1 else main_class(legend) + 1)
            layer = Layer(depth, STEPS[depth] + 1, names, tags, step=1 / STEPS[depth], beside={STYLE: style})
            layers = {'probabilities': (self.probabilities, layer), **layers}
        changed = self._differing(self.journal.conditions(), self.plan.conditions)
        if changed:
            raise DataError(f'{self.path} was changed while it was predicted ({"; ".join(changed)}): give --overwrite')
        with self._disk_errors():
            for name, (path, layer) in layers.items():
                # Where there are no locks, two processes may come here at the same moment.
                folder, part = self.journal.folder, unique_part(self.journal.folder / path.name)
                write_map(path, self._rows(name), grid=self.plan.grid, layer=layer, scratch=folder, part=part)
            self.journal.finish()

    def _rows(self, name: str) -> Iterator[Rows]:
        """Yield the values of each block, (bands, rows, width)."""
        for index, values in enumerate(self.journal.blocks(self.blocks)):
            top, end = self.plan.work.windows.rows.block(index)
            if values[name].shape[1] != end - top:  # a version whose windows lay elsewhere began with this map
                raise DataError(f'{self.journal.folder} holds other rows than these: start anew with --overwrite')
            yield values[name]

    def _values(self, block: Block) -> dict[str, NDArray[Any]]:
        """Return what the journal keeps of a block, each (bands, rows, width)."""
        facts, depth = self.plan.model.facts, self._settings.probabilities
        values: dict[str, NDArray[Any]] = {
            'classes': class_values(block.probabilities, block.valid, decision=facts.decision)[None]
        }
        if depth is not None:
            kept = block.probabilities[list(kept_classes(facts.legend))]
            steps = STEPS[depth]
            # Half up, in float32 as ever: numpy rounds halves to even numbers, which would make other files.
            whole = np.floor(np.clip(kept, 0, 1) * np.float32(steps) + np.float32(0.5)).astype(depth)
            whole[:, ~block.valid] = steps + 1  # nodata, the one value above probability 1
            values['probabilities'] = whole
        return values

    def _differing(self, old: Conditions, new: Conditions) -> list[str]:
        """Return in words what is otherwise than in an earlier run; files are read where all else is the same."""
        unlike = differing(old, new)
        if unlike or 'content' not in old:
            return unlike
        files = unlike_files(old['content'], read_content(self.path, earlier=old['content']))
        return [f'{name} was of other content, or not there' for name in files]

    def _is_finished(self) -> bool:
        """Return whether the map is there, made by an equal run of the raster as it is now."""
        outputs = [path for path in (self.out, self.probabilities) if path is not None]
        runs = {_run_of(path) for path in outputs}
        old = self.journal.of_finished()
        if old and runs == {fingerprint(old)}:
            return not self._differing(old, self.plan.conditions)
        # A map of an older version, or one that was moved: no file of the raster may have been touched since.
        return runs == {self.plan.fingerprint} and max(map(_touched, raster_files(self.path))) <= min(
            map(_touched, outputs)
        )

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Say in one line that a disk is full, or cannot be written for another reason."""
        try:
            yield
        except OSError as error:
            if error.errno is None:  # of GDAL and numpy, about the content of a file
                raise
            advice = 'make room' if error.errno in (errno.ENOSPC, errno.EDQUOT) else 'see to it'
            raise ResourceError(
                f'{self.out} cannot be written ({error.strerror}): {advice}, then go on with --resume'
            ) from error


def _run_of(path: Path) -> str | None:
    """Return the fingerprint of the run that a map is of; None where there is no map."""
    if path.is_file():
        with suppress(RasterError), open_dataset(path) as written:
            return str(written.tags().get(RUN_TAG))
    return None


def _touched(path: Path) -> int:
    """Return when a file was last written, copied or renamed, in ns since the epoch."""
    return max(path.stat().st_mtime_ns, path.stat().st_ctime_ns)


def _stretches(indices: Sequence[int]) -> Iterator[range]:
    """Yield ascending indices as ranges without gaps."""
    start = 0
    for at in range(1, len(indices) + 1):
        if at == len(indices) or indices[at] != indices[at - 1] + 1:
            yield range(indices[start], indices[at - 1] + 1)
            start = at


def class_values(
    probabilities: NDArray[np.float32], valid: NDArray[np.bool_], *, decision: Threshold | None
) -> NDArray[np.uint8]:
    """Return the class of every pixel, uint8 (H, W), ``NODATA`` where not valid.

    Args:
        probabilities: float32 (classes, H, W).
        valid: bool (H, W).
        decision: a threshold for one of two classes; None for the most probable class, of equal ones the first.
    """
    if decision is None:
        # The first of the most probable, plane by plane: for few planes several times as fast as numpy's argmax.
        classes: NDArray[np.uint8] = np.zeros(valid.shape, np.uint8)
        highest = probabilities[0]
        for index, plane in enumerate(probabilities[1:], start=1):
            classes[plane > highest] = index
            highest = np.maximum(highest, plane)
    else:
        classes = decision.decide(probabilities[decision.place]).astype(np.uint8)
    classes[~valid] = NODATA
    return classes


def kept_classes(legend: Classes) -> tuple[int, ...]:
    """Return the classes whose probabilities are worth a band: of two the one of interest, else all."""
    if len(legend.names) != 2:
        return tuple(range(len(legend.names)))
    return (1 if legend.of_interest is None else legend.of_interest,)
