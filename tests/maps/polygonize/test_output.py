import json
import os
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import CRS
from vector_support import lacks_grid

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import ConfigError, DataError, StackError
from mmseg_aux_hrnet.maps.options import warn_once
from mmseg_aux_hrnet.maps.polygonize import polygonizing, request
from mmseg_aux_hrnet.maps.polygonize.output import FORMATS, layer_name, open_output
from mmseg_aux_hrnet.maps.polygonize.polygonizing import polygonize
from mmseg_aux_hrnet.maps.polygonize.request import PolygonRequest
from mmseg_aux_hrnet.maps.styles import class_style
from mmseg_aux_hrnet.maps.vector.polygon_file import read_by_gdal

STYLE = class_style(Classes(('ground', 'a b'), ((9, 9, 9), (0, 158, 115))))
UTM = CRS.from_epsg(32633)


def features(count):
    boxes = np.array([shapely.box(500_000 + i, 0, 500_001 + i, 1) for i in range(count)], object)
    return boxes, {'class_id': np.arange(count), 'class_name': np.array(['a b'] * count, object)}


@pytest.mark.parametrize('suffix', FORMATS)
def test_batches_make_one_file_and_nothing_else(tmp_path, suffix):
    with open_output(tmp_path / 'new' / f'out{suffix}', UTM, style=STYLE) as write:
        for count in (0, 2, 0, 1):
            write(*features(count))
        assert not (tmp_path / 'new' / f'out{suffix}').exists()  # until it is whole
    names = {path.name for path in (tmp_path / 'new').iterdir()}
    beside = {'.shp': {'out.shx', 'out.dbf', 'out.prj', 'out.cpg', 'out.qml'}, '.gpkg': set()}.get(suffix, {'out.qml'})
    assert names == {f'out{suffix}', *beside}
    if suffix != '.parquet':
        assert pyogrio.read_info(tmp_path / 'new' / f'out{suffix}', layer=0)['features'] == 3


@pytest.mark.parametrize('suffix', FORMATS)
def test_no_features_make_an_empty_file(tmp_path, suffix):
    with open_output(tmp_path / f'out{suffix}', UTM, style=STYLE) as write:
        write(*features(0))
    if suffix != '.parquet':
        assert pyogrio.read_info(tmp_path / f'out{suffix}', layer=0)['features'] == 0


def test_geoparquet_says_its_version_and_system(tmp_path):
    parquet = pytest.importorskip('pyarrow.parquet')
    with open_output(tmp_path / 'out.parquet', UTM, style=STYLE) as write:
        write(*features(2))
        write(*features(3))
    table = parquet.read_table(tmp_path / 'out.parquet')
    geo = json.loads(table.schema.metadata[b'geo'])
    column = geo['columns'][geo['primary_column']]
    assert geo['version'] == '1.1.0'
    assert (column['encoding'], column['geometry_types'], column['crs']['id']['code']) == ('WKB', ['Polygon'], 32633)
    assert shapely.from_wkb(table['geometry'][4].as_py()).equals(shapely.box(500_002, 0, 500_003, 1))


def test_geoparquet_says_where_row_groups_lie(tmp_path):
    """By the statistics of this column DuckDB, GDAL and geopandas skip what lies elsewhere."""
    parquet = pytest.importorskip('pyarrow.parquet')
    with open_output(tmp_path / 'out.parquet', UTM, style=STYLE) as write:
        write(*features(0))
        write(*features(3))
    file = parquet.ParquetFile(tmp_path / 'out.parquet')
    covering = json.loads(file.schema_arrow.metadata[b'geo'])['columns']['geometry']['covering']
    assert covering == {'bbox': {side: ['bbox', side] for side in ('xmin', 'ymin', 'xmax', 'ymax')}}
    boxes = file.read()['bbox'].to_pylist()
    assert boxes[2] == {'xmin': 500_002, 'ymin': 0, 'xmax': 500_003, 'ymax': 1}
    frame = pytest.importorskip('geopandas').read_parquet(tmp_path / 'out.parquet', bbox=(500_000.2, 0, 500_000.8, 1))
    assert frame['class_id'].tolist() == [0]
    assert list(frame.columns) == ['class_id', 'class_name', 'geometry']


