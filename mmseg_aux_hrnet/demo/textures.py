"""Surface materials of the demo scenes and the noise that keeps them from looking painted."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Colour = tuple[float, float, float]


class Material(NamedTuple):
    """How a surface looks in the sun.

    Attributes:
        colour: RGB, 0..255.
        grain: strength of the noise of about one pixel, relative to the colour.
        mottle: strength of the noise of about four pixels.
        patches: strength of the noise of about twenty pixels.
        green: whether the surface is living vegetation.
    """

    colour: Colour
    grain: float
    mottle: float
    patches: float
    green: bool = False

    def tinted(self, rng: np.random.Generator, strength: float = 0.06) -> 'Material':
        """Return the material in a slightly different colour: brighter or darker, and another hue."""
        factors = rng.normal(1, strength) * rng.normal(1, strength / 4, size=3)
        red, green, blue = (float(value) for value in np.multiply(self.colour, factors).clip(8, 235))
        return self._replace(colour=(red, green, blue))


class NoiseFields(NamedTuple):
    """Noise of three grain sizes over a whole canvas, each float32 (H, W), mean 0, standard deviation 1."""

    grain: Floats
    mottle: Floats
    patches: Floats


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


def noise_field(rng: np.random.Generator, *, height_width: tuple[int, int], cell: float) -> Floats:
    """Draw smooth random values, mean 0 and standard deviation 1.

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


def noise_fields(rng: np.random.Generator, *, height_width: tuple[int, int], scale: int) -> NoiseFields:
    """Draw the three fields of one canvas.

    Args:
        rng: the source of randomness.
        height_width: size of the canvas in its own pixels.
        scale: canvas pixels per image pixel.
    """
    return NoiseFields(
        *(noise_field(rng, height_width=height_width, cell=cell * scale) for cell in (1, 3, 22)),
    )
