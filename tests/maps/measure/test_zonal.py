import math

import numpy as np
import pytest
import shapely
from affine import Affine
from areas_support import LEFT, TOP, draw_classes, square, write_map, write_zones
from pyproj import Geod, Transformer
from raster_support import METRE, UTM
from rasterio.transform import from_origin

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.class_map.reading import BLOCK
from mmseg_aux_hrnet.maps.measure.zonal import zonal_area


def supersampled(values, polygon, *, factor):
    """Count the points of a fine grid inside a polygon (pixels, x right, y down), by class; last what has no data."""
    steps = (np.arange(values.shape[0] * factor) + 0.5) / factor
    x, y = np.meshgrid(steps, steps)
    inside = shapely.contains_xy(polygon, x, y).reshape(values.shape[0], factor, values.shape[1], factor)
    share = inside.mean(axis=(1, 3))
    return np.array([share[values == value].sum() for value in (0, 1, 255)])


def test_whole_map_is_counted_in_pixels(tmp_path):
    values = draw_classes((40, 30), nodata=0.2)
    areas = zonal_area(write_map(tmp_path / 'map.tif', values, transform=from_origin(LEFT, TOP, 0.5, 2)))
    counts = [(values == value).sum() for value in (0, 1, 255)]
    np.testing.assert_array_equal(areas.square_metres, [counts])
    np.testing.assert_allclose(areas.percent, [100 * np.array(counts[:2]) / sum(counts[:2])], rtol=1e-12)
    np.testing.assert_allclose(areas.nodata_percent, [100 * counts[2] / 1200], rtol=1e-12)
    assert areas.ids == ['whole map']


def test_pixel_half_inside_counts_half(tmp_path):
    path = write_map(tmp_path / 'map.tif', np.eye(4))
    zones = write_zones(tmp_path / 'z.gpkg', [square(0.5, 0.25, 2)])
    # covers 1/2, 1, 1/2 of three columns and 3/4, 1, 1/4 of three rows; ones lie on the diagonal
    expected = 0.5 * 0.75 + 1 + 0.5 * 0.25
    np.testing.assert_allclose(zonal_area(path, zones=zones).square_metres, [[4 - expected, expected, 0]], rtol=1e-6)


@pytest.mark.parametrize(
    'polygon',
    [
        shapely.Point(15.3, 16.8).buffer(9.2),
        shapely.Polygon([(2.2, 3.1), (30.7, 8.9), (11.5, 29.3)], [[(10, 9), (15, 11), (12, 15)]]),
        shapely.MultiPolygon([shapely.box(0.4, 0.6, 5.1, 1.3), shapely.Point(20, 20).buffer(0.3)]),
    ],
)
def test_zones_agree_with_a_fine_grid_of_points(tmp_path, polygon):
    values = draw_classes((32, 32), nodata=0.3)
    path = write_map(tmp_path / 'map.tif', values)
    placed = shapely.transform(polygon, lambda xy: np.column_stack([LEFT + xy[:, 0], TOP - xy[:, 1]]))
    areas = zonal_area(path, zones=write_zones(tmp_path / 'z.gpkg', [placed]))
    np.testing.assert_allclose(areas.square_metres[0], supersampled(values, polygon, factor=50), atol=0.06)
    assert areas.mapped[0] == pytest.approx(polygon.area, rel=1e-6)


def test_zones_along_pixels_are_counted_exactly(tmp_path):
    values = draw_classes((48, 48), nodata=0.3)
    zones = write_zones(tmp_path / 'z.gpkg', [square(0, 0, 16), square(7, 20, 12), square(0, 0, 48)])
    areas = zonal_area(write_map(tmp_path / 'map.tif', values), zones=zones)
    parts = [values[:16, :16], values[20:32, 7:19], values]
    expected = [[(part == value).sum() for value in (0, 1, 255)] for part in parts]
    np.testing.assert_allclose(areas.square_metres, expected, rtol=1e-12)


def cells(bounds, *, count, seed):
    """Return Voronoi cells that divide a rectangle."""
    left, bottom, right, top = bounds
    points = np.random.default_rng(seed).uniform((left, bottom), (right, top), (count, 2))
    box = shapely.box(*bounds)
    return [
        cell.intersection(box) for cell in shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=box).geoms
    ]


