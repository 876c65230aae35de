"""A small picture of a class map: over its image, with a legend in hectares and a scale bar in true metres."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray
from PIL import Image

from mmseg_aux_hrnet.classes import Colour, class_colours
from mmseg_aux_hrnet.maps.legend import NODATA
from mmseg_aux_hrnet.maps.measure.frame import fit_frame, image_pixels, map_values
from mmseg_aux_hrnet.maps.measure.table import HECTARE
from mmseg_aux_hrnet.maps.measure.zonal import ZonalAreas
from mmseg_aux_hrnet.maps.vector.pixel_grid import PixelGrid
from mmseg_aux_hrnet.maps.vector.polygons import Geometries
from mmseg_aux_hrnet.raster.source import AS_IT_SAYS, Reading

RGB = NDArray[np.uint8]
DPI = 100
LONGEST_SIDE = 640  # pixels of the map in the picture
OPACITY = 0.5  # of a class over an image
NO_DATA: Colour = (225, 225, 225)
COLOURS = 128  # of the PNG: an aerial image with more would not fit into 300 kB


def draw_quicklook(areas: ZonalAreas, *, image: Path | None = None, reading: Reading = AS_IT_SAYS) -> bytes:
    """Return the picture as PNG; up is where the northing of the map's reference system grows.

    Args:
        areas: of the map.
        image: a raster to draw it over, in any reference system; None draws the map alone.
        reading: how the values of the image become colours.

    Raises:
        ConfigError: the reading does not fit the image.
        DataError: the map or the image cannot be read, or they do not overlap.
    """
    frame, side = fit_frame(areas.grid, areas.ground, longest_side=LONGEST_SIDE)
    values = map_values(areas.path, frame, classes=areas.legend.names)
    colours = class_colours(areas.legend)
    bare = areas.legend.background if image is not None else None
    canvas = None if image is None else image_pixels(image, frame, reading=reading)
    height, width = frame.shape
    scale = LONGEST_SIDE / max(height, width)
    # Inches: the map, or as wide as the legend needs; then margins and the legend, two classes in each line.
    size = (max(width * scale, 420) / DPI + 0.2, height * scale / DPI + 0.9 + 0.2 * ((len(colours) + 2) // 2))
    figure = Figure(figsize=size, dpi=DPI, layout='constrained')
    FigureCanvasAgg(figure)  # without pyplot, which looks for a screen and keeps every figure
    axes = figure.add_subplot()
    axes.imshow(paint(values, colours, image=canvas, bare=bare), interpolation='nearest')
    axes.set_axis_off()
    draw_zones(axes, areas.outlines, grid=areas.grid, frame=frame)
    draw_scale_bar(axes, frame, side=side)
    axes.set_title(plain(areas.path.name), fontsize=10)
    figure.legend(
        handles=_legend_entries(areas, colours, bare=bare), loc='outside lower center', fontsize=9, frameon=False,
        ncols=2, title=plain(areas.grid.crs.name), title_fontsize=9,
    )  # fmt: skip
    buffer, out = io.BytesIO(), io.BytesIO()
    figure.savefig(buffer, format='png')
    with Image.open(buffer) as picture:
        # Dithering would sprinkle the even colours of the classes.
        few = picture.convert('RGB').quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(out, format='png', optimize=True)
    return out.getvalue()


def paint(values: NDArray[np.uint8], colours: tuple[Colour, ...], *, image: RGB | None, bare: int | None) -> RGB:
    """Return the map in its colours.

    Args:
        values: class indices and ``NODATA``, uint8 (H, W).
        colours: of the classes.
        image: uint8 (H, W, 3), which then shows through; None for plain colours.
        bare: a class that leaves the image as it is.
    """
    table = np.full((NODATA + 1, 3), NO_DATA, np.float64)
    table[: len(colours)] = colours
    if image is None:
        return table[values].astype(np.uint8)
    opacity = np.full(NODATA + 1, OPACITY)
    opacity[NODATA] = 1.0
    if bare is not None:
        opacity[bare] = 0.0
    share = opacity[values][..., None]
    return np.asarray(((1 - share) * image + share * table[values]).round(), np.uint8)


def round_length(limit: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is at most ``limit``, above 0."""
    power = 10.0 ** np.floor(np.log10(limit))
    return float(max(step for step in (power, 2 * power, 5 * power) if step <= limit * (1 + 1e-9)))


def draw_zones(axes: Axes, outlines: Geometries, *, grid: PixelGrid, frame: PixelGrid) -> None:
    """Draw the outlines of zones, which are in pixels of a map, y downwards times -1, on a picture of it."""
    to_frame = ~frame.transform @ grid.transform @ Affine.scale(1, -1)
    rings = shapely.get_rings(shapely.get_parts(outlines))
    lines = [np.column_stack(to_frame @ shapely.get_coordinates(ring).T) - 0.5 for ring in rings]
    # White beside black: one of them shows on any colour.
    axes.add_collection(LineCollection(lines, colors='white', linewidths=2.4))
    axes.add_collection(LineCollection(lines, colors='black', linewidths=1.0))
    axes.set(xlim=(-0.5, frame.shape[1] - 0.5), ylim=(frame.shape[0] - 0.5, -0.5))


def draw_scale_bar(axes: Axes, frame: PixelGrid, *, side: float) -> None:
    """Draw a bar whose length is round in metres, where there is room for it.

    Args:
        axes: in pixels of the frame.
        frame: of the picture.
        side: of a pixel on the ground, metres.
    """
    height, width = frame.shape
    if height < 9 * max(height, width) / 100 or width < 14 * max(height, width) / 100:
        return  # a strip that has no room for it
    metres = round_length(width * side / 4)
    length, unit = metres / side, max(height, width) / 100
    left, base = 2 * unit - 0.5, height - 3 * unit - 0.5
    text = f'{metres / 1000:g} km' if metres >= 1000 else f'{metres:g} m'
    corner, paper_width = (left - unit, base - 5 * unit), max(length, 9 * unit) + 2 * unit
    axes.add_patch(Rectangle(corner, paper_width, 7 * unit, facecolor='white', alpha=0.8, linewidth=0, zorder=3))
    axes.add_patch(Rectangle((left, base), length, unit, facecolor='black', edgecolor='none', zorder=3))
    axes.text(left, base - 1.2 * unit, text, fontsize=9, va='bottom', ha='left', zorder=3)


def _legend_entries(areas: ZonalAreas, colours: tuple[Colour, ...], *, bare: int | None) -> list[Patch]:
    valid = areas.whole[:-1].sum()
    entries = []
    for index, (name, colour) in enumerate(zip(areas.legend.names, colours, strict=True)):
        square_metres = areas.whole[index]
        share = f' ({100 * square_metres / valid:.1f} %)' if valid > 0 else ''
        face: Any = 'none' if index == bare else np.divide(colour, 255)
        entries.append(
            Patch(facecolor=face, edgecolor='black', label=f'{plain(name)}: {hectares(square_metres)}{share}')
        )
    if areas.whole[-1] > 0:
        label = f'no data: {hectares(areas.whole[-1])}'
        entries.append(Patch(facecolor=np.divide(NO_DATA, 255), edgecolor='black', label=label))
    return entries


def hectares(square_metres: float) -> str:
    """Return an area to read."""
    number = square_metres / HECTARE
    return f'{number:,.0f} ha' if number >= 1000 else f'{number:.3g} ha'


def plain(text: str) -> str:
    """Return text as matplotlib shows it as it is."""
    return text.replace('$', r'\$')  # matplotlib reads what is between two as a formula
