"""A small picture of change in two panels: the earlier map, and what became of it."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image
from rasterio.windows import Window

from mmseg_aux_hrnet.classes import Classes, class_colours
from mmseg_aux_hrnet.maps.change.mapping import change_legend
from mmseg_aux_hrnet.maps.change.transitions import ChangeAreas
from mmseg_aux_hrnet.maps.ground import Ground
from mmseg_aux_hrnet.maps.legend import NODATA
from mmseg_aux_hrnet.maps.measure.frame import fit_frame, map_values
from mmseg_aux_hrnet.maps.measure.quicklook import (
    COLOURS,
    DPI,
    NO_DATA,
    draw_scale_bar,
    draw_zones,
    hectares,
    paint,
    plain,
)
from mmseg_aux_hrnet.maps.vector.pixel_grid import PixelGrid

PANEL = 480  # pixels, the longest side of a map in the picture


class Thumbnail:
    """Collects the values of a map at the pixels of a small picture, while the map is read in windows.

    Attributes:
        frame: where the picture lies.
        side: of its pixels on the ground, metres.
        values: int64 of the frame's shape, -1 where nothing was seen.

    Args:
        grid: of the map.
        ground: of the map.
    """

    def __init__(self, grid: PixelGrid, ground: Ground) -> None:
        self.frame, self.side = fit_frame(grid, ground, longest_side=PANEL)
        self.values = np.full(self.frame.shape, -1, np.int64)
        height, width = self.frame.shape
        centres = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        column, row = (~grid.transform @ self.frame.transform) @ centres
        self._columns, self._rows = np.floor(column).astype(np.int64), np.floor(row).astype(np.int64)

    def see(self, window: Window, values: NDArray[np.int64]) -> None:
        """Take what lies in a window, (height, width)."""
        (top, bottom), (left, right) = window.toranges()
        inside = (self._rows >= top) & (self._rows < bottom) & (self._columns >= left) & (self._columns < right)
        self.values[inside] = values[self._rows[inside] - top, self._columns[inside] - left]


def draw_change(areas: ChangeAreas, thumbnail: Thumbnail, *, of: int | None) -> bytes:
    """Return the picture as PNG: on the left the earlier map, on the right the change, with areas in hectares.

    Args:
        areas: of change.
        thumbnail: that saw the values of the change.
        of: the class whose gain and loss is shown; None for what became what of all.

    Raises:
        DataError: the earlier map cannot be read any more.
    """
    frame = thumbnail.frame
    legend, table = change_legend(areas.legend, of)
    before = map_values(areas.paths[0], frame, classes=areas.legend.names)
    change = np.where(thumbnail.values < 0, np.uint8(NODATA), table[thumbnail.values])
    height, width = frame.shape
    scale = PANEL / max(height, width)
    by_class = np.zeros(len(legend.names))
    np.add.at(by_class, table[:-1], areas.whole.ravel())
    entries = (
        _entries(areas.legend, areas.whole.sum(axis=(0, 2)), nodata=areas.whole_nodata),
        _entries(legend, by_class, nodata=areas.whole_nodata),
    )
    lines = max(map(len, entries)) + 1
    size = (2 * max(width * scale, 300) / DPI + 0.4, height * scale / DPI + 0.7 + 0.19 * lines)
    figure = Figure(figsize=size, dpi=DPI, layout='constrained')
    FigureCanvasAgg(figure)  # without pyplot, which looks for a screen and keeps every figure
    panels = zip(figure.subplots(1, 2), (before, change), (areas.legend, legend), strict=True)
    titles = (areas.paths[0].name, f'change to {areas.paths[1].name}')
    for (axes, values, shown), title, handles in zip(panels, titles, entries, strict=True):
        axes.imshow(paint(values, class_colours(shown), image=None, bare=None), interpolation='nearest')
        axes.set_axis_off()
        draw_zones(axes, areas.outlines, grid=areas.grid, frame=frame)
        draw_scale_bar(axes, frame, side=thumbnail.side)
        axes.set_title(plain(title), fontsize=9)
        axes.legend(
            handles=handles, loc='upper center', bbox_to_anchor=(0.5, -0.01), fontsize=8, frameon=False, ncols=1
        )
    figure.supxlabel(plain(areas.grid.crs.name), fontsize=8)
    buffer, out = io.BytesIO(), io.BytesIO()
    figure.savefig(buffer, format='png')
    with Image.open(buffer) as picture:
        few = picture.convert('RGB').quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(out, format='png', optimize=True)
    return out.getvalue()


def _entries(legend: Classes, square_metres: NDArray[np.float64], *, nodata: float) -> list[Patch]:
    """Return what the legend shows, with the areas where both maps have data."""
    total = float(np.sum(square_metres))
    entries = [
        Patch(
            facecolor=np.divide(colour, 255),
            edgecolor='black',
            label=f'{plain(name)}: {hectares(area)} ({100 * area / total:.2f} %)',
        )
        for name, colour, area in zip(legend.names, class_colours(legend), square_metres, strict=True)
        if area > 0
    ]
    if nodata > 0:
        label = f'no data in one of the maps: {hectares(nodata)}'
        entries.append(Patch(facecolor=np.divide(NO_DATA, 255), edgecolor='black', label=label))
    return entries
