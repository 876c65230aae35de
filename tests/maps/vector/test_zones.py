import numpy as np
import pyogrio
import pytest
import shapely
from areas_support import square, write_zones

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.maps.vector.zones import read_zones

TWO = [square(0, 0, 4), square(4, 0, 4)]


def one_part(polygon):
    return shapely.normalize(shapely.MultiPolygon([polygon]))


@pytest.mark.parametrize('suffix', ['gpkg', 'geojson', 'shp', 'fgb'])
def test_ids_and_outlines_of_every_format(tmp_path, suffix):
    path = write_zones(tmp_path / f'z.{suffix}', TWO, name=['Süd', '北'])
    zones = read_zones(path, id_field='name')
    found = {name: shapely.normalize(shape) for name, shape in zip(zones.ids.tolist(), zones.polygons, strict=True)}
    assert found == {'Süd': one_part(TWO[0]), '北': one_part(TWO[1])}
    assert zones.crs.to_epsg() == 32633
    assert zones.notes == ()


def test_numbers_stay_numbers_and_zones_without_a_field_are_numbered(tmp_path):
    path = write_zones(tmp_path / 'z.gpkg', TWO, code=[30, 10])
    assert read_zones(path, id_field='code').ids.tolist() == [30, 10]
    assert read_zones(path).ids.tolist() == [1, 2]
    assert read_zones(path).field == 'zone'


def test_days_are_text(tmp_path):
    days = np.array(['2020-01-01', '2021-01-01'], 'datetime64[D]')
    path = write_zones(tmp_path / 'z.gpkg', TWO, day=days)
    assert read_zones(path, id_field='day').ids.tolist() == ['2020-01-01', '2021-01-01']


def test_layers(tmp_path):
    path = write_zones(tmp_path / 'z.gpkg', TWO, layer='old', code=[1, 2])
    write_zones(path, TWO[:1], layer='new', code=[5])
    assert read_zones(path, layer='new', id_field='code').ids.tolist() == [5]
    with pytest.raises(ConfigError, match=r'holds 2 layers \(old, new\): choose one with --layer'):
        read_zones(path)
    with pytest.raises(ConfigError, match=r"no layer 'odd' with geometries; it has old, new"):
        read_zones(path, layer='odd')


@pytest.mark.parametrize(
    ('ids', 'said'),
    [
        (['a', None], r'1 zone\(s\) have no name \(number 2\)'),
        (['', 'b'], r'have no name \(number 1\)'),
        (['a', 'a'], r'several zones have the same name \(a\): dissolve'),
        ([1.0, float('nan')], r'have no name \(number 2\)'),
        ([3, 3], r'the same name \(3\)'),
    ],
)
def test_missing_and_repeated_ids(tmp_path, ids, said):
    path = write_zones(tmp_path / 'z.gpkg', TWO, name=ids)
    with pytest.raises(DataError, match=said):
        read_zones(path, id_field='name')


def test_field_that_is_not_there(tmp_path):
    path = write_zones(tmp_path / 'z.gpkg', TWO, name=['a', 'b'], code=[1, 2])
    with pytest.raises(ConfigError, match="no field 'district'; it has name, code"):
        read_zones(path, id_field='district')


def test_no_reference_system(tmp_path):
    with pytest.raises(DataError, match='no coordinate reference system'):
        read_zones(write_zones(tmp_path / 'z.gpkg', TWO, crs=None))


def test_other_geometries_than_polygons(tmp_path):
    with pytest.raises(DataError, match='geometries of type point, and polygons are needed'):
        read_zones(write_zones(tmp_path / 'z.gpkg', [TWO[0], shapely.Point(0, 0)]))


def test_zone_without_outline_and_height(tmp_path):
    high = shapely.force_3d(TWO[0], 12.0)
    zones = read_zones(write_zones(tmp_path / 'z.gpkg', [high, None, shapely.Polygon()]))
    assert not shapely.has_z(zones.polygons).any()
    assert shapely.area(zones.polygons).tolist() == [16, 0, 0]


def test_no_zones_no_file_no_vectors(tmp_path):
    empty = write_zones(tmp_path / 'empty.gpkg', TWO)
    with pytest.raises(DataError, match='does not exist'):
        read_zones(tmp_path / 'none.gpkg')
    (tmp_path / 'text.gpkg').write_text('no vectors')
    with pytest.raises(DataError, match='cannot be read as a vector file'):
        read_zones(tmp_path / 'text.gpkg')
    pyogrio.raw.write(
        empty, geometry=shapely.to_wkb([]), fields=[], field_data=[], geometry_type='Polygon', crs='EPSG:32633'
    )
    with pytest.raises(DataError, match='holds no zones'):
        read_zones(empty)
    table = tmp_path / 'table.csv'
    table.write_text('a,b\n1,2\n')
    with pytest.raises(DataError, match='no layer with geometries'):
        read_zones(table)
