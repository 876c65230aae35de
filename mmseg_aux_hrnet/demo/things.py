"""The things in a demo scene: trees, buildings, cars, pools and courts, and the lots and districts made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from mmseg_aux_hrnet.demo.canvas import (
    ASPHALT,
    CARS,
    CONCRETE,
    DRY_GRASS,
    FLAT_ROOFS,
    GLASS,
    GRAVEL,
    GREEN_PAINTS,
    HEDGE,
    LAWN,
    MARKING,
    PALE_LAWN,
    PANEL,
    PAVING,
    PITCHED_ROOFS,
    SOIL,
    TREES,
    WATER,
    Canvas,
    Material,
    Rect,
    Rng,
)

LotPainter = Callable[[Canvas, Rng, Rect], None]

DRY = (DRY_GRASS, SOIL, GRAVEL)


def pick(rng: Rng, materials: tuple[Material, ...]) -> Material:
    """Choose one material and tint it."""
    return materials[int(rng.integers(len(materials)))].tinted(rng)


def ground(canvas: Canvas, rect: Rect, material: Material) -> None:
    """Cover a rectangle of flat ground."""
    canvas.put(canvas.rectangle(rect), material)


def patchy_ground(canvas: Canvas, rect: Rect, *, base: Material, patch: Material, share: float) -> None:
    """Cover flat ground with patches of a second material, such as trodden soil in a lawn.

    Args:
        canvas: the scene.
        rect: the ground.
        base: the material between the patches.
        patch: the material of the patches.
        share: about the share of the patches over many grounds, 0 to below 1.
    """
    shape = canvas.rectangle(rect)
    canvas.put(shape, base)
    if share > 0:
        # The noise is nearly normal, so its quantile needs no sorting.
        level = NormalDist().inv_cdf(share)
        canvas.put(shape, patch, mask=shape.mask & (canvas.patches[shape.window] < level))


def tree(canvas: Canvas, rng: Rng, *, x: float, y: float, radius: float, material: Material) -> None:
    """Plant a tree with a lumpy crown; ``x``, ``y`` and ``radius`` are image pixels."""
    rect = Rect(x, y, 2 * radius * rng.uniform(0.92, 1.08), 2 * radius, float(rng.uniform(0, np.pi)))
    lobes = np.stack([rng.uniform(0.02, 0.07, size=4), rng.uniform(0, 2 * np.pi, size=4)], axis=1)
    crown = canvas.blob(rect, lobes=lobes.astype(np.float32))
    dome = np.sqrt(np.clip(1 - crown.distance**2, 0, 1))
    # Lumps catch and throw light, so that a crown has a texture that a lawn of its colour lacks.
    lumps = 0.55 * canvas.mottle[crown.window] + 0.2 * canvas.grain[crown.window]
    top = min(radius * float(rng.uniform(1.3, 2.0)), 17.0)
    height = top * (0.45 + 0.55 * dome) + lumps * min(1.0, radius / 7)
    canvas.put(crown, material, height=np.maximum(height, 1).astype(np.float32))


def pitched_roof(canvas: Canvas, rect: Rect, *, material: Material, eaves: float, hipped: bool) -> None:
    """Build a roof with one ridge along ``rect``; ``eaves`` is the height of its lower edges in image pixels."""
    shape = canvas.rectangle(rect)
    inside = rect.width / 2 - np.abs(shape.across)
    if hipped:
        inside = np.minimum(inside, rect.length / 2 - np.abs(shape.along))
    canvas.put(shape, material, height=eaves + np.float32(0.5) * inside)


def house(canvas: Canvas, rng: Rng, rect: Rect) -> None:
    """Build a dwelling on ``rect``: a main roof, often a wing, at times solar panels."""
    roof, eaves = pick(rng, PITCHED_ROOFS), float(rng.uniform(5, 8))
    hipped = bool(rng.random() < 0.6)
    main = rect.part(0, -0.16 * rect.width, length=rect.length, width=0.66 * rect.width)
    pitched_roof(canvas, main, material=roof, eaves=eaves, hipped=hipped)
    if rng.random() < 0.65:
        side = float(rng.choice([-1, 1])) * 0.27 * rect.length
        wing = rect.part(side, 0.1 * rect.width, length=0.8 * rect.width, width=0.44 * rect.length, turn=np.pi / 2)
        pitched_roof(canvas, wing, material=roof, eaves=eaves, hipped=hipped)
    if rng.random() < 0.2:
        panels = main.part(0, 0.22 * main.width, length=0.4 * main.length, width=0.28 * main.width)
        canvas.put(canvas.rectangle(panels), PANEL, height=eaves + 0.22 * main.width)


def flat_building(canvas: Canvas, rng: Rng, rect: Rect, *, height: float) -> None:
    """Build a block with a flat roof, its rim, machines and at times green paint or solar panels."""
    painted = rng.random() < 0.2
    roof = pick(rng, GREEN_PAINTS if painted else FLAT_ROOFS)
    rim = roof._replace(colour=tuple(0.86 * value for value in roof.colour))  # type: ignore[arg-type]
    canvas.put(canvas.rectangle(rect), rim, height=height)
    inner = rect.part(0, 0, length=rect.length - 3, width=rect.width - 3)
    canvas.put(canvas.rectangle(inner), roof, height=height)
    if rng.random() < 0.3:
        rows = rect.part(-0.2 * rect.length, 0, length=0.36 * rect.length, width=0.6 * rect.width)
        canvas.put(canvas.rectangle(rows), PANEL, height=height + 0.6)
    for _ in range(int(rng.integers(1, 5))):
        along, across = (float(value) for value in rng.uniform(-0.38, 0.38, size=2))
        size = float(rng.uniform(3, 7))
        unit = rect.part(along * rect.length, across * rect.width, length=size, width=0.7 * size)
        canvas.put(canvas.rectangle(unit), pick(rng, FLAT_ROOFS), height=height + float(rng.uniform(1, 3)))


def car(canvas: Canvas, rng: Rng, rect: Rect) -> None:
    """Park a car; ``rect`` gives its place and direction."""
    body = rect._replace(length=float(rng.uniform(8, 9.5)), width=4.0)
    canvas.put(canvas.rectangle(body), pick(rng, CARS), height=2.2)
    for along in (-0.24, 0.16):
        pane = body.part(along * body.length, 0, length=1.2, width=3.2)
        canvas.put(canvas.rectangle(pane), GLASS, height=2.6)


def pool(canvas: Canvas, rng: Rng, rect: Rect) -> None:
    """Dig a swimming pool with a paved rim."""
    ground(canvas, rect.part(0, 0, length=rect.length + 4, width=rect.width + 4), CONCRETE.tinted(rng))
    lobes = np.array([[0.05, rng.uniform(0, 6)], [0.05, rng.uniform(0, 6)]], dtype=np.float32)
    shape = canvas.rectangle(rect) if rng.random() < 0.6 else canvas.blob(rect, lobes=lobes)
    canvas.put(shape, WATER.tinted(rng))


def sports_court(canvas: Canvas, rng: Rng, rect: Rect) -> None:
    """Paint a court: green or reddish colour with white lines, all of it artificial."""
    surround, field = pick(rng, GREEN_PAINTS), pick(rng, GREEN_PAINTS)
    if rng.random() < 0.4:
        surround = Material((150, 92, 76), grain=0.02, mottle=0.02, patches=0.03).tinted(rng)
    ground(canvas, rect, surround)
    inner = rect.part(0, 0, length=0.76 * rect.length, width=0.66 * rect.width)
    ground(canvas, inner.part(0, 0, length=inner.length + 2, width=inner.width + 2), MARKING)
    ground(canvas, inner, field)
    ground(canvas, inner.part(0, 0, length=1.0, width=inner.width), MARKING)
    ground(canvas, inner.part(0, 0, length=0.5 * inner.length, width=1.0), MARKING)


def parking_lot(canvas: Canvas, rng: Rng, rect: Rect) -> None:
    """Lay out a car park inside ``rect``: rows of stalls along it, some taken, a tree in every seventh."""
    rect = rect.part(0, 0, length=rect.length - 4, width=rect.width - 4)
    ground(canvas, rect, ASPHALT.tinted(rng))
    taken = float(rng.uniform(0.25, 0.8))
    stalls = int((rect.length - 6) / 6)
    for across in np.arange(-rect.width / 2 + 6, rect.width / 2 - 5, 22):
        for stall in range(stalls):
            along = (stall - (stalls - 1) / 2) * 6
            ground(canvas, rect.part(along - 3, float(across), length=0.8, width=9), MARKING)
            place = rect.part(along, float(across), length=9, width=4, turn=np.pi / 2)
            if stall % 7 == 3:
                crown = pick(rng, TREES)
                tree(canvas, rng, x=place.x, y=place.y, radius=float(rng.uniform(4, 6)), material=crown)
            elif rng.random() < taken:
                car(canvas, rng, place)


def _trees_in(canvas: Canvas, rng: Rng, rect: Rect, *, count: int, radius: tuple[float, float]) -> None:
    """Plant trees at random places of a rectangle."""
    for _ in range(count):
        along, across = rng.uniform(-0.5, 0.5, size=2) * (rect.length, rect.width)
        at = rect.part(float(along), float(across), length=1, width=1)
        material = pick(rng, TREES)
        tree(canvas, rng, x=at.x, y=at.y, radius=float(rng.uniform(*radius)), material=material)


def _garden_ground(canvas: Canvas, rng: Rng, rect: Rect) -> None:
    """Cover a garden with lawn, worn lawn or something dry."""
    # Both are drawn, whichever is used: the numbers that come after stay the same.
    bare = pick(rng, DRY)
    lawn = pick(rng, (LAWN, LAWN, PALE_LAWN))
    if rng.random() < 0.45:
        ground(canvas, rect, bare)
    else:
        share = float(rng.choice([0, 0, 0.2, 0.4]))
        patchy_ground(canvas, rect, base=lawn, patch=bare, share=share)


def _dwelling(canvas: Canvas, rng: Rng, lot: Rect) -> None:
    """Lay out a house with a front garden, a drive, a back garden and what people put there."""
    _garden_ground(canvas, rng, lot)
    front = lot.part(0, 0.38 * lot.width, length=lot.length, width=0.24 * lot.width)
    _garden_ground(canvas, rng, front)
    side = float(rng.choice([-1, 1]))
    drive = lot.part(side * 0.34 * lot.length, 0.3 * lot.width, length=7, width=0.4 * lot.width)
    ground(canvas, drive, CONCRETE.tinted(rng))
    if rng.random() < 0.5:
        car(canvas, rng, drive.part(0, 0.05 * lot.width, length=9, width=4, turn=np.pi / 2))
    size = rng.uniform(0.66, 0.86), rng.uniform(0.44, 0.56)
    home = lot.part(0, 0.04 * lot.width, length=float(size[0]) * lot.length, width=float(size[1]) * lot.width)
    back = lot.part(0, -0.36 * lot.width, length=0.9 * lot.length, width=0.22 * lot.width)
    if rng.random() < 0.2:
        pool(canvas, rng, back.part(-0.2 * lot.length, 0, length=12, width=6.5))
    if rng.random() < 0.45:
        fence = lot.part(-side * (0.5 * lot.length - 2.5), 0, length=0.9 * lot.width, width=4.5, turn=np.pi / 2)
        hedge = canvas.rectangle(fence)
        material, height = HEDGE.tinted(rng), float(rng.uniform(3, 5))
        canvas.put(hedge, material, height=height + np.float32(0.4) * canvas.mottle[hedge.window])
    house(canvas, rng, home)
    _trees_in(canvas, rng, back, count=int(rng.integers(0, 4)), radius=(4.5, 8))
    _trees_in(canvas, rng, front, count=int(rng.integers(0, 2)), radius=(4, 6))


def _works(canvas: Canvas, rng: Rng, lot: Rect) -> None:
    """Build one or two large flat buildings in a paved yard, often with a strip of planting."""
    ground(canvas, lot, pick(rng, (PAVING, CONCRETE, ASPHALT)))
    if rng.random() < 0.7:
        strip = lot.part(0, 0.5 * lot.width - 5, length=0.92 * lot.length, width=7)
        _garden_ground(canvas, rng, strip)
        _trees_in(canvas, rng, strip, count=int(rng.integers(0, 4)), radius=(4, 7))
    height = float(rng.uniform(8, 18))
    length, width = float(rng.uniform(0.7, 0.9)) * lot.length, float(rng.uniform(0.5, 0.8)) * lot.width
    hall = lot.part(0, -4, length=length, width=width)
    if rng.random() < 0.5:
        wing = hall.part(-0.25 * length, 0.1 * width, length=0.5 * length, width=0.9 * width)
        flat_building(canvas, rng, wing, height=height)
        hall = hall.part(0, -0.25 * width, length=length, width=0.5 * width)
    flat_building(canvas, rng, hall, height=height * 0.8)


def _waste_land(canvas: Canvas, rng: Rng, lot: Rect) -> None:
    """Cover a lot with bare soil and dry grass, and plant a few small trees."""
    soil, dry = SOIL.tinted(rng), DRY_GRASS.tinted(rng)
    patchy_ground(canvas, lot, base=dry, patch=soil, share=float(rng.uniform(0.2, 0.7)))
    _trees_in(canvas, rng, lot, count=int(rng.integers(1, 6)), radius=(3.5, 6.5))


def _park(canvas: Canvas, rng: Rng, lot: Rect) -> None:
    """Lay out lawns with worn patches, a path, groups of trees and at times a court."""
    lawn = pick(rng, (LAWN, PALE_LAWN))
    bare = pick(rng, (DRY_GRASS, SOIL))
    patchy_ground(canvas, lot, base=lawn, patch=bare, share=float(rng.uniform(0.05, 0.5)))
    turn = float(rng.uniform(-0.6, 0.6))
    path = lot.part(0, 0, length=lot.width / float(np.cos(turn)), width=5, turn=np.pi / 2 + turn)
    ground(canvas, path, pick(rng, (SOIL, CONCRETE)))
    court = lot.part(0.24 * lot.length, 0.0, length=0.4 * lot.length, width=0.5 * lot.width)
    has_court = bool(rng.random() < 0.45)
    if has_court:
        sports_court(canvas, rng, court)
    for _ in range(int(rng.integers(1, 4))):
        # No tree stands on the court, which lies on the other side of the path.
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
        painters: what a lot can be: each draws one use.
        shares: how often each painter is taken; they sum to 1.
    """

    rows: int
    lot_length: tuple[float, float]
    painters: tuple[LotPainter, ...]
    shares: tuple[float, ...]


DISTRICTS = (
    District(2, (36, 48), (_dwelling, _waste_land), (0.94, 0.06)),
    District(1, (60, 90), (_works, parking_lot, _waste_land), (0.6, 0.27, 0.13)),
    District(1, (90, 130), (_park, _waste_land, parking_lot), (0.8, 0.12, 0.08)),
)
DISTRICT_SHARES = (0.5, 0.25, 0.25)
