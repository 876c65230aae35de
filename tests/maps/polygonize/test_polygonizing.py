import json
import math

import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from pyproj import CRS, Geod
from raster_support import write_raster

from mmseg_aux_hrnet.errors import AuxHRNetError, ConfigError, DataError
from mmseg_aux_hrnet.maps.polygonize import polygonizing
from mmseg_aux_hrnet.maps.polygonize.polygonizing import polygonize
from mmseg_aux_hrnet.maps.polygonize.request import PolygonRequest

TAGS = {'CLASS_NAMES': json.dumps(['background', 'green', 'building'])}
HOUSES = np.zeros((8, 10), np.uint8)
HOUSES[1:4, 1:4] = 2
HOUSES[2:7, 6:9] = 1
HOUSES[4, 7] = 0
GEOD = Geod(ellps='WGS84')


def read(path):
    """Return the columns of a vector file, its polygons and its reference system."""
    meta, _, geometry, fields = pyogrio.raw.read(path)
    return dict(zip(meta['fields'], fields, strict=True)), shapely.from_wkb(geometry), meta['crs']


def class_map(path, values=HOUSES, *, nodata=255, tags=TAGS, **options):
    return write_raster(path, values, nodata=nodata, tags=tags, **options)


@pytest.fixture
def small_strips(monkeypatch):
    monkeypatch.setattr(polygonizing, 'strip_rows', lambda shape: 2)


@pytest.mark.usefixtures('small_strips')
def test_classes_areas_and_places_are_those_of_the_map(tmp_path):
    summary = polygonize(class_map(tmp_path / 'map.tif'), tmp_path / 'out.gpkg')
    columns, polygons, crs = read(tmp_path / 'out.gpkg')
    assert columns['class_id'].tolist() == [2, 1]
    assert columns['class_name'].tolist() == ['building', 'green']
    assert columns['pixels'].tolist() == [9, 14]
    # Pixels of one square unit of UTM, whose scale of 0.9996 counts as true.
    assert columns['area_m2'].tolist() == [9, 14]
    assert polygons[0].equals(shapely.box(500_001, 5_799_996, 500_004, 5_799_999))
    assert [len(polygon.interiors) for polygon in polygons] == [0, 1]
    assert crs == 'EPSG:32633'
    assert (
        summary.closing_line()
        == f'{tmp_path / "out.gpkg"}: 1 polygon of building (0.0009 ha), 1 polygon of green (0.0014 ha)'
    )


@pytest.mark.usefixtures('small_strips')
@pytest.mark.parametrize(
    ('transform', 'area'),
    [
        (Affine(2, 0, 5e5, 0, 2, 58e5), 4),  # south up
        (Affine(1.5, 2, 5e5, 2, -1.5, 58e5), 6.25),  # rotated
    ],
)
def test_south_up_and_rotated_maps_keep_their_place(tmp_path, transform, area):
    polygonize(class_map(tmp_path / 'map.tif', transform=transform), tmp_path / 'out.gpkg')
    columns, polygons, _ = read(tmp_path / 'out.gpkg')
    assert columns['area_m2'].tolist() == [9 * area, 14 * area]
    corners = [transform @ corner for corner in ((1, 1), (4, 1), (4, 4), (1, 4))]
    assert polygons[0].equals_exact(shapely.Polygon(corners), 1e-6, normalize=True)
    assert all(polygon.exterior.is_ccw for polygon in polygons)


@pytest.mark.parametrize(
    ('crs', 'transform'),
    [
        ('EPSG:4326', Affine(1e-3, 0, 13, 0, -1e-3, 52)),
        ('EPSG:3857', Affine(100, 0, 1_500_000, 0, -100, 6_800_000)),
    ],
)
def test_areas_are_those_on_the_ellipsoid_where_the_system_distorts(tmp_path, crs, transform):
    polygonize(class_map(tmp_path / 'map.tif', crs=crs, transform=transform), tmp_path / 'out.geojson')
    columns, polygons, _ = read(tmp_path / 'out.geojson')  # in degrees
    expected = [abs(GEOD.geometry_area_perimeter(shapely.segmentize(polygon, 1e-4))[0]) for polygon in polygons]
    assert columns['area_m2'] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('suffix', ['.gpkg', '.shp', '.parquet', '.geojson'])
