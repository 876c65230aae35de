"""Draw a demo scene: a town plan of streets and blocks, its picture and its label."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.demo import things
from mmseg_aux_hrnet.demo.canvas import ASPHALT, CONCRETE, MARKING, SCALE, TREES, Canvas, Floats, Rect, Rng, noise_field
from mmseg_aux_hrnet.demo.things import DISTRICT_SHARES, DISTRICTS

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
    height, width = height_width
    # A town is blocks between two families of streets at right angles.
    x, y = (float(extent / 2 + rng.uniform(-60, 60)) for extent in (width, height))
    # Large enough to cover the corners at any angle and offset: that is at most 60 along each axis.
    span = float(np.hypot(height, width)) + 2 * 60 * 2**0.5
    town = Rect(x, y, span, span, float(rng.uniform(0, np.pi)))
    things.ground(canvas, town, ASPHALT.tinted(rng))
    across = -town.width / 2
    while across < town.width / 2:
        depth, street = float(rng.uniform(84, 112)), float(rng.uniform(17, 24))
        along = -town.length / 2 - float(rng.uniform(0, 100))
        while along < town.length / 2:
            length = float(rng.uniform(130, 230))
            block = town.part(along + length / 2, across + depth / 2, length=length, width=depth)
            # What cannot be seen draws no random numbers: the scenes of a seed depend on it.
            reach = float(np.hypot(length, depth)) / 2
            if -reach < block.x < width + reach and -reach < block.y < height + reach:
                _block(canvas, rng, block)
                _street(canvas, rng, block.part(0, (depth + street) / 2, length=length, width=street))
                _street(canvas, rng, block.part((length + 18) / 2, 0, length=depth, width=18, turn=np.pi / 2))
            along += length + 18
        across += depth + street
    image = np.rint(photograph(canvas, rng)).astype(np.uint8)
    label = (halve(canvas.green.astype(np.float32)) >= 0.5).astype(np.uint8)
    return Scene(image=image, label=label)


def _street(canvas: Canvas, rng: Rng, rect: Rect) -> None:
    """Mark the piece of a street between two crossings and put cars on both sides."""
    for end in (-1, 1):
        for across in np.arange(-rect.width / 2 + 2, rect.width / 2 - 1, 3.2):
            stripe = rect.part(end * (rect.length / 2 - 3), float(across), length=5, width=1.5)
            things.ground(canvas, stripe, MARKING)
    for along in np.arange(-rect.length / 2 + 12, rect.length / 2 - 12, 14):
        things.ground(canvas, rect.part(float(along), 0, length=7, width=1.0), MARKING)
    for side in (-1, 1):
        for along in np.arange(-rect.length / 2 + 14, rect.length / 2 - 14, 12):
            if rng.random() < 0.3:
                at = rect.part(float(along) + float(rng.uniform(-1, 1)), side * (rect.width / 2 - 3), length=9, width=4)
                things.car(canvas, rng, at)


def _block(canvas: Canvas, rng: Rng, block: Rect) -> None:
    """Lay the pavement of a block, divide it into lots and plant its street trees."""
    things.ground(canvas, block, CONCRETE.tinted(rng))
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
    kind, share = things.pick(rng, TREES), float(rng.choice([0.0, 0.35, 0.8]))
    size, spacing = float(rng.uniform(6, 10)), float(rng.uniform(20, 30))
    for side in (-1, 1):
        for along in np.arange(-block.length / 2 + 8, block.length / 2 - 6, spacing):
            if rng.random() < share:
                at = block.part(float(along), side * (block.width / 2 - 4), length=1, width=1)
                things.tree(canvas, rng, x=at.x, y=at.y, radius=size * float(rng.uniform(0.8, 1.2)), material=kind)


def photograph(canvas: Canvas, rng: Rng) -> Floats:
    """Draw the conditions of a flight, light a canvas by them and take its picture.

    Returns:
        RGB in 0..255, float32 (H, W, 3), at image resolution.
    """
    # Another order of these draws would give every seed another scene.
    # Light in full shadow relative to the sun's, RGB.
    sky = (rng.uniform(0.40, 0.56) * np.array([0.93, 1.0, 1.13])).astype(np.float32)
    warm, green = rng.normal(0, 0.035), rng.normal(0, 0.024)  # cameras err less between green and magenta
    azimuth = float(rng.uniform(0, 2 * np.pi))  # direction in the image that shadows fall to
    slope = float(rng.uniform(0.8, 1.7))  # height that a sun ray loses per pixel of way
    gain = (np.exp([warm, green, -warm]) * rng.uniform(0.88, 1.12)).astype(np.float32)  # colour cast and exposure
    haze = float(rng.uniform(0, 16))  # grey value that the air adds
    blur = float(rng.uniform(0.35, 0.65))  # standard deviation of the optics in image pixels
    sensor_noise = float(rng.uniform(1.5, 3.5))  # standard deviation in grey values

    height = canvas.height * SCALE
    shadow = smooth(cast_shadows(height, azimuth=azimuth, slope=slope), sigma=0.8)
    sun = (1 - shadow) * facing(height, azimuth=azimuth, slope=slope)
    lit = canvas.albedo * (sky + (1 - sky) * sun[..., None]) * gain
    picture = halve(smooth(lit, sigma=blur * SCALE))
    picture = haze + picture * (1 - haze / 255)
    shape = picture.shape[:2]
    # Grey speckle larger than a pixel stands for resampling and compression.
    speckle = noise_field(rng, height_width=shape, cell=1.6)[..., None]
    noise = 0.7 * rng.standard_normal(picture.shape, dtype=np.float32) + 0.5 * speckle
    return np.clip(picture + sensor_noise * noise, 0, 255).astype(np.float32)


def cast_shadows(height: Floats, *, azimuth: float, slope: float) -> Floats:
    """Return 1 where the sun is hidden behind something higher and 0 elsewhere, float32 (H, W).

    Args:
        height: heights in the unit of the pixels, float32 (H, W).
        azimuth: direction that shadows fall to, in radians from the x axis towards the y axis.
        slope: height a sun ray loses per pixel of way.
    """
    horizon = np.zeros_like(height)
    for way in range(1, int(np.ceil(float(height.max()) / slope)) + 1):
        steps = (round(way * float(part)) for part in (np.sin(azimuth), np.cos(azimuth)))
        # The map and the map moved by the steps overlap: the rows and columns that heights go to and come from.
        (to_y, from_y), (to_x, from_x) = (
            (slice(max(step, 0), min(step, 0) or None), slice(max(-step, 0), min(-step, 0) or None)) for step in steps
        )
        np.maximum(horizon[to_y, to_x], height[from_y, from_x] - way * slope, out=horizon[to_y, to_x])
    # A small margin keeps a surface from shading itself.
    return (horizon > height + 0.3).astype(np.float32)


def facing(height: Floats, *, azimuth: float, slope: float) -> Floats:
    """Return how much light a surface gets for its tilt, relative to flat ground, float32 (H, W)."""
    rise_y, rise_x = np.gradient(smooth(height, sigma=1.0))
    # Limits: a wall is one step of the height map, whose gradient means nothing.
    towards = np.clip(np.cos(azimuth) * rise_x + np.sin(azimuth) * rise_y, -1.2, 1.2)
    return np.asarray(np.clip(1 + 0.42 * towards / slope, 0.45, 1.25), dtype=np.float32)


def smooth(values: Floats, *, sigma: float) -> Floats:
    """Blur the first two axes with a Gaussian of ``sigma`` pixels; borders repeat."""
    radius = max(1, round(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2).astype(np.float32)
    weights /= weights.sum()
    for axis in (0, 1):
        pad = [(radius, radius) if index == axis else (0, 0) for index in range(values.ndim)]
        padded, extent = np.pad(values, pad, mode='edge'), values.shape[axis]
        parts = (padded[(slice(None),) * axis + (slice(at, at + extent),)] for at in range(2 * radius + 1))
        values = sum((weight * part for weight, part in zip(weights, parts, strict=True)), np.float32(0))
    return values


def halve(values: Floats) -> Floats:
    """Average the ``SCALE`` by ``SCALE`` canvas points of every image pixel along the first two axes."""
    rows, columns = values.shape[0] // SCALE, values.shape[1] // SCALE
    blocks = values.reshape(rows, SCALE, columns, SCALE, *values.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)