@pytest.mark.parametrize(('name', 'layer'), [('gr ün', 'gr ün'), ('layer_styles', 'map_layer_styles')])
def test_a_geopackage_holds_its_style_and_no_newer_version(tmp_path, name, layer):
    with open_output(tmp_path / f'{name}.gpkg', UTM, style=STYLE) as write:
        write(*features(2))
    with closing(sqlite3.connect(tmp_path / f'{name}.gpkg')) as database:
        query = 'SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles'
        assert database.execute(query).fetchall() == [(layer, 'geom', 1, STYLE.decode())]
        assert database.execute(f'SELECT count(*) FROM "{layer}"').fetchone() == (2,)
        assert database.execute('PRAGMA user_version').fetchone() == (10300,)  # GDAL 3.6 warns of later ones


def test_an_empty_geojson_says_its_fields_and_one_with_features_does_not(tmp_path):
    for count, name in ((0, 'none'), (1, 'one')):
        with open_output(tmp_path / f'{name}.geojson', UTM, style=STYLE) as write:
            write(*features(0))
            write(*features(count))
    none, one = (json.loads((tmp_path / f'{name}.geojson').read_text()) for name in ('none', 'one'))
    assert none == {'type': 'FeatureCollection', 'features': [], 'fields': ['class_id', 'class_name']}
    assert set(one) == {'type', 'features'}


@pytest.mark.parametrize('suffix', FORMATS)
def test_what_fails_leaves_the_old_file(tmp_path, suffix):
    out = tmp_path / f'out{suffix}'
    out.write_text('old')
    with pytest.raises(ZeroDivisionError), open_output(out, UTM, style=STYLE) as write:
        write(*features(2))
        raise ZeroDivisionError
    assert out.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [out]


def test_a_shapefile_is_replaced_as_a_set(tmp_path):
    for suffix in ('.shp', '.dbf', '.qix', '.sbn', '.cpg'):
        (tmp_path / f'out{suffix}').write_text('old')
    with open_output(tmp_path / 'out.shp', UTM, style=STYLE) as write:
        write(*features(2))
    assert pyogrio.read_info(tmp_path / 'out.shp')['features'] == 2
    assert {path.suffix for path in tmp_path.iterdir()} == {'.shp', '.shx', '.dbf', '.prj', '.cpg', '.qml'}


ROTATED_POLE = '+proj=ob_tran +o_proj=longlat +o_lon_p=-162 +o_lat_p=39.25 +lon_0=180 +ellps=GRS80'
BESSEL = '+proj=tmerc +lon_0=9 +x_0=3500000 +ellps=bessel +towgs84=598.1,73.7,418.2,0.202,0.045,-2.455,6.7'


@pytest.mark.parametrize(('suffix', 'crs'), [('.gpkg', ROTATED_POLE), ('.gpkg', BESSEL), ('.shp', BESSEL)])
def test_the_reference_system_that_is_read_is_the_one_that_was_meant(tmp_path, suffix, crs):
    with open_output(tmp_path / f'out{suffix}', CRS(crs), style=STYLE) as write:
        write(*features(2))
    read = CRS(pyogrio.read_info(tmp_path / f'out{suffix}')['crs'])
    assert (read.ellipsoid, read.to_cf()['grid_mapping_name']) == (
        CRS(crs).ellipsoid,
        CRS(crs).to_cf()['grid_mapping_name'],
    )


