"""Polygons in pixels become features: squared where asked for, measured, in the reference system of the map."""

import warnings

import numpy as np
import shapely

from mmseg_aux_hrnet.maps.polygonize.output import Columns
from mmseg_aux_hrnet.maps.polygonize.scale import MapScale
from mmseg_aux_hrnet.maps.polygonize.strips import Floats, Polygons
from mmseg_aux_hrnet.maps.polygonize.tracing import PixelPolygons

# At most ten characters: a Shapefile cuts longer names.
CLASS_ID, CLASS_NAME, PIXELS, AREA = 'class_id', 'class_name', 'pixels', 'area_m2'


def make_features(traced: PixelPolygons, *, names: tuple[str, ...], scale: MapScale) -> tuple[Polygons, Columns]:
    """Return polygons with class index and name, number of pixels, and square metres where they are known.

    Args:
        traced: polygons in pixels.
        names: of the classes.
        scale: of the map.
    """
    columns: Columns = {
        CLASS_ID: traced.values.astype(np.int32),
        CLASS_NAME: np.array([names[value] for value in traced.values], object),
        PIXELS: traced.pixels,
    }
    if scale.ground is not None:
        centroids = shapely.get_coordinates(shapely.centroid(traced.outlines))
        columns[AREA] = np.asarray(shapely.area(traced.outlines) * scale.pixel_area(centroids))
    # Rows grow downwards, so that in most maps the rings have turned round.
    return np.asarray(shapely.orient_polygons(shapely.transform(traced.outlines, scale.place))), columns


def square_corners(outlines: Polygons, *, tolerance: float) -> Polygons:
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
    # It drops some, splits some and lets some collapse: only what is one sound polygon of about the same area counts,
    # that is to within a band of the tolerance along the outline.
    change: Floats = np.abs(shapely.area(shapes) - shapely.area(outlines[places]))
    sound = (
        (np.bincount(places, minlength=len(outlines))[places] == 1)
        & shapely.is_valid(shapes)
        & (shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON)
        & (change <= tolerance * shapely.length(outlines[places]))
    )
    result: Polygons = outlines.copy()
    result[places[sound]] = shapes[sound]
    return result
