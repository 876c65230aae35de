import csv
import io
import json
import sqlite3
from contextlib import closing
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pytest
import shapely
from areas_support import square, write_map, write_zones
from pyproj import CRS
from rich.console import Console

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.maps.measure.table import (
    MOST_ROWS,
    areas_json,
    columns,
    csv_text,
    method_line,
    screen_table,
    write_areas,
)
from mmseg_aux_hrnet.maps.measure.zonal import zonal_area
from mmseg_aux_hrnet.maps.vector.polygon_file import read_by_gdal

VALUES = np.zeros((20, 30))
VALUES[:10, :10] = 1
VALUES[10:, 20:] = 255
ZONES = [square(0, 0, 10), square(5, 0, 10), square(20, 10, 10), square(200, 0, 5)]


@pytest.fixture
def areas(tmp_path):
    zones = write_zones(tmp_path / 'z.gpkg', ZONES, name=['a,b', 'half', 'bare', 'far'])
    return zonal_area(write_map(tmp_path / 'map.tif', VALUES), zones=zones, id_field='name')


def test_csv_has_one_row_a_zone_and_empty_cells_where_undefined(areas):
    rows = list(csv.DictReader(io.StringIO(csv_text(areas))))
    assert [row['name'] for row in rows] == ['a,b', 'half', 'bare', 'far']
    assert list(rows[0]) == [
        'name', 'covered_percent', 'covered_m2', 'nodata_percent', 'other_m2', 'other_ha', 'other_percent', 'green_m2',
        'green_ha', 'green_percent',
    ]  # fmt: skip
    assert [row['green_ha'] for row in rows] == ['0.01', '0.005', '0.0', '0.0']
    assert [row['green_percent'] for row in rows] == ['100.0', '50.0', '', '']
    assert [row['nodata_percent'] for row in rows] == ['0.0', '0.0', '100.0', '']
    assert [row['covered_percent'] for row in rows] == ['100.0', '100.0', '100.0', '0.0']


def test_json_is_strict_and_has_the_whole_map(areas):
    held = json.loads(json.dumps(areas_json(areas), allow_nan=False))
    assert held['whole_map']['nodata_percent'] == pytest.approx(100 / 6)
    assert held['whole_map']['classes'][1] == {'name': 'green', 'm2': 100, 'ha': 0.01, 'percent': 20}
    assert held['zones'][2]['classes'][0]['percent'] is None
    assert held['zones'][3] == {
        'id': 'far', 'covered_percent': 0, 'covered_m2': 0, 'nodata_percent': None,
        'classes': [{'name': name, 'm2': 0, 'ha': 0, 'percent': None} for name in ('other', 'green')],
    }  # fmt: skip
    assert (held['method'], held['map']) == ('planar', 'map.tif')
    assert (held['crs'], held['crs_name']) == ('EPSG:32633', 'WGS 84 / UTM zone 33N')


def test_json_holds_a_reference_system_without_a_code_whole(tmp_path):
    crs = '+proj=tmerc +lon_0=13.37 +k=0.9999 +x_0=500000 +ellps=GRS80 +units=m'
    said = areas_json(zonal_area(write_map(tmp_path / 'map.tif', VALUES, crs=crs)))
    assert CRS.from_wkt(said['crs']).coordinate_operation.params[1].value == 13.37


@pytest.mark.parametrize(
    ('values', 'kind'), [((7, 8, 9, 10), 'Integer64'), ((0.5, 1, 2, 3), 'Real'), (('007', 'b', 'c', 'ä'), 'String')]
)
@pytest.mark.parametrize('excel', [True, False])
def test_numbers_of_a_csv_are_numbers_to_gdal_and_its_letters_letters_to_excel(tmp_path, values, kind, excel):
    zones = write_zones(tmp_path / 'z.gpkg', ZONES, name=list(values))
    areas = zonal_area(write_map(tmp_path / 'map.tif', VALUES), zones=zones, id_field='name')
    write_areas(areas, tmp_path / 'out.csv', excel=excel)
    assert (tmp_path / 'out.csv').read_bytes().startswith(b'\xef\xbb\xbf') is excel
    assert (tmp_path / 'out.csvt').read_text().startswith(f'"{kind}","Real","Real"')
    meta, _, _, columns_read = pyogrio.raw.read(tmp_path / 'out.csv', read_geometry=False)
    table = dict(zip(meta['fields'], columns_read, strict=True))
    assert table['name'].tolist() == list(values)
    assert {name: array.dtype.kind for name, array in table.items() if name != 'name'} == dict.fromkeys(
        list(columns(areas))[1:], 'f'
    )
    assert np.isnan(table['green_percent'][2])


def test_a_geopackage_keeps_the_other_fields_of_the_zones(tmp_path):
    days = np.array(['2024-05-01', '2024-05-02', 'NaT', '2024-05-04'], 'datetime64[ms]')
    fields = {'people': [1, 2, 3, 4], 'Green_HA': [9.0] * 4, 'note': ['x', None, 'ü', ''], 'day': days, 'geom': [1] * 4}
    write_zones(tmp_path / 'z.shp', ZONES, name=['a', 'b', 'c', 'd'], **fields, fid=[7] * 4)
    areas = zonal_area(write_map(tmp_path / 'map.tif', VALUES), zones=tmp_path / 'z.shp', id_field='name')
    write_areas(areas, tmp_path / 'out.gpkg')
    meta, _, _, values = pyogrio.raw.read(tmp_path / 'out.gpkg', layer='areas')
    table = dict(zip(meta['fields'], values, strict=True))
    assert list(table)[:5] == ['name', 'people', 'note', 'day', 'geom']
    assert table['people'].tolist() == [1, 2, 3, 4]
    assert table['fid'].tolist() == [7] * 4
    assert table['green_ha'][0] == 0.01  # a figure is not hidden by a field of its name


