"""Makes the maps of rasters that are predicted as one ground: one plan and journal, and a map for each raster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import DataError, OutsideAreaError
from mmseg_aux_hrnet.maps.class_map.geotiff import Rows, write_map
from mmseg_aux_hrnet.maps.predict.blocks import Block
from mmseg_aux_hrnet.maps.predict.model import MapModel
from mmseg_aux_hrnet.maps.predict.mosaic import Member, Mosaic
from mmseg_aux_hrnet.maps.predict.planning import MapPlan, area_of, plan_map
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap, probabilities_path
from mmseg_aux_hrnet.maps.predict.settings import MapSettings


class MosaicMap(RasterMap):
    """The maps of the rasters of a mosaic, each what the map of all of them as one raster shows there.

    The journal lies beside the map of the raster that was named first; its blocks hold the part of each raster, so that
    nothing is kept of ground without a raster.

    Args:
        model: such as a ``Predictor``.
        mosaic: the rasters.
        settings: how.

    Raises:
        ConfigError: a setting is wrong, or does not fit the rasters.
        DataError: a raster cannot be read, or lacks what a setting needs.
        OutsideAreaError: no pixel of them lies in the area of interest.
    """

    def __init__(self, model: MapModel, mosaic: Mosaic, settings: MapSettings) -> None:
        self._mosaic = mosaic
        first = min(mosaic.members, key=lambda member: member.out)
        super().__init__(model, first.path, first.out, settings)
        self._parts = self._wanted()
        self.outputs = [member.out for _, member, _ in self._parts]
        if settings.probabilities is not None:
            self.outputs += [probabilities_path(out) for out in self.outputs]

    @property
    def rasters(self) -> list[Path]:
        """Return the rasters that it is the map of."""
        return [member.path for member in self._mosaic.members]

    def _plan(self, model: MapModel) -> MapPlan:
        return plan_map(model, self.path, self._settings, mosaic=self._mosaic)

    def _wanted(self) -> list[tuple[int, Member, Window]]:
        """Return the rasters that get a map, those in the area of interest: their numbers, and places in the mosaic."""
        parts = []
        for number, (member, window) in enumerate(zip(self._mosaic.members, self._mosaic.windows, strict=True)):
            try:
                area_of(member.path, member.grid, self._settings)
            except OutsideAreaError:
                continue
            parts.append((number, member, window))
        return parts

    def _values(self, block: Block) -> dict[str, NDArray[Any]]:
        """Return what the journal keeps of a block: the part of each raster, (bands, rows, columns)."""
        whole = super()._values(block)
        top, end = self.plan.work.windows.rows.block(block.index)
        values: dict[str, NDArray[Any]] = {}
        for number, _, window in self._parts:
            (first, last), (left, right) = window.toranges()
            if first < end and last > top:
                rows = slice(max(first, top) - top, min(last, end) - top)
                values |= {f'{name}_{number}': part[:, rows, left:right] for name, part in whole.items()}
        return values

    def _write(self) -> None:
        for number, member, window in self._parts:
            for name, layer in self._layers().items():
                path = probabilities_path(member.out) if name == 'probabilities' else member.out
                rows = self._rows_of(f'{name}_{number}', window)
                write_map(path, rows, grid=member.grid, layer=layer, scratch=self.journal.folder)

    def _rows_of(self, name: str, window: Window) -> Iterator[Rows]:
        """Yield the values of the part of each block that a raster has, (bands, rows, width)."""
        first, last = window.row_off, window.row_off + window.height
        for index in range(self.blocks):
            top, end = self.plan.work.windows.rows.block(index)
            if first < end and last > top:
                values = self.journal.part(index, name)
                if values.shape[1:] != (min(last, end) - max(first, top), window.width):
                    raise DataError(f'{self.journal.folder} holds other rows than these: start anew with --overwrite')
                yield values
