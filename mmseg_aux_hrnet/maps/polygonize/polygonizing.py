"""From a class map to a file of polygons."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import counted
from mmseg_aux_hrnet.files.address import as_path
from mmseg_aux_hrnet.maps.class_map.reading import ClassMap, open_class_map
from mmseg_aux_hrnet.maps.legend import NODATA
from mmseg_aux_hrnet.maps.options import PARQUET, check_available, check_output
from mmseg_aux_hrnet.maps.polygonize.features import AREA, CLASS_NAME, make_features, square_corners
from mmseg_aux_hrnet.maps.polygonize.holes import HoleFilling
from mmseg_aux_hrnet.maps.polygonize.output import FORMATS, Write, open_output
from mmseg_aux_hrnet.maps.polygonize.request import PolygonRequest
from mmseg_aux_hrnet.maps.polygonize.scale import MapScale, map_scale
from mmseg_aux_hrnet.maps.polygonize.strips import REST, Values, strip_rows, strips
from mmseg_aux_hrnet.maps.polygonize.tracing import NO_POLYGONS, PixelArea, PixelPolygons, trace
from mmseg_aux_hrnet.maps.styles import class_style
from mmseg_aux_hrnet.raster.dataset import GDAL_CACHE

OnRows = Callable[[int, int], None]
BATCH = 10_000  # polygons that are written at once
MOST_CLASSES = 8  # in the closing line
HOLED = 7  # pixels of the smallest region with a hole: a ring around one pixel may lack a corner


@dataclass
class PolygonSummary:
    """What was written.

    Attributes:
        out: the file.
        polygons: how many of each class.
        square_metres: of each class; empty where the size of a pixel is not known.
        note: why there are no areas; None where there are.
    """

    out: Path
    polygons: Counter[str] = field(default_factory=Counter)
    square_metres: Counter[str] = field(default_factory=Counter)
    note: str | None = None

    def closing_line(self) -> str:
        """Return what was written on one line."""
        if not self.polygons:
            return f'{self.out}: no polygons: the map has no such area'
        parts = [
            f'{counted(count, "polygon")} of {name}'
            + (f' ({self.square_metres[name] / 10_000:,.4g} ha)' if self.square_metres else '')
            for name, count in sorted(self.polygons.items())
        ]
        more = f' and {counted(len(parts) - MOST_CLASSES, "more class")}' if len(parts) > MOST_CLASSES else ''
        return f'{self.out}: {", ".join(parts[:MOST_CLASSES])}{more}'


def polygonize(
    class_map: str | Path,
    out: str | Path,
    *,
    request: PolygonRequest | None = None,
    classes: Sequence[str] | None = None,
    overwrite: bool = False,
    on_rows: OnRows = lambda done, total: None,
) -> PolygonSummary:
    """Write the 4-connected regions of a class map as polygons, in its reference system (GeoJSON: longitude, latitude).

    Args:
        class_map: as ``predict_raster`` writes it.
        out: file to write; its suffix says the format.
        request: which polygons; None for those of every class but background, as they are.
        classes: names of the values 0, 1, ... of a map that does not say them.
        overwrite: replace ``out`` where it exists.
        on_rows: called with the number of rows done and their total.

    Raises:
        ConfigError: the request does not fit the map, ``out`` cannot be named so, or exists and must not be replaced.
        DataError: the map cannot be read or lacks what the request needs, or ``out`` cannot be written.
        StackError: the extra for the format is missing.
    """
    request, out = request or PolygonRequest(), Path(out)
    check_output(out, suffixes=FORMATS, inputs=[as_path(class_map)], overwrite=overwrite)
    if out.suffix.lower() == '.parquet':
        check_available(PARQUET, extra='parquet')
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE), open_class_map(class_map, classes=classes) as opened:
        run = _Run(opened, request, map_scale(opened, request), on_rows)
        summary = PolygonSummary(out, note=run.scale.note)
        style = class_style(opened.legend, chosen=request.chosen(opened.legend.names))
        with open_output(out, run.scale.crs, style=style) as write, closing(HoleFilling(run.rows)) as holes:
            if request.fill_holes:
                # Regions that can have a hole are known by their pixels: a pixel counts as one square metre here.
                traced = run.trace(None, smallest=HOLED, simplify=0.0, pixel_area=lambda places: np.ones(len(places)))
                holes.find(traced, smaller_than=request.fill_holes, pixel_area=run.scale.pixel_area)
            run.write_polygons(holes if request.fill_holes else None, write, summary)
    return summary


class _Run:
    """One pass over the map finds the holes to fill, where that is asked for; the next gives the polygons."""

    def __init__(self, class_map: ClassMap, request: PolygonRequest, scale: MapScale, on_rows: OnRows) -> None:
        self.rows = strip_rows((class_map.height, class_map.width))
        self.scale = scale
        self._map = class_map
        self._request = request
        self._on_rows = on_rows
        self._chosen = np.full(REST + 1, REST, np.uint8)
        chosen = request.chosen(class_map.legend.names)
        self._chosen[list(chosen)] = chosen

    def write_polygons(self, holes: HoleFilling | None, write: Write, summary: PolygonSummary) -> None:
        """Write the polygons, with the holes filled where there are any to fill, and add them to the summary."""
        square, smallest = self._request.square, self._request.min_area
        simplify = 0.0 if square else self._request.simplify  # which then says how far outlines may move
        traced = self.trace(holes, smallest=smallest, simplify=simplify, pixel_area=self.scale.pixel_area)
        batches = (
            polygons.select(slice(first, first + BATCH))
            for polygons in traced
            for first in range(0, len(polygons.values), BATCH)
        )
        for batch in chain([NO_POLYGONS], batches):  # the first says the columns, where nothing follows
            if square:
                outlines = square_corners(batch.outlines, tolerance=self.scale.squaring_tolerance(self._request))
                batch = batch._replace(outlines=outlines)
            polygons, columns = make_features(batch, names=self._map.legend.names, scale=self.scale)
            write(polygons, columns)
            names = columns[CLASS_NAME].tolist()
            summary.polygons.update(names)
            for name, area in zip(names, columns.get(AREA, ()), strict=False):
                summary.square_metres[name] += area

    def trace(
        self, holes: HoleFilling | None, *, smallest: float, simplify: float, pixel_area: PixelArea
    ) -> Iterator[PixelPolygons]:
        """Yield the polygons of one pass over the map, with the holes filled, and say how far it is."""
        height, width = self._map.height, self._map.width
        done = 0 if holes is None else height  # a pass that fills holes comes after the one that found them
        total = 2 * height if self._request.fill_holes else height

        def read_chosen(start: int, stop: int) -> Values:
            self._on_rows(done + start, total)
            raw = self._map.read(Window(0, start, width, stop - start))
            values = np.asarray(self._chosen[raw])
            return values if holes is None else holes.fill(values, first_row=start, no_data=raw == NODATA)

        parts = strips(read_chosen, shape=(height, width), rows=self.rows)
        yield from trace(parts, smallest=smallest, simplify=simplify, pixel_area=pixel_area)
        self._on_rows(done + height, total)