def test_a_field_whose_bytes_are_not_what_the_file_says_stops_nothing(tmp_path):
    fields = {'name': ['a', 'b', 'c', 'd'], 'note': ['?x', 'y', 'z', 'w'], 'people': [1, 2, 3, 4]}
    zones = write_zones(tmp_path / 'z.shp', ZONES, **fields)
    table = zones.with_suffix('.dbf')
    table.write_bytes(table.read_bytes().replace(b'?x', b'\xfcx'))
    zones.with_suffix('.cpg').write_text('UTF-8')
    areas = zonal_area(write_map(tmp_path / 'map.tif', VALUES), zones=zones, id_field='name')
    write_areas(areas, tmp_path / 'out.gpkg')
    meta, _, _, values = pyogrio.raw.read(tmp_path / 'out.gpkg', layer='areas')
    table = dict(zip(meta['fields'], values, strict=True))
    assert table['people'].tolist() == [1, 2, 3, 4] and 'note' not in table


def test_a_geopackage_is_shown_by_the_percent_of_the_class_of_interest(areas, tmp_path):
    write_areas(areas, tmp_path / 'out.gpkg')
    with closing(sqlite3.connect(tmp_path / 'out.gpkg')) as database:
        query = 'SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles'
        ((layer, geometry, default, style),) = database.execute(query)
        assert database.execute('PRAGMA user_version').fetchone() == (10300,)  # GDAL 3.6 warns of later ones
    assert (layer, geometry, default) == ('areas', 'geom', 1)
    style = ElementTree.fromstring(style)
    assert style.find('renderer-v2').get('attr') == 'green_percent'
    assert {alias.get('field'): alias.get('name') for alias in style.iter('alias')}['covered_m2'] == (
        'covered by the map (m²)'
    )


def test_geopackage_has_zones_and_columns(areas, tmp_path):
    write_areas(areas, tmp_path / 'out.gpkg')
    meta, _, shapes, values = pyogrio.raw.read(tmp_path / 'out.gpkg', layer='areas')
    table = dict(zip(meta['fields'], values, strict=True))
    assert meta['crs'] == 'EPSG:32633'
    assert shapely.area(shapely.from_wkb(shapes)).tolist() == [100, 100, 100, 25]
    assert table['name'].tolist() == ['a,b', 'half', 'bare', 'far']
    np.testing.assert_allclose(table['green_percent'], [100, 50, np.nan, np.nan])
    assert list(table) == list(columns(areas))


def test_a_geopackage_that_replaces_another_takes_its_log_away(areas, tmp_path):
    log = tmp_path / 'out.gpkg-wal'
    log.write_bytes(b'of the old file')
    write_areas(areas, tmp_path / 'out.gpkg')
    assert not log.exists()


@pytest.mark.parametrize('names', [('zone', 'ZONE'), ('name', 'covered')])
def test_columns_of_one_name_are_refused(tmp_path, names):
    path = write_map(tmp_path / 'map.tif', VALUES, names=names)
    zones = write_zones(tmp_path / 'z.gpkg', ZONES, covered_percent=[1, 2, 3, 4])
    with pytest.raises(ConfigError, match='two columns of the table'):
        columns(zonal_area(path, zones=zones, id_field='covered_percent'))


def test_screen_shows_the_first_zones_and_undefined_as_a_dash(areas, tmp_path):
    text = printed(areas)
    assert '[b]' not in text and text.count('green') == 4
    far = next(line for line in text.splitlines() if line.strip().startswith('far'))
    assert far.split()[-3:] == ['-', '-', '0.00']
    zones = write_zones(tmp_path / 'many.gpkg', [square(0, 0, 1)] * (MOST_ROWS // 2 + 3))
    many = zonal_area(tmp_path / 'map.tif', zones=zones, classes=['[b]other', 'x'])
    assert 'and 3 more zones' in printed(many)
    assert printed(many).count('[b]other') == MOST_ROWS // 2


def printed(areas):
    console = Console(width=80, file=io.StringIO())
    console.print(screen_table(areas))
    return console.file.getvalue()


@pytest.mark.parametrize(
    ('method', 'deviation', 'said'),
    [
        ('planar', 0.0004, 'in the plane of X, at most 0.04 % from those on the ellipsoid'),
        ('geodesic', 3.0, 'those in the plane of X are off by up to 3e+02 %'),
        ('geodesic', None, 'X is geographic'),
    ],
)
def test_method(method, deviation, said):
    areas = SimpleNamespace(
        ground=SimpleNamespace(method=method, deviation=deviation),
        grid=SimpleNamespace(crs=SimpleNamespace(name='X')),
    )
    assert said in method_line(areas)


def test_folder_that_cannot_be_written(areas, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='cannot be written'):
        write_areas(areas, tmp_path / 'file' / 'out.csv')


@pytest.mark.parametrize('name', ['x!green', 'c;d', 'a\nb'])
def test_areas_are_written_where_they_are_named(areas, tmp_path, name):
    (tmp_path / 'green.gpkg').write_text('of somebody else')
    path = tmp_path / f'{name}.gpkg'
    write_areas(areas, path)
    assert (tmp_path / 'green.gpkg').read_text() == 'of somebody else'
    layers = read_by_gdal(path, pyogrio.list_layers)
    assert layers[:, 0].tolist() == ['areas', 'layer_styles']
