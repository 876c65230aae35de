import sqlite3
from contextlib import closing

import numpy as np
import pyogrio
import pytest
import shapely

from mmseg_aux_hrnet.files.whole import remove_companions


def write_boxes(path, count):
    boxes = shapely.to_wkb(shapely.box(np.arange(count), 0, np.arange(count) + 1, 1))
    values = {'fields': ['a'], 'field_data': [np.arange(count)]}
    pyogrio.raw.write(path, geometry=boxes, **values, driver='GPKG', crs='EPSG:32633', geometry_type='Polygon')


def leave_log(path):
    """Leave the write-ahead log of a program that was killed while it edited a GeoPackage."""
    log = path.with_name(f'{path.name}-wal')
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute('PRAGMA journal_mode=WAL')
        connection.execute('CREATE TABLE other (a)')
        connection.execute('VACUUM')
        content = log.read_bytes()
    log.write_bytes(content)


@pytest.mark.parametrize('removed', [True, False])
def test_the_log_of_an_old_geopackage_does_not_get_into_the_new_one(tmp_path, removed):
    old, new = tmp_path / 'out.gpkg', tmp_path / 'new.gpkg'
    write_boxes(old, 3)
    write_boxes(new, 500)
    leave_log(old)
    if removed:
        remove_companions(old)
    new.replace(old)
    with closing(sqlite3.connect(old)) as connection:
        tables = {name for (name,) in connection.execute('SELECT name FROM sqlite_master')}
    assert ('other' in tables) is not removed  # without removal the old one comes back


def test_only_what_belongs_to_the_file_goes(tmp_path):
    for name in ('a.shp', 'a.dbf', 'a.tif', 'b.dbf', 'a.gpkg', 'a.gpkg-wal', 'a.gpkg-shm', 'b.gpkg-wal'):
        (tmp_path / name).write_text('')
    remove_companions(tmp_path / 'a.shp')
    remove_companions(tmp_path / 'a.gpkg')
    assert {path.name for path in tmp_path.iterdir()} == {'a.tif', 'b.dbf', 'a.gpkg', 'b.gpkg-wal'}
