import math

import pytest
import rasterio
from affine import Affine
from pyproj import Geod
from rasterio.crs import CRS

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.ground import ground_sampling

FOOT = 1200 / 3937  # metres, of the US survey


def sampling(crs, transform, *, height=100, width=200):
    return ground_sampling(None if crs is None else CRS.from_user_input(crs), transform, height=height, width=width)


def north_up(x, y, pixel):
    return Affine(pixel, 0, x - 100 * pixel, 0, -pixel, y + 50 * pixel)  # the centre of 100 x 200 pixels is (x, y)


def test_on_the_central_meridian_of_utm_metres_are_the_map_s_over_its_scale():
    assert sampling('EPSG:32633', north_up(500_000, 5_800_000, 0.6)) == pytest.approx((0.6 / 0.9996,) * 2, rel=1e-7)


def test_feet_are_metres():
    crs = CRS.from_string('+proj=utm +zone=33 +datum=WGS84 +units=us-ft')
    transform = north_up(500_000 / FOOT, 5_800_000 / FOOT, 2)
    assert sampling(crs, transform) == pytest.approx((2 * FOOT / 0.9996,) * 2, rel=1e-7)


@pytest.mark.parametrize('latitude', [0, 52.5, -60])
def test_web_mercator_is_true_ground(latitude):
    radius, flattening = 6378137.0, 1 / 298.257223563
    y = radius * math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2))
    # radii of curvature of the ellipsoid: the map lays it out as if it were a sphere
    squared = flattening * (2 - flattening)
    root = math.sqrt(1 - squared * math.sin(math.radians(latitude)) ** 2)
    along_meridian, along_parallel = radius * (1 - squared) / root**3, radius / root
    shrink = math.cos(math.radians(latitude)) / radius
    expected = (along_meridian * shrink, along_parallel * shrink)
    assert sampling('EPSG:3857', north_up(1e6, y, 1)) == pytest.approx(expected, rel=1e-6)


def test_degrees_are_metres_on_the_ellipsoid():
    geod = Geod(ellps='WGS84')
    step = 1e-5
    rows = geod.inv(13, 52 - step / 2, 13, 52 + step / 2)[2]
    columns = geod.inv(13 - step / 2, 52, 13 + step / 2, 52)[2]
    got = sampling('EPSG:4326', north_up(13, 52, step))
    assert got == pytest.approx((rows, columns), rel=1e-6)
    assert got[0] > 1.6 * got[1]  # meridians meet


@pytest.mark.parametrize('angle', [0, 30, 90, 217])
@pytest.mark.parametrize('south_up', [False, True])
def test_direction_of_the_grid_does_not_matter(angle, south_up):
    pixel = Affine.scale(0.5, 0.25 if south_up else -0.25)
    # About the corner of a pixel inside.
    transform = Affine.translation(500_000, 5_800_000) @ Affine.rotation(angle) @ pixel @ Affine.translation(-100, -50)
    assert sampling('EPSG:32633', transform) == pytest.approx((0.25 / 0.9996, 0.5 / 0.9996), rel=1e-6)


@pytest.mark.parametrize(
    ('crs', 'x', 'y', 'message'),
    [
        (None, 0, 0, 'no coordinate reference system'),
        ('EPSG:4978', 0, 0, 'is not for maps'),
        ('LOCAL_CS["site",UNIT["metre",1]]', 0, 0, 'is not for maps'),
        ('EPSG:32633', 1e12, 1e12, 'outside of WGS 84 / UTM zone 33N'),
        ('EPSG:4326', 500_000, 5_800_000, 'outside of WGS 84'),
        ('EPSG:4326', 10, 200, 'lies outside of WGS 84'),  # its latitudes are from 100 to 200
        ('EPSG:3035', float('nan'), 0, 'outside of'),
    ],
)
def test_what_has_no_metres_is_refused(crs, x, y, message):
    with pytest.raises(DataError, match=message):
        sampling(crs, north_up(x, y, 1))


@pytest.mark.parametrize(
    ('name', 'pixel'),
    [
        ('naip_claremont_2020_rgbn_60cm', 0.6),
        ('naip_santa_monica_2020_rgbn_60cm_nodata', 0.6),
        ('naip_north_dakota_2014_rgbn_5m', 5.0),
    ],
)
def test_real_rasters(shared, name, pixel):
    with rasterio.open(shared / f'data/geotiff/{name}.tif') as raster:
        got = ground_sampling(raster.crs, raster.transform, height=raster.height, width=raster.width)
    assert got == pytest.approx((pixel, pixel), rel=1e-3)  # within the scale of UTM


def test_heights_in_the_reference_system_do_not_matter():
    flat = sampling('EPSG:25833', north_up(400_000, 5_800_000, 1))
    assert sampling('EPSG:25833+7837', north_up(400_000, 5_800_000, 1)) == pytest.approx(flat, rel=1e-9)