@pytest.mark.parametrize(
    ('crs', 'transform'),
    [(UTM, METRE), ('EPSG:4326', from_origin(13.4, 52.5, 1e-4, 1e-4)), ('EPSG:3857', from_origin(1.5e6, 6.9e6, 3, 3))],
)
def test_parts_add_up_to_the_whole(tmp_path, crs, transform):
    values = draw_classes((60, 50), nodata=0.2)
    path = write_map(tmp_path / 'map.tif', values, crs=crs, transform=transform)
    left, top = transform @ (0, 0)
    right, bottom = transform @ (50, 60)
    zones = write_zones(tmp_path / 'z.gpkg', cells((left, bottom, right, top), count=25, seed=1), crs=crs)
    areas = zonal_area(path, zones=zones)
    np.testing.assert_allclose(areas.square_metres.sum(axis=0), areas.whole, rtol=1e-9)
    np.testing.assert_allclose(areas.whole, zonal_area(path).square_metres[0], rtol=1e-12)


def test_blocks_do_not_show(tmp_path):
    values = draw_classes((BLOCK + 30, BLOCK + 50), nodata=0.1)
    zone = shapely.Point(LEFT + BLOCK, TOP - BLOCK).buffer(25)
    zones = write_zones(tmp_path / 'z.gpkg', [zone, square(0, 0, BLOCK + 10)])
    path = write_map(tmp_path / 'map.tif', values, tiled=True, blockxsize=256, blockysize=256)
    seen = []
    areas = zonal_area(path, zones=zones, on_block=lambda *progress: seen.append(progress))
    corner = write_map(
        tmp_path / 'c.tif', values[-60:, -80:], transform=METRE @ Affine.translation(BLOCK - 30, BLOCK - 30)
    )
    np.testing.assert_allclose(areas.square_metres[0], zonal_area(corner, zones=zones).square_metres[0], rtol=1e-6)
    part = values[: BLOCK + 10, : BLOCK + 10]
    np.testing.assert_array_equal(areas.square_metres[1], [(part == value).sum() for value in (0, 1, 255)])
    assert seen == [(done, 4) for done in range(5)]


@pytest.mark.parametrize(
    'turn', [Affine.rotation(30), Affine.scale(1, -1), Affine.rotation(-100) @ Affine.shear(10, 0), Affine.scale(-1, 1)]
)
def test_rotated_and_south_up_maps(tmp_path, turn):
    values = draw_classes((32, 32), nodata=0.2)
    transform = Affine.translation(LEFT, TOP) @ turn
    polygon = shapely.Point(14.2, 17.9).buffer(8.3)
    placed = shapely.transform(polygon, lambda x, y: transform @ (x, y), interleaved=False)
    path = write_map(tmp_path / 'map.tif', values, transform=transform)
    areas = zonal_area(path, zones=write_zones(tmp_path / 'z.gpkg', [placed]))
    pixel = abs(transform.determinant)
    np.testing.assert_allclose(areas.square_metres[0] / pixel, supersampled(values, polygon, factor=50), atol=0.06)
    np.testing.assert_allclose(areas.whole.sum(), 1024 * pixel, rtol=1e-9)


def test_zones_in_degrees_over_a_map_in_metres(tmp_path):
    path = write_map(tmp_path / 'map.tif', draw_classes((200, 200)), transform=from_origin(LEFT, TOP, 10, 10))
    corner = Transformer.from_crs(UTM, 4326, always_xy=True).transform(LEFT + 400, TOP - 400)
    zone = shapely.box(corner[0] - 0.004, corner[1] - 0.003, corner[0] + 0.003, corner[1] + 0.002)
    areas = zonal_area(path, zones=write_zones(tmp_path / 'z.geojson', [zone], crs='EPSG:4326'))
    geodesic = abs(Geod(ellps='WGS84').geometry_area_perimeter(shapely.segmentize(zone, 1e-4))[0])
    # the plane of UTM is 0.08 % too small at its central meridian
    assert areas.mapped[0] == pytest.approx(geodesic * 0.9996**2, rel=1e-6)
    assert areas.covered[0] == 1


