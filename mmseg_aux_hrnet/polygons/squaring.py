"""Squares the corners of buildings."""

import warnings

import numpy as np
import shapely
from numpy.typing import NDArray

from mmseg_aux_hrnet.polygons.tracing import Floats


def square_corners(outlines: NDArray[np.object_], *, tolerance: float) -> NDArray[np.object_]:
    """Return polygons with corners of 90 degrees, or 45 where the building has such; those it fails on as they were.

    Args:
        outlines: polygons in a plane.
        tolerance: how far the outline may move, in units of the plane; two to three pixels suit.
    """
    from buildingregulariser import regularize_geodataframe
    from geopandas import GeoDataFrame

    if not len(outlines):
        return outlines
    frame = GeoDataFrame({'source': np.arange(len(outlines))}, geometry=outlines)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)  # for each building that it leaves as it is
        squared = regularize_geodataframe(
            frame, simplify_tolerance=tolerance, parallel_threshold=2 * tolerance, allow_circles=False, num_cores=1
        )
    places, shapes = squared['source'].to_numpy(), np.asarray(squared.geometry.array)
    times = np.bincount(places, minlength=len(outlines))
    whole = (
        (times[places] == 1)
        & shapely.is_valid(shapes)
        & (shapely.get_type_id(shapes) == 3)
        & _near(shapes, outlines[places], tolerance=tolerance)
    )
    result: NDArray[np.object_] = outlines.copy()
    result[places[whole]] = shapes[whole]
    return result


def _near(shapes: NDArray[np.object_], outlines: NDArray[np.object_], *, tolerance: float) -> NDArray[np.bool_]:
    """Return whether the areas differ by no more than a band of the tolerance along the outline."""
    change: Floats = np.abs(shapely.area(shapes) - shapely.area(outlines))
    return np.asarray(change <= tolerance * shapely.length(outlines))
