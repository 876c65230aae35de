import math

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Geod, Proj
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.ground import LARGEST_DEVIATION, Ellipsoid, measure_ground

A, F = 6378137.0, 1 / 298.257223563  # WGS 84
E = math.sqrt(F * (2 - F))
US_FOOT = 1200 / 3937


def zone_area(south, north, *, width):
    """Closed form of a rectangle of latitudes and longitudes (degrees) on WGS 84, Snyder 1987 (USGS PP 1395), 3-12."""

    def authalic(latitude):
        s = math.sin(math.radians(latitude))
        return s / (1 - E**2 * s**2) + math.atanh(E * s) / E

    return A**2 * (1 - E**2) / 2 * math.radians(width) * (authalic(north) - authalic(south))


def total(crs, transform, shape):
    ground = measure_ground(CRS(crs), transform, shape=shape)
    return float(ground.pixel_areas(Window(0, 0, shape[1], shape[0])).sum())


@pytest.mark.parametrize(
    ('south', 'size', 'shape'),
    [
        (34.0, 1e-5, (64, 48)),
        (89.0, 0.01, (100, 360)),
        (-60.0, 0.25, (40, 80)),
        (0.0, 1.0, (60, 30)),
        (-90.0, 1.0, (180, 360)),
    ],
)
def test_rectangle_of_latitude_and_longitude(south, size, shape):
    north = south + size * shape[0]
    measured = total('EPSG:4326', Affine(size, 0, -7, 0, -size, north), shape)
    assert measured == pytest.approx(zone_area(south, north, width=size * shape[1]), rel=1e-9)


def test_whole_earth():
    assert total('EPSG:4326', Affine(2, 0, -180, 0, -2, 90), (90, 180)) == pytest.approx(510065621724078.9, rel=1e-9)


def test_web_mercator_at_60_degrees_is_four_times_too_large():
    x, y = Proj('EPSG:3857')(10.0, 60.0)
    ground = measure_ground(CRS('EPSG:3857'), Affine(1, 0, x, 0, -1, y), shape=(10, 10))
    sine = math.sin(math.radians(60))
    # the metres of Web Mercator are those of a sphere, Snyder's radii of curvature those of the ellipsoid
    meridian, normal = A * (1 - E**2) / (1 - E**2 * sine**2) ** 1.5, A / math.sqrt(1 - E**2 * sine**2)
    expected = meridian * normal * 0.25 / A**2
    assert ground.method == 'geodesic'
    assert ground.deviation == pytest.approx(1 / expected - 1, rel=1e-4)
    assert ground.pixel_areas(Window(0, 0, 10, 10))[0, 0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ('crs', 'x', 'y', 'method'),
    [
        ('EPSG:26911', 365083.8, 3764977.8, 'planar'),
        ('EPSG:3035', 4321000, 3210000, 'planar'),
        ('EPSG:5070', -1000000, 1500000, 'planar'),
        ('EPSG:2154', 700000, 6330000, 'planar'),
        ('EPSG:2154', 700000, 6600000, 'geodesic'),
        ('EPSG:3413', 0, -3000000, 'geodesic'),
    ],
)
def test_unit_area_agrees_with_the_areal_scale_of_proj(crs, x, y, method):
    ground = measure_ground(CRS(crs), Affine(1, 0, x, 0, -1, y), shape=(4, 4))
    projection = Proj(crs)
    scale = projection.get_factors(*projection(x, y, inverse=True)).areal_scale
    area = Ellipsoid(CRS(crs)).unit_areas(np.array([float(x)]), np.array([float(y)]))
    assert area[0] == pytest.approx(1 / scale, rel=1e-7)
    assert ground.method == method
    assert ground.deviation == pytest.approx(abs(scale - 1), abs=1e-6)


def test_feet():
    place = Affine(1, 0, 6450000, 0, -1, 1840000)
    ground = measure_ground(CRS('EPSG:2229'), place, shape=(8, 8))
    assert ground.method == 'planar'
    np.testing.assert_allclose(ground.pixel_areas(Window(2, 1, 3, 2)), np.full((2, 3), US_FOOT**2), rtol=1e-12)


