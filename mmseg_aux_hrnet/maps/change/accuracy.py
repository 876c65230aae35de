"""How right a map is, and what follows for areas on it: estimated true areas and their standard errors.

The stratified estimator of Olofsson et al. 2014 (doi 10.1016/j.rse.2014.02.015, equations 9 to 11), whose strata are
the classes of the map. With A_i the mapped area of class i, n_i its points and n_ij those of reference class j:

- area of class j: A'_j = sum over i of A_i n_ij / n_i;
- its variance: S(A'_j)^2 = sum over i of A_i^2 (n_ij / n_i) (1 - n_ij / n_i) / (n_i - 1);
- net change of class j between two dates whose samples are independent: D_j = A'_j(new) - A'_j(old), with
  S(D_j) = sqrt(S(A'_j(old))^2 + S(A'_j(new))^2).

A report of an evaluation counts all pixels of some tiles. Those of one tile are not independent, so that tiles are what
is sampled (one-stage clusters, by the linearised ratio): with n_ijt the pixels of tile t of T, the variance is
T / (T - 1) times the sum over t of (sum over i of A_i (n_ijt - n_ij / n_i n_it) / n_i)^2.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.errors import DataError, counted
from mmseg_aux_hrnet.report.metrics_file import read_report
from mmseg_aux_hrnet.sampling.area_estimate import FEWEST_POINTS
from mmseg_aux_hrnet.sampling.tables import read_sample, table_rows

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Accuracy:
    """What is known of a map.

    Attributes:
        path: from where.
        names: of the C classes.
        units: points or pixels of each class of the map that were looked at, int64 (C,).
        shares: of them, by reference class, float64 (C, C); rows are the map.
        spread: variance of each share where points were drawn, float64 (C, C); None for tiles.
        residuals: of each tile, float64 (T, C, C): their products with areas, squared and summed, are variances; None
            for points.
    """

    path: Path
    names: tuple[str, ...]
    units: Counts
    shares: Floats
    spread: Floats | None
    residuals: Floats | None

    @classmethod
    def read(cls, path: str | Path, names: tuple[str, ...]) -> 'Accuracy':
        """Read it from a report, a sample of points, or an error matrix.

        Args:
            path: the folder of a report or its ``metrics.json``; a CSV file with the columns ``map`` and ``reference``,
                one row a point; or one with the columns ``map`` and each class of the reference, one row a class of the
                map, which holds counts of points.
            names: the classes of the map.

        Raises:
            DataError: it cannot be read, is of other classes, or has too few points or tiles.
        """
        path = Path(path)
        if path.suffix.lower() == '.csv':
            _, first = table_rows(path, needed=('map',))[0]
            counts = read_sample(path, classes=names) if 'reference' in first else _read_matrix(path, names)
            return cls.of_points(path, names, counts)
        report = read_report(path, parts=('classes', 'images'))
        found = tuple(row['name'] for row in report['classes'])
        if sorted(found) != sorted(names):
            raise DataError(f'{path} is of the classes {", ".join(found)}, and the maps have {", ".join(names)}')
        order = [found.index(name) for name in names]
        tiles = np.array([image['counts'] for image in report['images']], np.int64).reshape(-1, len(found), len(found))
        # Rows of a report are the reference, and here the map.
        return cls.of_tiles(path, names, tiles.transpose(0, 2, 1)[:, order][:, :, order])

    @classmethod
    def of_points(cls, path: Path, names: tuple[str, ...], counts: Counts) -> 'Accuracy':
        """Return it from counts of points that were drawn at random in each class of the map, int64 (C, C)."""
        units = counts.sum(axis=1)
        shares = _shares(counts, units)
        return cls(path, names, units, shares, shares * (1 - shares) / np.maximum(units - 1, 1)[:, None], None)

    @classmethod
    def of_tiles(cls, path: Path, names: tuple[str, ...], tiles: Counts) -> 'Accuracy':
        """Return it from counts of all pixels of tiles, int64 (T, C, C); rows are the map.

        Raises:
            DataError: there are fewer than two tiles.
        """
        if len(tiles) < FEWEST_POINTS:
            raise DataError(
                f'{path} has {counted(len(tiles), "image")} with labels: an error needs {FEWEST_POINTS} or more'
            )
        counts = tiles.sum(axis=0)
        units = counts.sum(axis=1)
        shares = _shares(counts, units)
        residuals = (tiles - shares * tiles.sum(axis=2, keepdims=True)) / np.maximum(units, 1)[:, None]
        return cls(path, names, units, shares, None, residuals * np.sqrt(len(tiles) / (len(tiles) - 1)))

    def estimate(self, mapped: Floats) -> tuple[Floats, Floats]:
        """Return the estimated true area of each class and its standard error, in the unit of the areas, like them.

        Args:
            mapped: area of each class on the map, float64 (rows, C).

        Raises:
            DataError: a class that is mapped was looked at too little.
        """
        fewest = FEWEST_POINTS if self.residuals is None else 1
        for name, units, area in zip(self.names, self.units.tolist(), mapped.sum(axis=0).tolist(), strict=True):
            if area and units < fewest:
                what = 'points' if self.residuals is None else 'pixels'
                raise DataError(
                    f'{self.path} has {units} {what} of the map class {name}, which the map has: at least {fewest} '
                    'are needed to measure its accuracy'
                )
        if self.spread is not None:
            variance = mapped**2 @ self.spread
        else:
            assert self.residuals is not None
            variance = (np.tensordot(mapped, self.residuals, axes=(1, 1)) ** 2).sum(axis=1)
        return mapped @ self.shares, np.sqrt(variance)


def _shares(counts: Counts, units: Counts) -> Floats:
    return np.divide(counts, units[:, None], out=np.zeros(counts.shape), where=units[:, None] > 0)


def _read_matrix(path: Path, names: tuple[str, ...]) -> Counts:
    """Read an error matrix of points, int64 (C, C); rows are the map."""
    rows = table_rows(path, needed=('map', *names))
    counts = np.zeros((len(names), len(names)), np.int64)
    seen = [row['map'] for _, row in rows]
    if sorted(seen) != sorted(names):
        raise DataError(f'{path} has rows of {", ".join(seen)}: one for each class of the map, {", ".join(names)}')
    for line, row in rows:
        for column, name in enumerate(names):
            if not row[name].strip().isdecimal():
                raise DataError(f'{path} line {line} has {row[name]!r} points of {name}: give whole numbers from 0 on')
            counts[names.index(row['map']), column] = int(row[name])
    return counts
