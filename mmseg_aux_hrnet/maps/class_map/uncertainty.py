"""Where a class map is unsure: the layer that says so, and how it is read again beside its map."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.files.address import as_path
from mmseg_aux_hrnet.maps.class_map.geotiff import Grid, Layer
from mmseg_aux_hrnet.maps.class_map.grids import place_on
from mmseg_aux_hrnet.maps.class_map.joined import Part, join, read_parts
from mmseg_aux_hrnet.maps.styles import STYLE, uncertainty_style
from mmseg_aux_hrnet.raster.dataset import RUN_TAG, is_placed, open_dataset, reading_rows

UNCERTAINTY_TAG = 'UNCERTAINTY'  # by which the layer is known, and which says what its values are
UNCERTAINTY_STEPS = 254  # value of a pixel that could as well be another class
UNCERTAINTY_NODATA = 255
UNSURE_FROM = 0.5


def uncertainty_layer(meaning: str, tags: dict[str, str]) -> Layer:
    """Return the layer.

    Args:
        meaning: what its values are, in a line.
        tags: of the map.
    """
    tags = {**tags, UNCERTAINTY_TAG: meaning}
    beside = {STYLE: uncertainty_style()}
    return Layer(
        'uint8', UNCERTAINTY_NODATA, (f'uncertainty: {meaning}',), tags, step=1 / UNCERTAINTY_STEPS, beside=beside
    )


def parse_unsure_from(value: float) -> float:
    """Return the uncertainty from which a pixel is unsure.

    Raises:
        ConfigError: it is not above 0 and at most 1.
    """
    if not 0 < value <= 1:
        raise ConfigError(f'--unsure-from is {value:g}: give a number above 0, at most 1, such as {UNSURE_FROM:g}')
    return value


class UncertaintyMap:
    """An uncertainty layer that is open.

    Attributes:
        path: its file.
        grid: where it lies.
        dataset: the same, open in rasterio.

    Args:
        path: its file.
        dataset: the same, open in rasterio.

    Raises:
        DataError: it is not such a layer.
    """

    def __init__(self, path: Path, dataset: Any) -> None:
        found = dataset.count, dataset.dtypes[0], dataset.nodata, UNCERTAINTY_TAG in dataset.tags()
        if found != (1, 'uint8', UNCERTAINTY_NODATA, True):
            raise DataError(
                f'{path} is not an uncertainty map (the tag {UNCERTAINTY_TAG} is missing, or its values are others): '
                'name NAME_uncertainty.tif, which tools/predict_raster.py --uncertainty writes'
            )
        self.path, self.dataset = path, dataset
        self.grid = Grid(dataset.height, dataset.width, dataset.crs, dataset.transform, is_placed(dataset))

    def check_of(self, path: Path, *, grid: Grid, tags: dict[str, str]) -> None:
        """Raise unless it belongs to a class map.

        Args:
            path: of the class map.
            grid: of the class map.
            tags: of the class map.

        Raises:
            DataError: it lies on another grid, or is of another run.
        """
        # Joined by two programs, the corners of one ground may differ in the last digit.
        alike = place_on(grid, self.grid) == (0, 0) and (self.grid.height, self.grid.width) == (grid.height, grid.width)
        if not (alike or self.grid == grid):
            raise DataError(
                f'{self.path} and {path} lie on different grids: name the files of one prediction, or for both the '
                'folder of all'
            )
        runs = [each.get(RUN_TAG) for each in (self.dataset.tags(), tags)]
        if None not in runs and runs[0] != runs[1]:
            raise DataError(
                f'{self.path} and {path} are not of one prediction (their tags {RUN_TAG} differ): predict them together'
            )

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Return a window in steps of ``1 / UNCERTAINTY_STEPS``, ``UNCERTAINTY_NODATA`` where there is no data, (H, W).

        Raises:
            RasterError: the file is damaged there.
        """
        with reading_rows(self.path, window):
            values: NDArray[np.uint8] = self.dataset.read(1, window=window)
        return values

    def unsure(self, window: Window, *, limit: float) -> NDArray[np.bool_]:
        """Return where the uncertainty of a window is at least ``limit``, 0..1, bool (H, W); see :meth:`read`."""
        values = self.read(window)
        unsure: NDArray[np.bool_] = (values >= limit * UNCERTAINTY_STEPS) & (values != UNCERTAINTY_NODATA)
        return unsure


@contextmanager
def open_uncertainty(path: str | Path, *, parts: Sequence[Part] = ()) -> Iterator[UncertaintyMap]:
    """Open an uncertainty layer for reading.

    Args:
        path: as ``predict_raster`` writes it.
        parts: class maps, the one on top last (:func:`~mmseg_aux_hrnet.maps.class_map.joined.map_parts`). With them,
            ``path`` may be a folder or a VRT of layers: those of these maps are read as one, in the same order, so that
            each place has the uncertainty of the map whose class counts there.

    Raises:
        RasterError: the file cannot be read as a raster.
        DataError: it is not such a layer, or does not hold one for each class map.
    """
    path = as_path(path)
    if not parts and path.is_dir():
        raise DataError(f'{path} is a folder: name the files in it, such as {path / "NAME_uncertainty.tif"}')
    layers = read_parts(path) if parts and (path.is_dir() or path.suffix.lower() == '.vrt') else []
    layers = [layer for layer in layers if UNCERTAINTY_TAG in layer.tags]
    with ExitStack() as opened:
        if layers or path.is_dir():
            layers = [_layer_of(part, layers, where=path) for part in parts]
            meanings = sorted({layer.tags[UNCERTAINTY_TAG] for layer in layers})
            if len(meanings) > 1:
                raise DataError(f'{path} holds uncertainty of several rules ({"; ".join(meanings)}): predict all anew')
            dataset = opened.enter_context(join(layers, tags={UNCERTAINTY_TAG: meanings[0]}))
        else:
            dataset = opened.enter_context(open_dataset(path))
        yield UncertaintyMap(path, dataset)


def _layer_of(part: Part, layers: Sequence[Part], *, where: Path) -> Part:
    """Return the layer of a class map: names may sort otherwise than those of the class maps, so they do not count."""
    run = part.tags.get(RUN_TAG)
    found = [layer for layer in layers if layer.grid == part.grid and run in (None, layer.tags.get(RUN_TAG, run))]
    if len(found) != 1:
        raise DataError(
            f'{where} must hold one uncertainty map for {part.path}, on its grid and of the same prediction, and holds '
            f'{len(found) or "none"}: predict with --uncertainty, and keep each prediction in a folder of its own'
        )
    return found[0]
