"""Draw a demo scene: a town plan of streets and blocks, its picture and its label."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.demo import textures, things
from mmseg_aux_hrnet.demo.canvas import Canvas, Rect
from mmseg_aux_hrnet.demo.light import draw_light, halve, photograph
from mmseg_aux_hrnet.demo.lots import DISTRICT_SHARES, DISTRICTS

Rng = np.random.Generator

PAVEMENT = 5.0  # width in image pixels of the strip between street and lots


@dataclass(frozen=True)
class Scene:
    """A picture and what is green in it.

    Attributes:
        image: RGB, uint8 (H, W, 3).
        label: 0 background, 1 green, uint8 (H, W).
    """

    image: npt.NDArray[np.uint8]
    label: npt.NDArray[np.uint8]


def draw_scene(seed: int, *, height_width: tuple[int, int] = (192, 256)) -> Scene:
    """Draw a town seen from above.

    The same seed gives the same scene on the same versions of numpy and Pillow. One pixel stands for about half a
    metre; trees in the shadow of a house are green, and painted courts and roofs are not.

    Args:
        seed: which scene, 0 or more.
        height_width: size of the scene in pixels.
    """
    rng = np.random.default_rng(seed)
    canvas = Canvas.empty(height_width, rng)
    _town(canvas, rng, height_width=height_width)
    image = np.rint(photograph(canvas, light=draw_light(rng), rng=rng)).astype(np.uint8)
    label = (halve(canvas.green.astype(np.float32)) >= 0.5).astype(np.uint8)
    return Scene(image=image, label=label)


def _town(canvas: Canvas, rng: Rng, *, height_width: tuple[int, int]) -> None:
    """Fill the canvas with blocks between two families of streets at right angles."""
    height, width = height_width
    x, y = (float(extent / 2 + rng.uniform(-60, 60)) for extent in (width, height))
    # Large enough to cover the corners at any angle and offset.
    span = float(np.hypot(height, width)) + 2 * 60 * 2**0.5
    town = Rect(x, y, span, span, float(rng.uniform(0, np.pi)))
    things.ground(canvas, town, textures.ASPHALT.tinted(rng))
    across = -town.width / 2
    while across < town.width / 2:
        depth, street = float(rng.uniform(84, 112)), float(rng.uniform(17, 24))
        along = -town.length / 2 - float(rng.uniform(0, 100))
        while along < town.length / 2:
            length = float(rng.uniform(130, 230))
            block = town.part(along + length / 2, across + depth / 2, length=length, width=depth)
            if _visible(block, height_width):
                _block(canvas, rng, block)
                _street(canvas, rng, block.part(0, (depth + street) / 2, length=length, width=street))
                _street(canvas, rng, block.part((length + 18) / 2, 0, length=depth, width=18, turn=np.pi / 2))
            along += length + 18
        across += depth + street


def _visible(rect: Rect, height_width: tuple[int, int]) -> bool:
    reach = float(np.hypot(rect.length, rect.width)) / 2
    return -reach < rect.x < height_width[1] + reach and -reach < rect.y < height_width[0] + reach


def _street(canvas: Canvas, rng: Rng, rect: Rect) -> None:
    """Mark the piece of a street between two crossings and put cars on both sides."""
    for end in (-1, 1):
        for across in np.arange(-rect.width / 2 + 2, rect.width / 2 - 1, 3.2):
            stripe = rect.part(end * (rect.length / 2 - 3), float(across), length=5, width=1.5)
            things.ground(canvas, stripe, textures.MARKING)
    for along in np.arange(-rect.length / 2 + 12, rect.length / 2 - 12, 14):
        things.ground(canvas, rect.part(float(along), 0, length=7, width=1.0), textures.MARKING)
    for side in (-1, 1):
        for along in np.arange(-rect.length / 2 + 14, rect.length / 2 - 14, 12):
            if rng.random() < 0.3:
                at = rect.part(float(along) + float(rng.uniform(-1, 1)), side * (rect.width / 2 - 3), length=9, width=4)
                things.car(canvas, rng, at)


def _block(canvas: Canvas, rng: Rng, block: Rect) -> None:
    """Lay the pavement of a block, divide it into lots and plant its street trees."""
    things.ground(canvas, block, textures.CONCRETE.tinted(rng))
    district = DISTRICTS[int(rng.choice(len(DISTRICTS), p=DISTRICT_SHARES))]
    inner = block.part(0, 0, length=block.length - 2 * PAVEMENT, width=block.width - 2 * PAVEMENT)
    lots = max(1, round(inner.length / float(rng.uniform(*district.lot_length))))
    length, rows = inner.length / lots, district.rows
    for row in range(rows):
        for lot in range(lots):
            along, across = (lot + 0.5) * length - inner.length / 2, (row + 0.5 - rows / 2) * inner.width / rows
            # Lots of the first row look to the street behind them, so they are turned round.
            turn = np.pi if row == 0 and rows > 1 else 0.0
            rect = inner.part(along, across, length=length, width=inner.width / rows, turn=turn)
            paint = district.painters[int(rng.choice(len(district.painters), p=district.shares))]
            paint(canvas, rng, rect)
    _street_trees(canvas, rng, block)


def _street_trees(canvas: Canvas, rng: Rng, block: Rect) -> None:
    kind, share = things.pick(rng, textures.TREES), float(rng.choice([0.0, 0.35, 0.8]))
    size, spacing = float(rng.uniform(6, 10)), float(rng.uniform(20, 30))
    for side in (-1, 1):
        for along in np.arange(-block.length / 2 + 8, block.length / 2 - 6, spacing):
            if rng.random() < share:
                at = block.part(float(along), side * (block.width / 2 - 4), length=1, width=1)
                things.tree(canvas, rng, x=at.x, y=at.y, radius=size * float(rng.uniform(0.8, 1.2)), material=kind)