def test_every_format_holds_the_same(tmp_path, suffix):
    out = tmp_path / f'out{suffix}'
    polygonize(class_map(tmp_path / 'map.tif'), out, request=PolygonRequest(simplify=0.5))
    if suffix == '.parquet':
        frame = pytest.importorskip('geopandas').read_parquet(out)
        columns, polygons, crs = {name: frame[name].to_numpy() for name in frame}, frame.geometry.to_numpy(), frame.crs
    else:
        columns, polygons, crs = read(out)
    assert sorted(columns['class_name']) == ['building', 'green']
    assert columns['area_m2'].sum() == 23
    assert CRS.from_user_input(crs).to_epsg() == (4326 if suffix == '.geojson' else 32633)
    assert shapely.is_valid(polygons).all()


def test_geojson_holds_longitudes_latitudes_and_right_handed_rings(tmp_path):
    polygonize(class_map(tmp_path / 'map.tif'), tmp_path / 'out.geojson')
    content = json.loads((tmp_path / 'out.geojson').read_text(encoding='utf-8'))
    assert set(content) == {'type', 'features'}  # no crs: RFC 7946 knows one only
    longitude, latitude = content['features'][0]['geometry']['coordinates'][0][0]
    assert longitude == pytest.approx(15.0, abs=1e-3)  # the central meridian of the zone
    assert latitude == pytest.approx(52.3, abs=0.1)
    assert all(shapely.from_geojson(json.dumps(f['geometry'])).exterior.is_ccw for f in content['features'])


RING = np.zeros((9, 9), np.uint8)
RING[1:8, 1:8] = 1
RING[2:7, 2:7] = 0
RING[4, 4] = 2
RING[3, 3] = 1


@pytest.mark.usefixtures('small_strips')
@pytest.mark.parametrize(
    ('request_', 'expected'),
    [
        (PolygonRequest(), {'green': [1, 24], 'building': [1]}),
        (PolygonRequest(fill_holes=25), {'green': [1, 24], 'building': [1]}),  # it is not below
        (PolygonRequest(fill_holes=25.1), {'green': [49]}),  # with all that lies in it
        (PolygonRequest(fill_holes=25.1, min_area=49), {'green': [49]}),  # holes first
        (PolygonRequest(fill_holes=25.1, min_area=49.1), {}),
        (PolygonRequest(min_area=2), {'green': [24]}),
        (PolygonRequest(of=('building',)), {'building': [1]}),
        (PolygonRequest(of=('background',), fill_holes=2), {'background': [25, 32]}),
    ],
)
def test_small_polygons_go_and_small_holes_are_filled(tmp_path, request_, expected):
    summary = polygonize(class_map(tmp_path / 'map.tif', RING), tmp_path / 'out.gpkg', request=request_)
    columns, _, _ = read(tmp_path / 'out.gpkg')
    found = {}
    for name, pixels in zip(columns['class_name'], columns['pixels'].tolist(), strict=True):
        found.setdefault(name, []).append(pixels)
    assert {name: sorted(pixels) for name, pixels in found.items()} == expected
    assert ('no polygons' in summary.closing_line()) == (not expected)


@pytest.mark.usefixtures('small_strips')
@pytest.mark.parametrize('seed', range(4))
def test_filled_holes_do_not_depend_on_strips(tmp_path, monkeypatch, seed):
    values = np.random.default_rng(seed).choice([0, 1, 2, 255], size=(24, 24), p=[0.12, 0.78, 0.08, 0.02])
    source = class_map(tmp_path / 'map.tif', values.astype(np.uint8))
    outlines = []
    for rows in (2, 5, 24):
        monkeypatch.setattr(polygonizing, 'strip_rows', lambda shape, rows=rows: rows)
        polygonize(source, tmp_path / 'out.gpkg', request=PolygonRequest(fill_holes=4), overwrite=True)
        outlines.append(sorted(shapely.to_wkt(shapely.normalize(read(tmp_path / 'out.gpkg')[1]))))
    assert outlines[0] == outlines[1] == outlines[2]