@pytest.mark.parametrize(('crs', 'true_share'), [('EPSG:3857', math.cos(math.radians(60)) ** 2), ('EPSG:4326', None)])
def test_maps_that_distort_are_measured_on_the_ellipsoid(tmp_path, crs, true_share):
    size = 1e-3 if true_share is None else 100
    left, top = Transformer.from_crs(4326, crs, always_xy=True).transform(10.0, 60.0)
    path = write_map(tmp_path / 'map.tif', np.ones((20, 20)), crs=crs, transform=from_origin(left, top, size, size))
    degrees = Transformer.from_crs(crs, 4326, always_xy=True)
    outline = shapely.segmentize(shapely.box(left, top - 20 * size, left + 20 * size, top), size)
    ring = shapely.transform(outline, degrees.transform, interleaved=False)
    geodesic = abs(Geod(ellps='WGS84').geometry_area_perimeter(ring)[0])
    areas = zonal_area(path)
    assert areas.square_metres[0, 1] == pytest.approx(geodesic, rel=1e-7)
    if true_share is not None:
        assert areas.square_metres[0, 1] == pytest.approx(true_share * (20 * size) ** 2, rel=0.01)


def test_overlapping_partly_covered_and_distant_zones(tmp_path):
    zones = [square(0, 0, 10), square(5, 5, 10), square(-5, 0, 10), square(100, 0, 5)]
    path = write_map(tmp_path / 'map.tif', np.ones((20, 20)))
    areas = zonal_area(path, zones=write_zones(tmp_path / 'z.gpkg', zones, name=['a', 'b', 'c', 'd']), id_field='name')
    np.testing.assert_allclose(areas.square_metres[:, 1], [100, 100, 50, 0], rtol=1e-6)
    np.testing.assert_allclose(areas.covered, [1, 1, 0.5, 0], rtol=1e-9)
    assert np.isnan(areas.percent[3]).all() and np.isnan(areas.nodata_percent[3])
    assert areas.notes == ('1 of 4 zones lie outside the map: d', '1 of 4 zones lie partly outside the map: c')


def test_zone_without_data_has_no_percent(tmp_path):
    areas = zonal_area(write_map(tmp_path / 'map.tif', np.full((8, 8), 255)))
    assert areas.nodata_percent[0] == 100
    assert np.isnan(areas.percent).all()


def test_no_zone_overlaps(tmp_path):
    path = write_map(tmp_path / 'map.tif', np.ones((20, 20)))
    zones = write_zones(tmp_path / 'z.gpkg', [square(100, 0, 5), square(0, 20, 5)])
    with pytest.raises(DataError, match=r'z.gpkg: no zone of 2 overlaps the map: .*UTM zone 33N'):
        zonal_area(path, zones=zones)


def test_broken_zone_is_repaired_and_named(tmp_path):
    bow_tie = shapely.Polygon([(LEFT + x, TOP - y) for x, y in ((0, 0), (8, 8), (8, 0), (0, 8))])
    zones = write_zones(tmp_path / 'z.gpkg', [bow_tie, square(1, 1, 2)], name=['tie', 'whole'])
    areas = zonal_area(write_map(tmp_path / 'map.tif', np.ones((20, 20))), zones=zones, id_field='name')
    assert areas.square_metres[0, 1] == pytest.approx(32, rel=1e-6)
    assert areas.notes == ('1 zone had broken outlines, which were repaired: tie',)


def test_real_rasters_have_the_area_of_their_extent(shared, tmp_path):
    import rasterio

    sources = sorted((shared / 'data/geotiff').glob('*.tif'))
    assert sources
    for source in sources:
        with rasterio.open(source) as image:
            values = np.where(image.dataset_mask() > 0, image.read(1) % 2, 255)
            path = write_map(tmp_path / source.name, values, crs=image.crs, transform=image.transform)
            pixel = image.res[0] * image.res[1]
        areas = zonal_area(path)
        assert areas.mapped[0] == pytest.approx(values.size * pixel, rel=1e-9)
        assert areas.nodata_percent[0] == pytest.approx(100 * (values == 255).mean(), abs=1e-9)
