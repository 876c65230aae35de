"""Sun, shadows and the camera: from surfaces to the RGB picture."""

from typing import NamedTuple

import numpy as np

from mmseg_aux_hrnet.demo.canvas import SCALE, Canvas
from mmseg_aux_hrnet.demo.textures import Floats, noise_field


class Light(NamedTuple):
    """The conditions of one flight.

    Attributes:
        azimuth: direction in the image that shadows fall to, in radians.
        slope: height a sun ray loses per pixel of way.
        sky: light in full shadow relative to the sun's, RGB.
        gain: colour cast and exposure, RGB.
        haze: grey value that the air adds.
        blur: standard deviation of the optics in image pixels.
        noise: standard deviation of the sensor noise in grey values.
    """

    azimuth: float
    slope: float
    sky: Floats
    gain: Floats
    haze: float
    blur: float
    noise: float


def draw_light(rng: np.random.Generator) -> Light:
    """Draw the conditions of one scene."""
    sky = rng.uniform(0.40, 0.56) * np.array([0.93, 1.0, 1.13])
    warm, green = rng.normal(0, 0.035), rng.normal(0, 0.024)  # cameras err less between green and magenta
    cast = np.exp([warm, green, -warm])
    return Light(
        azimuth=float(rng.uniform(0, 2 * np.pi)),
        slope=float(rng.uniform(0.8, 1.7)),
        sky=sky.astype(np.float32),
        gain=(cast * rng.uniform(0.88, 1.12)).astype(np.float32),
        haze=float(rng.uniform(0, 16)),
        blur=float(rng.uniform(0.35, 0.65)),
        noise=float(rng.uniform(1.5, 3.5)),
    )


def cast_shadows(height: Floats, *, azimuth: float, slope: float) -> Floats:
    """Return 1 where the sun is hidden behind something higher and 0 elsewhere, float32 (H, W).

    Args:
        height: heights in the unit of the pixels, float32 (H, W).
        azimuth: direction that shadows fall to, in radians from the x axis towards the y axis.
        slope: height a sun ray loses per pixel of way.
    """
    horizon = np.zeros_like(height)
    for way in range(1, int(np.ceil(float(height.max()) / slope)) + 1):
        rows, columns = round(way * float(np.sin(azimuth))), round(way * float(np.cos(azimuth)))
        (to_y, from_y), (to_x, from_x) = _shifted(rows), _shifted(columns)
        np.maximum(horizon[to_y, to_x], height[from_y, from_x] - way * slope, out=horizon[to_y, to_x])
    # A small margin keeps a surface from shading itself.
    return (horizon > height + 0.3).astype(np.float32)


def _shifted(step: int) -> tuple[slice, slice]:
    """Return where values go to and come from along an axis when they move by ``step``."""
    if step >= 0:
        return slice(step, None), slice(None, -step or None)
    return slice(None, step), slice(-step, None)


def facing(height: Floats, *, azimuth: float, slope: float) -> Floats:
    """Return how much light a surface gets for its tilt, relative to flat ground, float32 (H, W)."""
    rise_y, rise_x = np.gradient(smooth(height, sigma=1.0))
    # Limits: a wall is one step of the height map, whose gradient means nothing.
    towards = np.clip(np.cos(azimuth) * rise_x + np.sin(azimuth) * rise_y, -1.2, 1.2)
    return np.asarray(np.clip(1 + 0.42 * towards / slope, 0.45, 1.25), dtype=np.float32)


def photograph(canvas: Canvas, *, light: Light, rng: np.random.Generator) -> Floats:
    """Light a canvas and take its picture.

    Returns:
        RGB in 0..255, float32 (H, W, 3), at image resolution.
    """
    height = canvas.height * SCALE
    shadow = smooth(cast_shadows(height, azimuth=light.azimuth, slope=light.slope), sigma=0.8)
    sun = (1 - shadow) * facing(height, azimuth=light.azimuth, slope=light.slope)
    lit = canvas.albedo * (light.sky + (1 - light.sky) * sun[..., None]) * light.gain
    picture = halve(smooth(lit, sigma=light.blur * SCALE))
    picture = light.haze + picture * (1 - light.haze / 255)
    shape = picture.shape[:2]
    # Grey speckle larger than a pixel stands for resampling and compression.
    speckle = noise_field(rng, height_width=shape, cell=1.6)[..., None]
    noise = 0.7 * rng.standard_normal(picture.shape, dtype=np.float32) + 0.5 * speckle
    return np.clip(picture + light.noise * noise, 0, 255).astype(np.float32)


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
