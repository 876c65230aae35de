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
        (['a', None], r'1 zone without name \(number 2\)'),
        (['', 'b'], r'without name \(number 1\)'),
        (['a', 'a'], r'several zones have the same name \(a\): dissolve'),
        ([1.0, float('nan')], r'without name \(number 2\)'),
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


def write_shapes(path, text, *, encoding, field='name', ldid=0):
    """Write a Shapefile of two zones that does not say its encoding."""
    write_zones(path, TWO, encoding=encoding, **{field: [text, 'b']})
    path.with_suffix('.cpg').unlink()
    table = bytearray(path.with_suffix('.dbf').read_bytes())
    table[29] = ldid  # the number of the language: 0 says nothing, 87 what the system had
    path.with_suffix('.dbf').write_bytes(table)
    return path


@pytest.mark.parametrize('ldid', [0, 3, 87])
def test_a_shapefile_in_utf_8_that_does_not_say_so(tmp_path, ldid):
    path = write_shapes(tmp_path / 'z.shp', 'Grünau', encoding='UTF-8', field='Straße', ldid=ldid)
    zones = read_zones(path, id_field='Straße')
    assert (zones.ids.tolist(), zones.notes) == (['Grünau', 'b'], ())


@pytest.mark.parametrize('ldid', [0, 87])
def test_a_shapefile_of_unknown_encoding_is_told_of_and_read_where_it_is_named(tmp_path, ldid):
    path = write_shapes(tmp_path / 'z.shp', '海淀区', encoding='GBK', ldid=ldid)
    zones = read_zones(path, id_field='name')
    assert zones.ids.tolist() == ['º£µíÇø', 'b']
    assert zones.notes == (
        f'{path} has no .cpg file with its encoding: if º£µíÇø looks wrong, give the encoding with --encoding',
    )
    zones = read_zones(path, id_field='name', encoding='gbk')
    assert (zones.ids.tolist(), zones.notes) == (['海淀区', 'b'], ())


def test_a_field_whose_name_is_not_utf_8(tmp_path):
    path = write_shapes(tmp_path / 'z.shp', 'a', encoding='GBK', field='名称')
    assert read_zones(path, id_field='名称', encoding='gbk').ids.tolist() == ['a', 'b']
    with pytest.raises(ConfigError, match='give --id-field, or --encoding if they look wrong'):
        read_zones(path, id_field='名称')


def test_text_that_was_cut_amid_a_character_keeps_the_others(tmp_path):
    path = write_shapes(tmp_path / 'z.shp', '北京x', encoding='UTF-8')
    table = path.with_suffix('.dbf').read_bytes()
    path.with_suffix('.dbf').write_bytes(table.replace('京x'.encode(), '京'.encode()[:2] + b'  '))
    assert read_zones(path, id_field='name').ids.tolist() == ['北', 'b']


def test_text_of_other_formats_that_is_not_utf_8(tmp_path):
    path = write_zones(tmp_path / 'z.geojson', TWO, name=['Grünau', 'b'])
    path.write_bytes(path.read_bytes().replace('ü'.encode(), b'\xfc'))
    with pytest.raises(DataError, match='text that is not utf-8: name its encoding with --encoding'):
        read_zones(path, id_field='name')
    assert read_zones(path, id_field='name', encoding='cp1252').ids.tolist() == ['Grünau', 'b']
    with pytest.raises(ConfigError, match='--encoding gkb: Python does not know it'):
        read_zones(path, id_field='name', encoding='gkb')


@pytest.mark.parametrize(('suffix', 'first'), [('gpkg', 1), ('shp', 0)])
def test_zones_known_by_the_numbers_of_their_rows(tmp_path, suffix, first):
    path = write_zones(tmp_path / f'z.{suffix}', TWO, name=['a', 'b'])
    assert read_zones(path, id_field='fid').ids.tolist() == [first, first + 1]
    assert read_zones(path, id_field='FID').field == 'FID'


def test_other_fields_are_in_the_encoding_that_is_named_or_the_one_that_fits_all(tmp_path):
    path = write_shapes(tmp_path / 'z.shp', '海淀区', encoding='GBK')
    assert read_zones(path, encoding='gbk').others['name'].tolist() == ['海淀区', 'b']
    assert read_zones(path).others['name'].tolist() == ['º£µíÇø', 'b']
    path = write_shapes(tmp_path / 'y.shp', 'Grünau', encoding='UTF-8', field='Straße')
    assert read_zones(path).others['Straße'].tolist() == ['Grünau', 'b']
