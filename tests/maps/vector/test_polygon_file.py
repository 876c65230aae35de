import json
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import CRS
from vector_support import lacks_grid

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.vector.polygon_file import read_by_gdal, read_polygons, short_reason
from mmseg_aux_hrnet.maps.vector.polygons import reproject_near

SQUARE = [[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]


def write_geojson(path, *geometries):
    features = [{'type': 'Feature', 'properties': {}, 'geometry': geometry} for geometry in geometries]
    path.write_text(json.dumps({'type': 'FeatureCollection', 'features': features}), encoding='utf-8')
    return path


def polygon(*rings):
    return {'type': 'Polygon', 'coordinates': rings}


def test_polygons_are_read_with_their_reference_system(tmp_path):
    several = {'type': 'MultiPolygon', 'coordinates': [[SQUARE], [[[x + 5, y] for x, y in SQUARE]]]}
    polygons, crs = read_polygons(write_geojson(tmp_path / 'area.geojson', polygon(SQUARE), several, None))
    assert crs.to_epsg() == 4326
    assert sorted(shapely.bounds(polygons).tolist()) == [[0, 0, 2, 2], [0, 0, 2, 2], [5, 0, 7, 2]]


def test_heights_are_dropped(tmp_path):
    polygons, _ = read_polygons(write_geojson(tmp_path / 'area.geojson', polygon([[x, y, 30] for x, y in SQUARE])))
    assert not shapely.has_z(polygons).any()


@pytest.mark.parametrize(
    ('ring', 'covered'),
    [
        ([[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]], 2.0),  # a bow tie
        (SQUARE[:-1], 4.0),  # not closed
        ([[0, 0], [2, 0], [2, 2], [2, 5], [2, 2], [0, 2], [0, 0]], 4.0),  # a spike
    ],
)
def test_broken_polygons_are_repaired_with_a_warning(tmp_path, caplog, ring, covered):
    path = write_geojson(tmp_path / 'area.geojson', polygon(ring), polygon([[x + 9, y] for x, y in SQUARE]))
    polygons, _ = read_polygons(path)
    assert shapely.area(polygons).sum() == covered + 4 and shapely.is_valid(polygons).all()
    assert 'area.geojson: 1 of 2 polygons were broken and are repaired' in caplog.text


def test_parts_that_overlap_are_joined_and_leave_no_hole(tmp_path):
    parts = {'type': 'MultiPolygon', 'coordinates': [[SQUARE], [[[x + 1, y] for x, y in SQUARE]]]}
    polygons, _ = read_polygons(write_geojson(tmp_path / 'area.geojson', parts))
    assert shapely.union_all(polygons).equals(shapely.box(0, 0, 3, 2))


def test_sound_polygons_are_no_news(tmp_path, caplog):
    read_polygons(write_geojson(tmp_path / 'area.geojson', polygon(SQUARE), None))
    assert caplog.text == ''


@pytest.mark.parametrize(
    ('geometries', 'message'),
    [
        ([], 'holds no polygon with an area'),
        ([None], 'no'),
        ([polygon([[0, 0], [1, 1], [0, 0], [0, 0]])], 'holds no polygon with an area'),
        ([{'type': 'Point', 'coordinates': [0, 0]}, polygon(SQUARE)], 'geometries of type point, and polygons'),
        ([{'type': 'LineString', 'coordinates': SQUARE}], 'geometries of type linestring'),
    ],
)
def test_what_is_no_area_is_refused(tmp_path, geometries, message):
    with pytest.raises(DataError, match=message):
        read_polygons(write_geojson(tmp_path / 'area.geojson', *geometries))


@pytest.mark.parametrize(
    ('content', 'message'), [(None, 'does not exist'), (b'', 'cannot be read'), (b'hello', 'cannot')]
)
def test_what_is_no_vector_file_is_one_line(tmp_path, content, message):
    path = tmp_path / 'area.gpkg'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf'area\.gpkg {message}') as caught:
        read_polygons(path)
    assert '\n' not in str(caught.value)


def test_file_without_reference_system_is_refused(tmp_path):
    square = shapely.to_wkb(np.array([shapely.box(0, 0, 1, 1)]))
    with pytest.warns(UserWarning, match='crs'):
        pyogrio.raw.write(tmp_path / 'area.shp', square, [], [], geometry_type='Polygon', crs=None)
    with pytest.raises(DataError, match=r'area\.shp has no coordinate reference system'):
        read_polygons(tmp_path / 'area.shp')


def test_coordinates_that_are_no_numbers_are_refused(tmp_path):
    odd = shapely.to_wkb(np.array([shapely.Polygon([(0, 0), (np.inf, 1), (1, 1), (0, 0)])]))
    pyogrio.raw.write(tmp_path / 'area.gpkg', odd, [], [], geometry_type='Polygon', crs='EPSG:32633')
    with pytest.raises(DataError, match='coordinates that are not numbers'):
        read_polygons(tmp_path / 'area.gpkg')


