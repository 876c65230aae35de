"""Areas and accuracies with standard errors from a stratified random sample of reference pixels.

The strata are the classes of the map. Areas counted on the map itself carry its errors; the estimates here do not
(Olofsson et al. 2014, Good practices for estimating area and assessing accuracy of land change, Remote Sensing of
Environment 148, 42-57, equations 1 to 11, https://doi.org/10.1016/j.rse.2014.02.015). With stratum i of area share W_i,
n_i points in it and n_ij of them of reference class j:

- area share of class j: the sum over i of W_i n_ij / n_i;
- its variance: the sum over i of W_i^2 (n_ij / n_i) (1 - n_ij / n_i) / (n_i - 1).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.errors import DataError, counted

Z_95 = 1.96  # half width of a 95 % interval in standard errors, for a normal distribution, as the paper rounds it
FEWEST_POINTS = 2  # the variance in a stratum divides by one less
SMALL_STRATUM = 50  # points that each class should have for its user's accuracy, Olofsson et al. 2014, section 5.1


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error, both nan where undefined."""

    value: float
    standard_error: float

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the 95 % interval; that of a normal distribution, so it may leave the possible range."""
        half = Z_95 * self.standard_error
        return self.value - half, self.value + half


@dataclass(frozen=True)
class ClassEstimate:
    """What the sample says of one class.

    Attributes:
        name: the class.
        mapped: area on the map.
        points: points of the sample in this class of the map.
        area: estimated true area, in the unit of ``mapped``.
        users: user's accuracy, percent: share of the mapped area that is of this class; undefined where nothing is
            mapped. The same as precision.
        producers: producer's accuracy, percent: share of the true area that is mapped; undefined where no point of the
            sample is of this class. The same as recall.
    """

    name: str
    mapped: float
    points: int
    area: Estimate
    users: Estimate
    producers: Estimate


def estimate_areas(
    counts: npt.NDArray[np.int64], *, mapped: npt.NDArray[np.float64], names: Sequence[str]
) -> tuple[list[ClassEstimate], Estimate]:
    """Return areas and accuracies of the classes, and the overall accuracy, with their standard errors.

    A class may have no area on the map and then no points in it; it may still be found in the reference.

    Args:
        counts: points of the sample, int64 (C, C); rows are the map class, which is the stratum, columns the reference.
        mapped: area of each class on the map, float64 (C,), in any unit, such as pixels or hectares.
        names: the C classes.

    Returns:
        What the sample says of each class, in the order of the counts, and the overall accuracy, percent.

    Raises:
        DataError: shapes do not fit, a number is negative or not finite, nothing is mapped, or the points of a class
            do not fit its area: none or one in a class that is mapped, some in one that is not.
    """
    _check(counts, mapped, names)
    points = counts.sum(axis=1)
    # A class without mapped area has no points and no weight: its shares are 0 instead of 0 / 0.
    shares = np.divide(counts, points[:, None], out=np.zeros(counts.shape), where=points[:, None] > 0)
    # Variance of a share within a stratum, equation 6 before the weights.
    spread = shares * (1 - shares) / np.maximum(points - 1, 1)[:, None]
    areas = mapped @ shares
    area_errors = np.sqrt(mapped**2 @ spread)
    hits, right_errors = mapped * shares.diagonal(), mapped * np.sqrt(spread.diagonal())
    classes = []
    for j, name in enumerate(names):
        # Equation 7: the standard error of producer's accuracy times the estimated area of the class.
        accuracy = hits[j] / areas[j] if areas[j] else math.nan
        weights = np.where(np.arange(len(mapped)) == j, 1 - accuracy, accuracy)
        found_error = np.sqrt((weights * mapped) ** 2 @ spread[:, j])
        classes.append(
            ClassEstimate(
                name=name,
                mapped=float(mapped[j]),
                points=int(points[j]),
                area=Estimate(float(areas[j]), float(area_errors[j])),
                users=_percent(hits[j], right_errors[j], whole=mapped[j]),
                producers=_percent(hits[j], found_error, whole=areas[j]),
            )
        )
    return classes, _percent(hits.sum(), np.sqrt((right_errors**2).sum()), whole=mapped.sum())


def _percent(part: float, error: float, *, whole: float) -> Estimate:
    return Estimate(100 * float(part / whole), 100 * float(error / whole)) if whole else Estimate(math.nan, math.nan)


def _check(counts: npt.NDArray[np.int64], mapped: npt.NDArray[np.float64], names: Sequence[str]) -> None:
    classes = len(names)
    if counts.shape != (classes, classes) or mapped.shape != (classes,):
        raise DataError(
            f'points of shape {counts.shape} and areas of shape {mapped.shape} for {counted(classes, "class")}: '
            'give a row, a column and an area for each'
        )
    if (counts < 0).any() or not np.isfinite(mapped).all() or (mapped < 0).any() or not mapped.any():
        raise DataError(f'mapped areas {mapped.tolist()}: they must be numbers from 0 on, at least one of them above 0')
    for name, points, area in zip(names, counts.sum(axis=1).tolist(), mapped.tolist(), strict=True):
        if area and points < FEWEST_POINTS:
            raise DataError(
                f'class {name} has {counted(points, "point")} of the sample in its mapped area of {area:g}: a '
                'standard error '
                f'needs at least {FEWEST_POINTS}, a good one {SMALL_STRATUM}; sample more there, or merge the class '
                'with another'
            )
        if points and not area:
            raise DataError(
                f'class {name} has {counted(points, "point")} of the sample but no mapped area: points and '
                'areas must be of the same map'
            )