@pytest.mark.parametrize('crs', ['EPSG:4326', 'EPSG:3857'])
def test_windows_of_rotated_and_south_up_rasters_agree_with_the_whole(crs):
    x, y, size = (11.5, 48.1, 0.01) if crs == 'EPSG:4326' else (1280000.0, 6120000.0, 900.0)
    transform = Affine.translation(x, y) @ Affine.rotation(30) @ Affine.scale(size, size)
    ground = measure_ground(CRS(crs), transform, shape=(60, 50))
    whole = ground.pixel_areas(Window(0, 0, 50, 60))
    np.testing.assert_allclose(ground.pixel_areas(Window(20, 10, 15, 30)), whole[10:40, 20:35], rtol=1e-10)
    corners = [transform @ corner for corner in ((20, 10), (35, 10), (35, 40), (20, 40))]
    if crs == 'EPSG:4326':
        lons, lats = densified(corners)
        geodesic = abs(Geod(ellps='WGS84').polygon_area_perimeter(lons, lats)[0])
        assert whole[10:40, 20:35].sum() == pytest.approx(geodesic, rel=1e-7)


def densified(corners, count=400):
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    points = np.concatenate([np.linspace(start, end, count, endpoint=False) for start, end in pairs])
    return points[:, 0], points[:, 1]


@pytest.mark.parametrize(
    ('crs', 'said'),
    [
        ('EPSG:4978', 'neither projected nor geographic'),
        ('ENGCRS["site",EDATUM["x"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]', "'site'"),
    ],
)
def test_system_that_is_nowhere_on_earth(crs, said):
    with pytest.raises(DataError, match=said):
        measure_ground(CRS(crs), Affine.identity(), shape=(4, 4))


def test_compound_grads_and_rotated_pole():
    plain = total('EPSG:32611', Affine(1, 0, 365000, 0, -1, 3764000), (4, 4))
    assert total('EPSG:32611+5703', Affine(1, 0, 365000, 0, -1, 3764000), (4, 4)) == plain
    clarke = total('EPSG:4807', Affine(0.01, 0, 0, 0, -0.01, 54.01), (1, 1))  # grads
    assert clarke == pytest.approx(total('EPSG:4275', Affine(0.009, 0, 2, 0, -0.009, 48.609), (1, 1)), rel=1e-9)
    pole = '+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +to_meter=0.0174532925199433 +ellps=WGS84'
    sphere_like = total(pole, Affine(0.01, 0, 0, 0, -0.01, 0.01), (1, 1))
    assert sphere_like == pytest.approx(math.radians(0.01) ** 2 * 6371007**2, rel=0.005)


def test_beyond_the_reach_of_the_system():
    with pytest.raises(DataError, match='reaches beyond'):
        measure_ground(CRS('EPSG:3035'), Affine(1, 0, 1e9, 0, -1, 1e9), shape=(4, 4))


@pytest.mark.parametrize(('left', 'top'), [(500_000, 5_800_000), (10, 91), (355, 10)])
def test_coordinates_that_are_no_longitudes_and_latitudes(left, top):
    with pytest.raises(DataError, match='longitudes and latitudes: set the right system'):
        measure_ground(CRS('EPSG:4326'), Affine(1, 0, left, 0, -1, top), shape=(4, 6))


def test_no_area():
    with pytest.raises(DataError, match='have no area'):
        measure_ground(CRS('EPSG:3035'), Affine(1, 1, 0, 1, 1, 0), shape=(4, 4))


def test_limit_lies_between_what_is_used_and_what_is_not():
    assert 0.0008 < LARGEST_DEVIATION < 0.002


@pytest.mark.parametrize(('crs', 'size'), [('EPSG:4326', 0.01), ('EPSG:3857', 900.0), ('EPSG:3413', 900.0)])
def test_many_places_are_interpolated_to_what_each_has(crs, size):
    x, y = (11.5, 48.1) if crs == 'EPSG:4326' else (1280000.0, 6120000.0) if crs == 'EPSG:3857' else (-9e5, -9e5)
    transform = Affine.translation(x, y) @ Affine.rotation(30) @ Affine.scale(size, -size)
    ground = measure_ground(CRS(crs), transform, shape=(900, 700))
    columns, rows = np.random.default_rng(0).uniform(0, (700, 900), (1000, 2)).T
    places = transform @ (columns, rows)
    each = [float(ground.unit_areas(*(axis[i : i + 1] for axis in places))[0]) for i in range(0, 1000, 50)]
    np.testing.assert_allclose(ground.unit_areas(*places)[::50], each, rtol=1e-9)


def test_lengths_are_those_of_geodesics():
    along_x, along_y = Ellipsoid(CRS('EPSG:4326')).unit_lengths(11.0, 48.0)
    geod = Geod(ellps='WGS84')
    assert along_x == pytest.approx(geod.inv(10.9999, 48, 11.0001, 48)[2] / 2e-4, rel=1e-7)
    assert along_y == pytest.approx(geod.inv(11, 47.9999, 11, 48.0001)[2] / 2e-4, rel=1e-7)