@pytest.mark.parametrize('corner', [0, 1])
def test_the_hole_of_the_smallest_ring_is_filled(tmp_path, corner):
    ring = np.zeros((5, 5), np.uint8)
    ring[1:4, 1:4] = 1
    ring[2, 2] = 0
    ring[1, 1] = corner
    polygonize(class_map(tmp_path / 'map.tif', ring), tmp_path / 'out.gpkg', request=PolygonRequest(fill_holes=2))
    columns, _, _ = read(tmp_path / 'out.gpkg')
    assert columns['pixels'].tolist() == [8 + corner]


def test_pixels_without_data_stay_holes(tmp_path):
    values = RING.copy()
    values[5, 5] = 255
    polygonize(class_map(tmp_path / 'map.tif', values), tmp_path / 'out.gpkg', request=PolygonRequest(fill_holes=30))
    columns, (polygon,), _ = read(tmp_path / 'out.gpkg')
    assert columns['pixels'].tolist() == [48]
    assert [shapely.Polygon(ring).bounds for ring in polygon.interiors] == [(500_005, 5_799_994, 500_006, 5_799_995)]


@pytest.mark.usefixtures('small_strips')
def test_a_hole_in_a_hole_that_is_too_large_is_filled_by_its_own_class(tmp_path):
    values = np.ones((13, 13), np.uint8)
    values[1:12, 1:12] = 0
    values[4:9, 4:9] = 2
    values[6, 6] = 1
    polygonize(class_map(tmp_path / 'map.tif', values), tmp_path / 'out.gpkg', request=PolygonRequest(fill_holes=2))
    columns, _, _ = read(tmp_path / 'out.gpkg')
    assert sorted(zip(columns['class_name'], columns['pixels'].tolist(), strict=True)) == [
        ('building', 25),
        ('green', 48),
    ]


@pytest.mark.parametrize(
    ('transform', 'expected'),
    [  # in pixels: downwards from 0, where QGIS draws a map without a place; or where the map says, on purpose
        (None, {(1, -4, 4, -1), (6, -7, 9, -2)}),
        (Affine.identity(), {(1, 1, 4, 4), (6, 2, 9, 7)}),
    ],
)
def test_without_a_reference_system_there_are_polygons_but_no_areas(tmp_path, transform, expected):
    source = class_map(tmp_path / 'map.tif', crs=None, transform=transform)
    summary = polygonize(source, tmp_path / 'out.gpkg')
    columns, polygons, crs = read(tmp_path / 'out.gpkg')
    assert list(columns) == ['class_id', 'class_name', 'pixels']
    assert {tuple(polygon.bounds) for polygon in polygons} == expected
    assert crs is None
    assert 'no coordinate reference system' in summary.note
    assert summary.closing_line().endswith(': 1 polygon of building, 1 polygon of green')


@pytest.mark.parametrize(
    ('crs', 'transform'),
    [('LOCAL_CS["site",UNIT["metre",1]]', Affine(1, 0, 0, 0, -1, 0)), ('EPSG:4326', Affine(1, 0, 355, 0, -1, 99))],
)
def test_a_system_without_areas_is_kept(tmp_path, crs, transform):
    source = class_map(tmp_path / 'map.tif', crs=crs, transform=transform)
    summary = polygonize(source, tmp_path / 'out.gpkg')
    assert CRS(read(tmp_path / 'out.gpkg')[2]).name == CRS(crs).name
    assert summary.note.startswith(f'{source}: ')


def test_geojson_of_a_site_without_a_place_on_earth_is_refused(tmp_path):
    source = class_map(tmp_path / 'map.tif', crs='LOCAL_CS["site",UNIT["metre",1]]')
    with pytest.raises(DataError, match=r"reference system 'site'.*\.gpkg"):
        polygonize(source, tmp_path / 'out.geojson')