def test_a_reference_system_that_a_format_cannot_hold_is_refused(tmp_path):
    with (
        pytest.raises(DataError, match=r'out\.shp cannot hold the reference system .* write \.gpkg'),
        open_output(tmp_path / 'out.shp', CRS(ROTATED_POLE), style=STYLE) as write,
    ):
        write(*features(2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('suffix', ['.gpkg', '.shp'])
def test_no_reference_system_is_no_warning_of_a_library(tmp_path, suffix):
    with open_output(tmp_path / f'out{suffix}', None, style=STYLE) as write:
        write(*features(1))
    assert pyogrio.read_info(tmp_path / f'out{suffix}', layer=0)['crs'] is None


def test_a_file_that_is_damaged_while_it_is_written_is_one_plain_line(tmp_path):
    with pytest.raises(DataError) as caught, open_output(tmp_path / 'out.gpkg', UTM, style=STYLE) as write:
        write(*features(1))
        (part,) = tmp_path.rglob('*.gpkg')
        part.write_bytes(b'cut')
        write(*features(1))
    assert str(caught.value) == (
        f'{tmp_path / "out.gpkg"} cannot be written (the part that is written is damaged): '
        'choose a folder that is writable and has room'
    )


@pytest.mark.skipif(
    os.name == 'nt' or os.geteuid() == 0, reason='needs a plain user: run the tests as another than root'
)
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with (
        pytest.raises(DataError, match=r'out\.gpkg cannot be written'),
        open_output(tmp_path / 'out.gpkg', UTM, style=STYLE),
    ):
        pass


@pytest.mark.parametrize('suffix', FORMATS)
def test_a_file_in_place_of_the_folder_is_named(tmp_path, suffix):
    (tmp_path / 'file').write_text('')
    with (
        pytest.raises(DataError, match='cannot be written'),
        open_output(tmp_path / 'file' / f'out{suffix}', UTM, style=STYLE) as w,
    ):
        w(features(1))


@pytest.mark.parametrize(
    ('name', 'said'),
    [
        ('map.tif', 'can end in .gpkg, .geojson, .parquet, .shp'),
        ('out', 'ends in no suffix'),
        ('there.gpkg', '--overwrite'),
        ('folder.gpkg', 'is a folder'),
        ('map.GPKG', 'is an input file and would be overwritten'),
    ],
)
def test_outputs_that_cannot_be_are_refused(tmp_path, name, said):
    (tmp_path / 'there.gpkg').write_text('')
    (tmp_path / 'folder.gpkg').mkdir()
    source = tmp_path / ('map.GPKG' if 'GPKG' in name else 'map.tif')
    with pytest.raises(ConfigError, match=said):
        polygonize(source, tmp_path / name)


@pytest.mark.parametrize(('options', 'extra'), [({'square': True}, 'buildings'), ({}, 'parquet')])
def test_a_missing_extra_is_named(tmp_path, monkeypatch, options, extra):
    monkeypatch.setattr(request, 'BUILDINGS', ('no_such_module',))
    monkeypatch.setattr(polygonizing, 'PARQUET', ('no_such_module',))
    with pytest.raises(StackError, match=rf'pip install "mmseg-aux-hrnet\[{extra}\]"'):
        PolygonRequest(**options)
        polygonize(tmp_path / 'map.tif', tmp_path / 'out.parquet')


@pytest.mark.parametrize(
    'name', ['x!green', 'c;d', 'gpkg_a', 'SQLite_a', '-x', ' a', 'd!r/a', 'a"b', 'PG:a', '{a', 'a\nb']
)
@pytest.mark.parametrize('suffix', FORMATS)
def test_a_file_is_written_where_it_is_named(tmp_path, monkeypatch, suffix, name):
    monkeypatch.chdir(tmp_path)
    out = Path(name + suffix)
    (tmp_path / f'green{suffix}').write_text('of somebody else')
    with open_output(out, UTM, style=STYLE) as write:
        write(*features(0))
        write(*features(2))
    assert (tmp_path / f'green{suffix}').read_text() == 'of somebody else'
    written = {path.name for path in out.parent.iterdir() if path.is_file()} - {f'green{suffix}'}
    assert out.name in written and {Path(path).stem for path in written} == {out.stem}
    if suffix != '.parquet':
        assert read_by_gdal(out, partial(pyogrio.read_info, layer=0))['features'] == 2


@pytest.mark.parametrize(
    ('stem', 'layer'),
    [
        ('green', 'green'),
        ('x!y', 'x!y'),
        ('gpkg_a', 'map_gpkg_a'),
        ('-x', 'map_-x'),
        ('2020', '2020'),
        ('北', '北'),
        ('Layer_styles', 'map_Layer_styles'),
    ],
)
def test_layers_have_names_that_geopackages_allow(stem, layer):
    assert layer_name(stem) == layer


def test_longitudes_that_may_be_metres_off_are_told_of(tmp_path, caplog):
    lacks_grid()
    warn_once.cache_clear()
    box, columns = np.array([shapely.box(651_409, 313_177, 651_419, 313_187)]), features(1)[1]
    with open_output(tmp_path / 'out.geojson', CRS.from_epsg(27700), style=STYLE) as write:
        write(box, columns)
        write(box, columns)
    grid = 'uk_os_OSTN15_NTv2_OSGBtoETRS.tif'
    assert [record.getMessage() for record in caplog.records] == [
        'coordinates in OSGB36 / British National Grid became those in WGS 84 (CRS84) with an accuracy of 2 m; '
        f'1 m needs the grid file {grid}: projsync --file {grid}'
    ]
