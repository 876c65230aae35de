"""The tools to draw demo scenes: materials, shapes, and a canvas of colour, height and vegetation."""

from dataclasses import dataclass
from math import ceil, floor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Window = tuple[slice, slice]
Colour = tuple[float, float, float]
Rng = np.random.Generator

SCALE = 2  # canvas pixels per image pixel along each axis: edges of the image come out smooth


class Material(NamedTuple):
    """How a surface looks in the sun.

    Attributes:
        colour: RGB, 0..255.
        grain: strength of the noise of about one pixel, relative to the colour.
        mottle: strength of the noise of about three pixels.
        patches: strength of the noise of about twenty pixels.
        green: whether the surface is living vegetation.
    """

    colour: Colour
    grain: float
    mottle: float
    patches: float
    green: bool = False

    def tinted(self, rng: Rng, strength: float = 0.06) -> 'Material':
        """Return the material in a slightly different colour: brighter or darker, and another hue."""
        factors = rng.normal(1, strength) * rng.normal(1, strength / 4, size=3)
        red, green, blue = (float(value) for value in np.multiply(self.colour, factors).clip(8, 235))
        return self._replace(colour=(red, green, blue))


ASPHALT = Material((112, 112, 114), grain=0.03, mottle=0.02, patches=0.05)
CONCRETE = Material((170, 165, 156), grain=0.03, mottle=0.03, patches=0.04)
PAVING = Material((148, 138, 126), grain=0.04, mottle=0.04, patches=0.04)
MARKING = Material((205, 203, 194), grain=0.03, mottle=0.05, patches=0.0)
SOIL = Material((164, 142, 113), grain=0.04, mottle=0.05, patches=0.09)
DRY_GRASS = Material((160, 150, 107), grain=0.05, mottle=0.06, patches=0.08)
GRAVEL = Material((150, 146, 136), grain=0.06, mottle=0.03, patches=0.05)
LAWN = Material((105, 124, 76), grain=0.04, mottle=0.06, patches=0.09, green=True)
PALE_LAWN = Material((126, 139, 91), grain=0.04, mottle=0.06, patches=0.09, green=True)
HEDGE = Material((66, 83, 54), grain=0.06, mottle=0.10, patches=0.04, green=True)
WATER = Material((92, 168, 178), grain=0.01, mottle=0.03, patches=0.02)
GLASS = Material((52, 58, 66), grain=0.02, mottle=0.02, patches=0.0)
PANEL = Material((50, 56, 78), grain=0.02, mottle=0.02, patches=0.02)

TREES = (
    Material((71, 89, 53), grain=0.07, mottle=0.12, patches=0.04, green=True),
    Material((86, 104, 62), grain=0.07, mottle=0.12, patches=0.04, green=True),
    Material((56, 71, 51), grain=0.07, mottle=0.11, patches=0.04, green=True),
    Material((63, 79, 62), grain=0.07, mottle=0.11, patches=0.04, green=True),
    Material((95, 99, 69), grain=0.07, mottle=0.12, patches=0.04, green=True),
)
PITCHED_ROOFS = (
    Material((170, 108, 82), grain=0.05, mottle=0.04, patches=0.04),
    Material((146, 96, 78), grain=0.05, mottle=0.04, patches=0.04),
    Material((128, 106, 90), grain=0.05, mottle=0.04, patches=0.04),
    Material((128, 127, 126), grain=0.04, mottle=0.04, patches=0.04),
    Material((84, 86, 92), grain=0.04, mottle=0.04, patches=0.04),
    Material((176, 162, 140), grain=0.04, mottle=0.04, patches=0.04),
)
FLAT_ROOFS = (
    Material((204, 202, 197), grain=0.02, mottle=0.03, patches=0.04),
    Material((184, 178, 168), grain=0.03, mottle=0.03, patches=0.05),
    Material((140, 140, 138), grain=0.03, mottle=0.03, patches=0.06),
    Material((100, 102, 106), grain=0.03, mottle=0.03, patches=0.05),
    Material((150, 126, 108), grain=0.03, mottle=0.03, patches=0.05),
)
# Green by colour and not by nature: no colour rule tells these from vegetation.
GREEN_PAINTS = (
    Material((74, 122, 84), grain=0.02, mottle=0.02, patches=0.03),
    Material((92, 132, 98), grain=0.02, mottle=0.02, patches=0.03),
    Material((86, 114, 70), grain=0.02, mottle=0.02, patches=0.03),
)
CARS = tuple(
    Material(colour, grain=0.01, mottle=0.0, patches=0.0)
    for colour in (
        (226, 226, 224),
        (186, 188, 192),
        (122, 124, 128),
        (56, 57, 60),
        (158, 52, 46),
        (58, 82, 134),
    )
)


