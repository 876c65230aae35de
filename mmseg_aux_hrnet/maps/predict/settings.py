"""The settings of a map."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.raster.source import Reading

Depth = Literal['uint8', 'uint16']
STEPS = {'uint8': 254, 'uint16': 65534}  # value of probability 1; the one above is nodata


@dataclass(frozen=True)
class MapSettings:
    """How a raster becomes a map.

    Attributes:
        bands: for each band of the model, such as red, green and blue, a name or number; None for what the raster says.
        scale: ``LOW:HIGH`` of the raster's values that become 0 and 255, for all bands or for each; None for the rule
            of the model, without one for 8-bit values as they are.
        nodata: value of pixels that hold nothing, in place of the raster's own; None for that.
        nodata_tolerance: how far from it values may lie that stand for nothing too.
        window: side of the windows in pixels of the model; None for what the model is best asked for.
        overlap: least share of a window that the next one covers too.
        batch_size: most windows that are predicted together.
        gsd: metres per pixel that the model was trained at, to resample the windows to; None to leave them.
        aoi: vector file: only pixels inside are predicted.
        probabilities: also write probabilities, in this type.
        uncertainty: also write where the model is unsure.
        resume: continue an unfinished run, and keep maps that are finished.
        overwrite: replace what is there, finished or not.

    Raises:
        ConfigError: a value is none of these.
    """

    bands: str | None = None
    scale: str | None = None
    nodata: float | None = None
    nodata_tolerance: float = 0.0
    window: int | None = None
    overlap: float = 1 / 3
    batch_size: int = 4
    gsd: float | None = None
    aoi: Path | None = None
    probabilities: Depth | None = None
    uncertainty: bool = False
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        _ = self.reading  # for its errors
        if self.batch_size < 1:
            raise ConfigError(f'batch size {self.batch_size}: give 1 or more windows')
        if self.window is not None and self.window < 1:
            raise ConfigError(f'window of {self.window} pixels: give 1 or more, such as 512')
        if not 0 <= self.overlap < 1:
            raise ConfigError(
                f'overlap of {self.overlap:g}: give a share of the window from 0 to below 1, such as 0.33'
            )
        if self.gsd is not None and not 0 < self.gsd < math.inf:  # so written, it refuses what is not a number too
            raise ConfigError(f'gsd of {self.gsd:g}: give metres per pixel, such as 0.6')
        if self.probabilities not in (None, *STEPS):
            raise ConfigError(f'probabilities as {self.probabilities}: give one of {", ".join(STEPS)}')
        if self.resume and self.overwrite:
            raise ConfigError('resume continues an unfinished run, and overwrite deletes it: give one of the two')

    @property
    def reading(self) -> Reading:
        """How the values of a raster become colours."""
        told = {'bands': self.bands, 'scale': self.scale, 'nodata': self.nodata, 'tolerance': self.nodata_tolerance}
        return Reading.parse(**told, count=None)  # type: ignore[arg-type]  # how many, the model knows