def test_a_closing_line_of_many_classes_stays_one_line(tmp_path):
    values = np.arange(20, dtype=np.uint8).reshape(4, 5)
    tags = {'CLASS_NAMES': json.dumps([f'kind {i:02}' for i in range(20)])}
    line = polygonize(class_map(tmp_path / 'map.tif', values, tags=tags), tmp_path / 'out.gpkg').closing_line()
    assert line.endswith('1 polygon of kind 07 (0.0001 ha) and 12 more classes')


@pytest.mark.parametrize('size', ['min_area', 'fill_holes', 'simplify'])
def test_metres_without_a_reference_system_are_refused(tmp_path, size):
    source = class_map(tmp_path / 'map.tif', crs=None)
    with pytest.raises(DataError, match='no coordinate reference system'):
        polygonize(source, tmp_path / 'out.gpkg', request=PolygonRequest(**{size: 1.0}))
    assert [path.name for path in tmp_path.iterdir()] == ['map.tif']


def test_geojson_without_a_reference_system_is_refused(tmp_path):
    with pytest.raises(DataError, match='longitudes and latitudes'):
        polygonize(class_map(tmp_path / 'map.tif', crs=None), tmp_path / 'out.geojson')
    assert [path.name for path in tmp_path.iterdir()] == ['map.tif']


@pytest.mark.parametrize(
    ('values', 'options', 'said'),
    [
        (HOUSES.astype(np.uint16), {}, 'one of uint8'),
        (np.stack([HOUSES, HOUSES]), {}, '2 band'),
        (HOUSES + 3, {'nodata': None}, 'value 3'),
        (HOUSES, {'tags': {}}, '--classes'),
    ],
)
def test_what_is_no_class_map_is_refused(tmp_path, values, options, said):
    source = class_map(tmp_path / 'map.tif', values, **options)
    with pytest.raises(AuxHRNetError, match=said):
        polygonize(source, tmp_path / 'out.gpkg')
    assert [path.name for path in tmp_path.iterdir()] == ['map.tif']


def test_a_truncated_map_leaves_nothing(tmp_path):
    values = np.random.default_rng(0).integers(0, 3, (64, 64)).astype(np.uint8)
    source = class_map(tmp_path / 'map.tif', values, compress='deflate')
    source.write_bytes(source.read_bytes()[:-500])
    with pytest.raises(DataError, match=r'map\.tif.*(rows|truncated|opened)'):
        polygonize(source, tmp_path / 'out.gpkg')
    assert [path.name for path in tmp_path.iterdir()] == ['map.tif']


def test_names_of_a_map_from_elsewhere_can_be_given(tmp_path):
    source = class_map(tmp_path / 'map.tif', tags={})
    summary = polygonize(source, tmp_path / 'out.shp', classes=('other', 'gärten', 'häuser'))
    assert summary.polygons == {'other': 2, 'gärten': 1, 'häuser': 1}
    assert set(read(tmp_path / 'out.shp')[0]['class_name']) == {'other', 'gärten', 'häuser'}


@pytest.mark.parametrize(
    ('values', 'said'),
    [
        ({'min_area': -1.0}, '--min-area -1'),
        ({'simplify': math.nan}, '--simplify nan'),
        ({'fill_holes': math.inf}, 'inf'),
    ],
)
def test_sizes_that_are_none_are_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        PolygonRequest(**values)


def test_classes_that_the_map_lacks_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='--of names roads: the classes of the map are background, green, building'):
        polygonize(class_map(tmp_path / 'map.tif'), tmp_path / 'out.gpkg', request=PolygonRequest(of=('roads',)))


def test_progress_goes_to_the_end_and_never_back(tmp_path, small_strips):
    told = []
    polygonize(
        class_map(tmp_path / 'map.tif'), tmp_path / 'out.gpkg',
        request=PolygonRequest(fill_holes=1), on_rows=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == sorted(told)
    assert told[-1] == (16, 16)


def test_equal_runs_give_equal_geojson(tmp_path):
    source = class_map(tmp_path / 'map.tif')
    for name in ('a', 'b'):
        polygonize(source, tmp_path / f'{name}.geojson', request=PolygonRequest(simplify=1))
    assert (tmp_path / 'a.geojson').read_bytes() == (tmp_path / 'b.geojson').read_bytes()