def noise_field(rng: Rng, *, height_width: tuple[int, int], cell: float) -> Floats:
    """Draw smooth random values, mean about 0 and standard deviation about 1.

    Args:
        rng: the source of randomness.
        height_width: size of the field in pixels.
        cell: distance of independent values in pixels; at least 1.

    Returns:
        Values within -2.5 and 2.5, float32 (H, W).
    """
    height, width = height_width
    rows, columns = (int(np.ceil(extent / cell)) + 2 for extent in height_width)
    coarse = Image.fromarray(rng.standard_normal((rows, columns), dtype=np.float32))
    # The box leaves out the outer half cells, where the interpolation would repeat the border.
    box = (0.5, 0.5, 0.5 + width / cell, 0.5 + height / cell)
    field = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC, box=box))
    unit = (field - field.mean()) / max(float(field.std()), 1e-6)
    return np.asarray(np.clip(unit, -2.5, 2.5), dtype=np.float32)


class Rect(NamedTuple):
    """A rectangle in image pixels; ``length`` runs along ``angle``, ``width`` across it.

    Attributes:
        x: column of the centre.
        y: row of the centre.
        length: extent along the direction of ``angle``.
        width: extent across.
        angle: direction in radians, from the x axis towards the y axis.
    """

    x: float
    y: float
    length: float
    width: float
    angle: float

    def part(self, along: float, across: float, *, length: float, width: float, turn: float = 0.0) -> 'Rect':
        """Return one of another size, its centre moved in the directions of this one, turned by ``turn`` radians."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        x, y = self.x + along * cos - across * sin, self.y + along * sin + across * cos
        return Rect(float(x), float(y), length, width, self.angle + turn)


class Footprint(NamedTuple):
    """The canvas points of a shape.

    Attributes:
        window: the rows and columns around the shape.
        mask: which points of the window are inside, bool (h, w).
        along: coordinate of every point along the shape, from its centre, in image pixels, float32 (h, w).
        across: coordinate across the shape.
        distance: 0 at the centre, 1 on the edge, float32 (h, w).
    """

    window: Window
    mask: Mask
    along: Floats
    across: Floats
    distance: Floats


@dataclass(frozen=True)
class Canvas:
    """A scene while it is drawn, ``SCALE`` points per image pixel and axis.

    Attributes:
        albedo: RGB in full sun, 0..255, float32 (H, W, 3).
        height: height above ground in image pixels, float32 (H, W).
        green: where vegetation is on top, bool (H, W).
        grain: texture of all materials, about one image pixel fine, float32 (H, W), see :func:`noise_field`.
        mottle: the same, about three pixels.
        patches: the same, about twenty pixels.
    """

    albedo: Floats
    height: Floats
    green: Mask
    grain: Floats
    mottle: Floats
    patches: Floats

    @staticmethod
    def empty(height_width: tuple[int, int], rng: Rng) -> 'Canvas':
        """Return a flat black canvas for an image of the given size in pixels."""
        height, width = (extent * SCALE for extent in height_width)
        # Drawn once, for all things: drawing them for each thing would take longer than the rest of the scene.
        grain, mottle, patches = (
            noise_field(rng, height_width=(height, width), cell=cell * SCALE) for cell in (1, 3, 22)
        )
        return Canvas(
            albedo=np.zeros((height, width, 3), dtype=np.float32),
            height=np.zeros((height, width), dtype=np.float32),
            green=np.zeros((height, width), dtype=np.bool_),
            grain=grain,
            mottle=mottle,
            patches=patches,
        )

    def rectangle(self, rect: Rect) -> Footprint:
        """Return the points inside a rectangle; parts of it may lie outside of the scene."""
        cos, sin = abs(np.cos(rect.angle)), abs(np.sin(rect.angle))
        reach_x, reach_y = rect.length * cos + rect.width * sin, rect.length * sin + rect.width * cos
        window, along, across = self._coordinates(rect, reach_y=reach_y / 2, reach_x=reach_x / 2)
        distance = np.maximum(np.abs(along) * (2 / rect.length), np.abs(across) * (2 / rect.width))
        return Footprint(window, distance <= 1, along, across, distance)

    def blob(self, rect: Rect, *, lobes: Floats) -> Footprint:
        """Return the points inside an uneven ellipse, whose edge waves about the one that ``rect`` bounds.

        Args:
            rect: length and width are the ellipse's axes.
            lobes: strength and phase of the waves of 2, 3, ... periods around the edge, float32 (waves, 2); the
                strengths are relative to the radius and sum to less than 1.
        """
        reach = max(rect.length, rect.width) / 2 * (1 + float(np.abs(lobes[:, 0]).sum()))
        window, along, across = self._coordinates(rect, reach_y=reach, reach_x=reach)
        angle = np.arctan2(across / rect.width, along / rect.length)
        edge = 1 + sum(size * np.sin(wave * angle + phase) for wave, (size, phase) in enumerate(lobes, start=2))
        distance = 2 * np.hypot(along / rect.length, across / rect.width) / edge
        return Footprint(window, distance <= 1, along, across, distance.astype(np.float32))

    def put(
        self, shape: Footprint, material: Material, *, height: Floats | float = 0.0, mask: Mask | None = None
    ) -> None:
        """Cover a shape with a material, except where something higher stands.

        Args:
            shape: the points to cover.
            material: its colour, texture and class.
            height: height of the new surface in image pixels, one number or float32 (h, w).
            mask: points to cover if they are fewer than those of ``shape``.
        """
        if not shape.mask.any():
            return
        old = self.height[shape.window]
        new = np.broadcast_to(np.asarray(height, dtype=np.float32), old.shape)
        # Of two things of one height the later one shows: that is how markings come onto the ground.
        top = (shape.mask if mask is None else mask) & (new >= old)
        grain, mottle, patches = (field[shape.window][top] for field in (self.grain, self.mottle, self.patches))
        tone = 1 + material.grain * grain + material.mottle * mottle + material.patches * patches
        self.albedo[shape.window][top] = tone[:, None] * np.asarray(material.colour, dtype=np.float32)
        self.green[shape.window][top] = material.green
        old[top] = new[top]

    def _coordinates(self, rect: Rect, *, reach_y: float, reach_x: float) -> tuple[Window, Floats, Floats]:
        """Return the window around a centre and the coordinates of its points along and across ``rect``."""
        rows, columns = (
            # The end must not be below 0 either, where a slice would count from the other side.
            slice(max(floor((at - reach) * SCALE), 0), max(min(ceil((at + reach) * SCALE) + 1, extent), 0))
            for at, reach, extent in zip((rect.y, rect.x), (reach_y, reach_x), self.green.shape, strict=True)
        )
        y = (np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5) / SCALE - rect.y
        x = (np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + 0.5) / SCALE - rect.x
        cos, sin = np.float32(np.cos(rect.angle)), np.float32(np.sin(rect.angle))
        return (rows, columns), x * cos + y * sin, y * cos - x * sin