def test_several_layers_are_refused_by_name(tmp_path):
    square = shapely.to_wkb(np.array([shapely.box(0, 0, 1, 1)]))
    for layer in ('parks', 'roads'):
        pyogrio.raw.write(
            tmp_path / 'city.gpkg',
            square,
            [],
            [],
            layer=layer,
            geometry_type='Polygon',
            crs='EPSG:32633',
            append=layer == 'roads',
        )
    with pytest.raises(DataError, match=r'city\.gpkg holds the layers parks, roads, and one is needed'):
        read_polygons(tmp_path / 'city.gpkg')


@pytest.mark.parametrize('name', ['!a/z', 'c;d', 'x!y', 'a\nb', 'PG:z', '{z'])
def test_a_file_is_read_where_it_is_named(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = Path(f'{name}.geojson')
    path.parent.mkdir(exist_ok=True)
    write_geojson(Path('y.geojson'), polygon(SQUARE), polygon(SQUARE))  # what pyogrio would read of x!y
    polygons, _ = read_polygons(write_geojson(path, polygon(SQUARE)))
    assert len(polygons) == 1


def test_an_operation_of_metres_says_so_and_names_the_grid():
    lacks_grid()
    box = np.array([shapely.box(651_409, 313_177, 651_419, 313_187)])
    _, note = reproject_near(box, CRS(27700), CRS(25831), near=shapely.box(413_000, 5_834_000, 414_000, 5_836_000))
    grid = 'uk_os_OSTN15_NTv2_OSGBtoETRS.tif'
    assert note == (
        'coordinates in OSGB36 / British National Grid became those in ETRS89 / UTM zone 31N with an accuracy of 3 m; '
        f'0.03 m needs the grid file {grid}: projsync --file {grid}'
    )


def test_an_operation_of_a_metre_is_taken_without_a_word():
    near = shapely.box(500_000, 5_800_000, 501_000, 5_801_000)
    for source, box in ((4326, shapely.box(8, 52, 10, 53)), (25833, shapely.box(90_000, 5_700_000, 95_000, 5_900_000))):
        assert reproject_near(np.array([box]), CRS(source), CRS(25832), near=near)[1] is None


def test_datums_between_which_nothing_is_known_are_told_of():
    local = CRS.from_proj4('+proj=utm +zone=32 +ellps=bessel')
    box = np.array([shapely.box(500_000, 5_800_000, 501_000, 5_801_000)])
    _, note = reproject_near(box, local, CRS(25832), near=box[0])
    assert 'with unknown accuracy, without the shift between their datums' in note


def read_locked(path):
    """Read a file as on a file system without locks, where SQLite fails and GDAL tells all of its statement."""
    calls = []

    def read(plain):
        calls.append(pyogrio.get_gdal_config_option('SQLITE_USE_OGR_VFS'))
        if calls[-1] is None:
            raise pyogrio.errors.DataSourceError('sqlite3_exec(CREATE TABLE a (b);) failed: database is locked; locked')
        return plain

    return read_by_gdal(path, read), calls


def test_a_database_is_read_without_locks_where_none_can_be_had(tmp_path):
    path = tmp_path / 'z.gpkg'
    path.touch()
    assert read_locked(path) == (path, [None, True])
    assert pyogrio.get_gdal_config_option('SQLITE_USE_OGR_VFS') is None


def test_a_database_that_is_being_changed_is_not_read_without_locks(tmp_path):
    for name in ('z.gpkg', 'z.gpkg-journal'):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r'cannot be read as a vector file \(locked\)'):
        read_locked(tmp_path / 'z.gpkg')


def test_the_reason_is_without_sql():
    told = 'sqlite3_exec(CREATE TABLE a (b TEXT);INSERT INTO a VALUES (1); SELECT 2) failed: database is locked'
    assert short_reason(pyogrio.errors.DataSourceError(told)) == 'database is locked'


@pytest.mark.parametrize(
    ('text', 'kind'),
    [
        ('TIN (((0 0,1 0,0 1,0 0)))', 'TIN'),
        ('TIN Z (((0 0 1,1 0 1,0 1 1,0 0 1)))', 'TIN'),
        ('POLYHEDRALSURFACE (((0 0,1 0,0 1,0 0)))', 'PolyhedralSurface'),
        ('TRIANGLE ((0 0,1 0,0 1,0 0))', 'Triangle'),
    ],
)
def test_surfaces_are_named_and_not_taken_for_rows_without_a_geometry(tmp_path, text, kind):
    path = tmp_path / 'area.csv'
    path.write_text(f'WKT,n\n"POLYGON ((0 0,2 0,2 2,0 0))",1\n"{text}",2\n')
    path.with_suffix('.csvt').write_text('WKT,Integer\n')
    vrt = tmp_path / 'area.vrt'
    vrt.write_text(
        '<OGRVRTDataSource><OGRVRTLayer name="area"><SrcDataSource relativeToVRT="1">area.csv</SrcDataSource>'
        '<LayerSRS>EPSG:32633</LayerSRS></OGRVRTLayer></OGRVRTDataSource>'
    )
    with pytest.raises(DataError, match=rf'area\.vrt: 1 geometry of type {kind} \(fid 2\), which is not a polygon'):
        read_polygons(vrt)
