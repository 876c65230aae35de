"""What the lots of a demo scene are used for: dwellings, works, car parks, waste land and parks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmseg_aux_hrnet.demo import textures, things
from mmseg_aux_hrnet.demo.canvas import Canvas, Rect

Rng = np.random.Generator
LotPainter = Callable[[Canvas, Rng, Rect], None]

DRY = (textures.DRY_GRASS, textures.SOIL, textures.GRAVEL)


def _trees_in(canvas: Canvas, rng: Rng, rect: Rect, *, count: int, radius: tuple[float, float]) -> None:
    """Plant trees at random places of a rectangle."""
    for _ in range(count):
        along, across = rng.uniform(-0.5, 0.5, size=2) * (rect.length, rect.width)
        at = rect.part(float(along), float(across), length=1, width=1)
        material = things.pick(rng, textures.TREES)
        things.tree(canvas, rng, x=at.x, y=at.y, radius=float(rng.uniform(*radius)), material=material)


def _garden_ground(canvas: Canvas, rng: Rng, rect: Rect) -> None:
    """Cover a garden with lawn, worn lawn or something dry."""
    bare = things.pick(rng, DRY)
    lawn = things.pick(rng, (textures.LAWN, textures.LAWN, textures.PALE_LAWN))
    if rng.random() < 0.45:
        things.ground(canvas, rect, bare)
    else:
        share = float(rng.choice([0, 0, 0.2, 0.4]))
        things.patchy_ground(canvas, rect, base=lawn, patch=bare, share=share)


def _dwelling(canvas: Canvas, rng: Rng, lot: Rect) -> None:
    """A house with a front garden, a drive, a back garden and what people put there."""
    _garden_ground(canvas, rng, lot)
    front = lot.part(0, 0.38 * lot.width, length=lot.length, width=0.24 * lot.width)
    _garden_ground(canvas, rng, front)
    side = float(rng.choice([-1, 1]))
    drive = lot.part(side * 0.34 * lot.length, 0.3 * lot.width, length=7, width=0.4 * lot.width)
    things.ground(canvas, drive, textures.CONCRETE.tinted(rng))
    if rng.random() < 0.5:
        things.car(canvas, rng, drive.part(0, 0.05 * lot.width, length=9, width=4, turn=np.pi / 2))
    size = rng.uniform(0.66, 0.86), rng.uniform(0.44, 0.56)
    home = lot.part(0, 0.04 * lot.width, length=float(size[0]) * lot.length, width=float(size[1]) * lot.width)
    back = lot.part(0, -0.36 * lot.width, length=0.9 * lot.length, width=0.22 * lot.width)
    if rng.random() < 0.2:
        things.pool(canvas, rng, back.part(-0.2 * lot.length, 0, length=12, width=6.5))
    if rng.random() < 0.45:
        fence = lot.part(-side * (0.5 * lot.length - 2.5), 0, length=0.9 * lot.width, width=4.5, turn=np.pi / 2)
        things.hedge(canvas, fence, material=textures.HEDGE.tinted(rng), height=float(rng.uniform(3, 5)))
    things.house(canvas, rng, home)
    _trees_in(canvas, rng, back, count=int(rng.integers(0, 4)), radius=(4.5, 8))
    _trees_in(canvas, rng, front, count=int(rng.integers(0, 2)), radius=(4, 6))


def _works(canvas: Canvas, rng: Rng, lot: Rect) -> None:
    """A large flat building with a paved yard and strips of planting."""
    things.ground(canvas, lot, things.pick(rng, (textures.PAVING, textures.CONCRETE, textures.ASPHALT)))
    if rng.random() < 0.7:
        strip = lot.part(0, 0.5 * lot.width - 5, length=0.92 * lot.length, width=7)
        _garden_ground(canvas, rng, strip)
        _trees_in(canvas, rng, strip, count=int(rng.integers(0, 4)), radius=(4, 7))
    height = float(rng.uniform(8, 18))
    length, width = float(rng.uniform(0.7, 0.9)) * lot.length, float(rng.uniform(0.5, 0.8)) * lot.width
    hall = lot.part(0, -4, length=length, width=width)
    if rng.random() < 0.5:
        wing = hall.part(-0.25 * length, 0.1 * width, length=0.5 * length, width=0.9 * width)
        things.flat_building(canvas, rng, wing, height=height)
        hall = hall.part(0, -0.25 * width, length=length, width=0.5 * width)
    things.flat_building(canvas, rng, hall, height=height * 0.8)


def _car_park(canvas: Canvas, rng: Rng, lot: Rect) -> None:
    things.parking_lot(canvas, rng, lot.part(0, 0, length=lot.length - 4, width=lot.width - 4))


def _waste_land(canvas: Canvas, rng: Rng, lot: Rect) -> None:
    """Bare soil and dry grass with a few bushes."""
    soil, dry = textures.SOIL.tinted(rng), textures.DRY_GRASS.tinted(rng)
    things.patchy_ground(canvas, lot, base=dry, patch=soil, share=float(rng.uniform(0.2, 0.7)))
    _trees_in(canvas, rng, lot, count=int(rng.integers(1, 6)), radius=(3.5, 6.5))


def _park(canvas: Canvas, rng: Rng, lot: Rect) -> None:
    """Lawns with worn patches, a path, groups of trees and at times a court."""
    lawn = things.pick(rng, (textures.LAWN, textures.PALE_LAWN))
    bare = things.pick(rng, (textures.DRY_GRASS, textures.SOIL))
    things.patchy_ground(canvas, lot, base=lawn, patch=bare, share=float(rng.uniform(0.05, 0.5)))
    turn = float(rng.uniform(-0.6, 0.6))
    path = lot.part(0, 0, length=lot.width / float(np.cos(turn)), width=5, turn=np.pi / 2 + turn)
    things.ground(canvas, path, things.pick(rng, (textures.SOIL, textures.CONCRETE)))
    court = lot.part(0.24 * lot.length, 0.0, length=0.4 * lot.length, width=0.5 * lot.width)
    has_court = bool(rng.random() < 0.45)
    if has_court:
        things.sports_court(canvas, rng, court)
    for _ in range(int(rng.integers(1, 4))):
        along = float(rng.uniform(-0.42, -0.12 if has_court else 0.42)) * lot.length
        across = float(rng.uniform(-0.4, 0.4)) * lot.width
        group = lot.part(along, across, length=34, width=26)
        _trees_in(canvas, rng, group, count=int(rng.integers(2, 6)), radius=(5, 9))


@dataclass(frozen=True)
class District:
    """What the lots of a block are used for.

    Attributes:
        rows: rows of lots across the block.
        lot_length: limits of the length of a lot along the street, in image pixels.
        painters: what a lot can be.
        shares: how often, summing to 1.
    """

    rows: int
    lot_length: tuple[float, float]
    painters: tuple[LotPainter, ...]
    shares: tuple[float, ...]


DISTRICTS = (
    District(2, (36, 48), (_dwelling, _waste_land), (0.94, 0.06)),
    District(1, (60, 90), (_works, _car_park, _waste_land), (0.6, 0.27, 0.13)),
    District(1, (90, 130), (_park, _waste_land, _car_park), (0.8, 0.12, 0.08)),
)
DISTRICT_SHARES = (0.5, 0.25, 0.25)
