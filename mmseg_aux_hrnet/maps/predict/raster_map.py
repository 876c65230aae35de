"""Makes the map of one raster: predicts what is missing of it, and writes it when all is there."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import DataError, RasterError, ResourceError
from mmseg_aux_hrnet.files.address import Address, as_path
from mmseg_aux_hrnet.files.outputs import check_file
from mmseg_aux_hrnet.files.whole import unique_part
from mmseg_aux_hrnet.maps.class_map.geotiff import Layer, class_layer, write_map
from mmseg_aux_hrnet.maps.class_map.uncertainty import uncertainty_layer
from mmseg_aux_hrnet.maps.predict.blocks import Batch, Block, add_up, predict_blocks
from mmseg_aux_hrnet.maps.predict.journal import Conditions, Journal, differing
from mmseg_aux_hrnet.maps.predict.map_files import (
    MapSheet,
    class_values,
    cut,
    in_steps,
    kept_classes,
    mosaic_sheets,
    probability_layer,
    sheet_rows,
    uncertainty,
    uncertainty_meaning,
)
from mmseg_aux_hrnet.maps.predict.model import MapModel
from mmseg_aux_hrnet.maps.predict.mosaic import Mosaic
from mmseg_aux_hrnet.maps.predict.planning import fingerprint, plan_map
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.windows import stretches
from mmseg_aux_hrnet.raster.content import Entry, raster_files, read_content, unlike_files
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
    """Write the class map of a raster of any size, and what else of it the settings ask for.

    Args:
        model: such as a ``Predictor``.
        path: the raster.
        out: the class map, a GeoTIFF.
        settings: how.
        on_block: is called after each block of rows, with how many are done, and of how many.

    Returns:
        The class map.

    Raises:
        ConfigError: a setting is wrong or does not fit raster or model, something is at ``out`` already, or another
            process makes this map.
        DataError: the raster cannot be read or lacks what a setting needs, or what an unfinished run left is damaged.
        OutsideAreaError: no pixel of the raster lies in the area of interest.
        ResourceError: memory or disk space ran out; ``resume`` continues.
    """
    raster_map = RasterMap(model, as_path(path), Path(out), settings or MapSettings())
    with raster_map.locked():
        if raster_map.begin():
            raster_map.note_content()
            raster_map.predict(raster_map.missing(), on_block=on_block)
            raster_map.complete()
    return raster_map.out


class RasterMap:
    """The map of one raster, from its plan to its files.

    It is planned at once, from the header of the raster; nothing is written before :meth:`begin`. All methods but
    ``locked`` are for the process that holds the lock, or for those that it started.

    Attributes:
        path: of the raster, or the first of a mosaic.
        rasters: all of them.
        out: of the class map; of a mosaic, which has one for each raster, the one that the journal lies beside.
        shown: how messages call it.
        sheets: the parts of the map, each with files of its own.
        layers: what each part has: ``probabilities`` and ``uncertainty`` where they are asked for, and ``classes``.
        outputs: all files.
        plan: its windows, and what its bytes depend on.
        blocks: count of blocks of rows.
        journal: what is finished of it.

    Args:
        model: such as a ``Predictor``.
        raster: a file; or several that are predicted as one, each of which gets a map.
        out: the class map, a GeoTIFF.
        settings: how.
        look: look at samples of the raster for what a user should know of it.

    Raises:
        ConfigError: a setting is wrong, or does not fit the raster.
        DataError: the raster cannot be read, or lacks what a setting needs.
        OutsideAreaError: no pixel of it lies in the area of interest.
    """

    def __init__(
        self, model: MapModel, raster: Path | Mosaic, out: Path, settings: MapSettings, *, look: bool = True
    ) -> None:
        mosaic = raster if isinstance(raster, Mosaic) else None
        self.rasters = [raster] if not isinstance(raster, Mosaic) else [member.path for member in raster.members]
        self.path, self.out, self.shown = self.rasters[0], out, out
        self._settings = settings
        self.plan = plan_map(model, self.path, settings, mosaic=mosaic, look=look)
        self.blocks = len(self.plan.work.windows.rows.starts)
        self.journal = Journal(out.with_name(f'.{out.name}.work'))
        grid = self.plan.grid
        whole = MapSheet(out, grid, Window(0, 0, grid.width, grid.height))
        self.sheets = [whole] if mosaic is None else mosaic_sheets(mosaic, settings)
        self.layers = self._layers()
        self.outputs = [sheet.file(name) for sheet, name in product(self.sheets, self.layers)]

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
            ConfigError: there is a map or an unfinished run, which the settings do not allow to replace or to continue
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
            for path in self.outputs:
                other = f'{path}, which was made with other settings,' if settings.resume else None
                check_file(path, what=other, advice='replace it with --overwrite')
        with self._disk_errors():
            self.journal.begin(self.plan.conditions, resume=settings.resume, compare=self._differing)
        return True

    def note_content(self) -> None:
        """Note what the files of the raster hold, before it is predicted: a later run compares that, not times.

        Raises:
            RasterError: one cannot be read.
            ResourceError: the disk is full.
        """
        content = self._read_content(self.journal.conditions().get('content', ()))
        with self._disk_errors():
            self.journal.add('content', content)

    def missing(self) -> list[int]:
        """Return the blocks that are not yet predicted."""
        finished = self.journal.finished()
        return [index for index in range(self.blocks) if index not in finished]

    def predict(
        self, indices: Sequence[int], *, on_block: OnBlock | None = None, batches: Sequence[Batch] | None = None
    ) -> None:
        """Predict blocks and keep each in the journal.

        Args:
            indices: of the blocks, ascending.
            on_block: is called after each block, with how many are done, and of how many.
            batches: what is predicted already, all of the raster.

        Raises:
            ConfigError: the model cannot take windows of this size.
            DataError: the raster cannot be read.
            ResourceError: memory or disk space ran out.
        """
        done = self.blocks - len(indices)
        for stretch in stretches(indices):
            work, model = self.plan.work, self.plan.model
            if batches is None:
                predicted = predict_blocks(work, model, stretch, carry=self.journal.carry(stretch.start))
            else:
                predicted = add_up(batches, work.windows, classes=len(model.facts.legend.names))
            with self._disk_errors(), closing(predicted):  # a full disk or Ctrl-C ends the threads at once
                for block in (block for block in predicted if block.index in stretch):
                    self.journal.store(block.index, self._values(block), carry=block.carry)
                    done += 1
                    if on_block is not None:
                        on_block(done, self.blocks)

    def complete(self) -> None:
        """Write the map from the journal, which then is removed.

        Raises:
            DataError: a block of the journal is damaged, or of a version whose windows lay elsewhere, or the raster was
                changed while it was predicted.
            ResourceError: the disk is full, or cannot be written for another reason.
        """
        changed = self._differing(self.journal.conditions(), self.plan.conditions)
        if changed:
            raise DataError(f'{self.path} changed during the prediction ({"; ".join(changed)}): give --overwrite')
        with self._disk_errors():
            for sheet, (name, layer) in product(self.sheets, self.layers.items()):
                path, folder = sheet.file(name), self.journal.folder
                rows = sheet_rows(self.journal, self.plan.work.windows.rows, name, sheet)
                # Where there are no locks, two processes may come here at the same moment.
                part = unique_part(folder / path.name)
                write_map(path, rows, grid=sheet.grid, layer=layer, scratch=folder, part=part)
            self.journal.finish(self.plan.conditions)

    def _layers(self) -> dict[str, Layer]:
        """Return what is written, by name; the class map comes last, so that its name means that all is there."""
        facts, tags, depth = self.plan.model.facts, self.plan.tags, self._settings.probabilities
        layers: dict[str, Layer] = {}
        if depth is not None:
            layers['probabilities'] = probability_layer(facts.legend, depth, tags)
        if self._settings.uncertainty:
            layers['uncertainty'] = uncertainty_layer(uncertainty_meaning(facts.decision), tags)
        return {**layers, 'classes': class_layer(facts.legend, tags)}

    def _values(self, block: Block) -> dict[str, NDArray[Any]]:
        """Return what the journal keeps of a block, each (bands, rows, columns)."""
        facts, depth = self.plan.model.facts, self._settings.probabilities
        values: dict[str, NDArray[Any]] = {
            'classes': class_values(block.probabilities, block.valid, decision=facts.decision)[None]
        }
        if depth is not None:
            kept = block.probabilities[list(kept_classes(facts.legend))]
            values['probabilities'] = in_steps(kept, block.valid, depth=depth)
        if self._settings.uncertainty:
            unsure = uncertainty(block.probabilities, decision=facts.decision)[None]
            values['uncertainty'] = in_steps(unsure, block.valid, depth='uint8')
        return cut(values, self.sheets, rows=self.plan.work.windows.rows.block(block.index))

    def _differing(self, old: Conditions, new: Conditions) -> list[str]:
        """Return in words what is otherwise than in an earlier run; files are read where all else is the same."""
        unlike = differing(old, new)
        if unlike or 'content' not in old:
            return unlike
        files = unlike_files(old['content'], self._read_content(old['content']))
        return [f'{name} had other content, or was missing' for name in files]

    def _is_finished(self) -> bool:
        """Return whether the map is there, made by an equal run of the raster as it is now."""
        runs = {_run_of(path) for path in self.outputs}
        old = self.journal.of_finished()
        if old and runs == {fingerprint(old)}:
            return not self._differing(old, self.plan.conditions)
        # A map of an older version, or one that was moved: all files of the raster must be older.
        if any(isinstance(path, Address) for path in self.rasters):  # whose dates are those of another clock
            return False
        files = (file for path in self.rasters for file in raster_files(path))
        return runs == {self.plan.fingerprint} and max(map(_touched, files)) <= min(map(_touched, self.outputs))

    def _read_content(self, earlier: Sequence[Entry]) -> list[Entry]:
        return [entry for path in self.rasters for entry in read_content(path, earlier=earlier)]

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Say in one line that a disk is full, or cannot be written for another reason."""
        try:
            yield
        except OSError as error:
            if error.errno is None:  # of GDAL and numpy, about the content of a file
                raise
            advice = 'make room' if error.errno in (errno.ENOSPC, errno.EDQUOT) else 'repair that'
            raise ResourceError(
                f'{self.out} cannot be written ({error.strerror}): {advice}, then continue with --resume'
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
