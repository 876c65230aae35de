"""The surface that demo scenes are drawn on: colour, height and vegetation of every point."""

from dataclasses import dataclass
from math import ceil, floor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.demo.textures import Floats, Material, NoiseFields, noise_fields

# Canvas pixels per image pixel along each axis: edges of the image come out smooth.
SCALE = 2

Mask = npt.NDArray[np.bool_]
Window = tuple[slice, slice]


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
        """Return a rectangle whose centre is offset in the directions of this one, in image pixels."""
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
        noise: the texture of all materials.
    """

    albedo: Floats
    height: Floats
    green: Mask
    noise: NoiseFields

    @staticmethod
    def empty(height_width: tuple[int, int], rng: np.random.Generator) -> 'Canvas':
        """Return a flat black canvas for an image of the given size in pixels."""
        height, width = (extent * SCALE for extent in height_width)
        return Canvas(
            albedo=np.zeros((height, width, 3), dtype=np.float32),
            height=np.zeros((height, width), dtype=np.float32),
            green=np.zeros((height, width), dtype=np.bool_),
            noise=noise_fields(rng, height_width=(height, width), scale=SCALE),
        )

    def rectangle(self, rect: Rect) -> Footprint:
        """Return the points inside a rectangle."""
        cos, sin = abs(np.cos(rect.angle)), abs(np.sin(rect.angle))
        reach_x, reach_y = rect.length * cos + rect.width * sin, rect.length * sin + rect.width * cos
        window, along, across = self._coordinates(rect, reach_y=reach_y / 2, reach_x=reach_x / 2)
        distance = np.maximum(np.abs(along) * (2 / rect.length), np.abs(across) * (2 / rect.width))
        return Footprint(window, distance <= 1, along, across, distance)

    def blob(self, rect: Rect, *, lobes: Floats) -> Footprint:
        """Return the points inside an uneven ellipse that ``rect`` bounds.

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
        """Cover a shape with a material wherever nothing higher stands there.

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
        top = (shape.mask if mask is None else mask) & (new >= old)
        grain, mottle, patches = (field[shape.window][top] for field in self.noise)
        tone = 1 + material.grain * grain + material.mottle * mottle + material.patches * patches
        self.albedo[shape.window][top] = tone[:, None] * np.asarray(material.colour, dtype=np.float32)
        self.green[shape.window][top] = material.green
        old[top] = new[top]

    def _coordinates(self, rect: Rect, *, reach_y: float, reach_x: float) -> tuple[Window, Floats, Floats]:
        """Return the window around a centre and the coordinates of its points along and across ``rect``."""
        rows, columns = (
            slice(_clip(floor((at - reach) * SCALE), extent), _clip(ceil((at + reach) * SCALE) + 1, extent))
            for at, reach, extent in zip((rect.y, rect.x), (reach_y, reach_x), self.green.shape, strict=True)
        )
        y = (np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5) / SCALE - rect.y
        x = (np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + 0.5) / SCALE - rect.x
        cos, sin = np.float32(np.cos(rect.angle)), np.float32(np.sin(rect.angle))
        return (rows, columns), x * cos + y * sin, y * cos - x * sin


def _clip(position: int, extent: int) -> int:
    return min(max(position, 0), extent)
