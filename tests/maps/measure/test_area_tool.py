import errno
import io
import json
import sys

import numpy as np
import pyogrio
import pytest
from affine import Affine
from areas_support import square, write_map, write_zones
from raster_support import write_raster
from tool_support import run_here
from vector_support import lacks_grid

from mmseg_aux_hrnet.maps.measure import table, zonal
from mmseg_aux_hrnet.maps.options import warn_once

VALUES = np.arange(100).reshape(10, 10) % 4 == 0


@pytest.fixture
def folder(tmp_path):
    write_map(tmp_path / 'map.tif', VALUES)
    write_zones(tmp_path / 'aoi.gpkg', [square(0, 0, 8)], name=['aoi'])
    return tmp_path


def refused(capsys, *args):
    """Return the one line by which the tool refuses."""
    assert run_here('area', *args) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith('error: '), lines
    return lines[0]


def test_share_of_a_class_in_an_area_of_interest(folder, capsys):
    out, picture = folder / 'areas.json', folder / 'map.png'
    options = ('--zones', folder / 'aoi.gpkg', '--id-field', 'name', '--out', out, '--quicklook', picture)
    assert run_here('area', folder / 'map.tif', *options) == 0
    share = 100 * VALUES[:8, :8].mean()
    held = json.loads(out.read_text(encoding='utf-8'))
    assert held['zones'][0]['classes'][1]['percent'] == pytest.approx(share, rel=1e-9)
    assert picture.read_bytes().startswith(b'\x89PNG')
    screen = capsys.readouterr().out
    assert f'{share:.2f}' in screen
    assert (
        f'in the plane of WGS 84 / UTM zone 33N, at most 0.08 % from those on the ellipsoid; written to {out}' in screen
    )


def test_output_that_exists_is_replaced_only_where_asked(folder, capsys):
    out = folder / 'areas.csv'
    out.write_text('old')
    assert 'exists' in refused(capsys, folder / 'map.tif', '--out', out)
    assert out.read_text() == 'old'
    assert run_here('area', folder / 'map.tif', '--out', out, '--overwrite') == 0
    assert out.read_text().startswith('map,covered_percent,')
    assert not list(folder.glob('*.part'))


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (('--out', 'areas.xlsx'), 'areas.xlsx ends in .xlsx: it can end in .csv, .json, .gpkg'),
        (('--out', 'areas'), 'ends in no suffix'),
        (('--out', 'areas.gpkg'), 'holds zones'),
        (('--quicklook', 'map.jpg'), 'it can end in .png'),
        (('--excel', '--out', 'a.json'), '--excel is for a table that Excel opens'),
        (
            ('--zones', 'aoi.gpkg', '--out', 'aoi.gpkg', '--overwrite'),
            'aoi.gpkg is an input file and would be overwritten: name another file',
        ),
        (
            ('--zones', 'aoi.gpkg', '--out', 'folder.csv/../aoi.gpkg', '--overwrite'),
            'aoi.gpkg is an input file and would be overwritten: name another file',
        ),
        (('--out', 'folder.csv', '--overwrite'), 'is a folder'),
        (('--id-field', 'name'), '--id-field needs --zones, which is not given'),
        (('--image', 'map.tif'), '--image needs --quicklook'),
        (('--classes', 'a,a'), 'name each class once'),
        (('--classes', 'a,b,c'), 'gives 3 names, but the map has 2 classes'),
        (('--quicklook', 'q.png', '--image', 'map.tif'), 'is a predicted map, not an image'),
        (('--zones', 'map.tif'), 'map.tif'),
        (('--zones', 'aoi.gpkg', '--id-field', 'code'), "no field 'code'; it has name"),
    ],
)
def test_refusals(folder, capsys, monkeypatch, options, said):
    monkeypatch.chdir(folder)
    (folder / 'folder.csv').mkdir()
    before = sorted(folder.iterdir())
    assert said in refused(capsys, 'map.tif', *options)
    assert sorted(folder.iterdir()) == before


def test_map_without_reference_system(folder, capsys):
    path = write_map(folder / 'bare.tif', VALUES, crs=None)
    assert 'size of its pixels in metres is unknown and areas cannot be given' in refused(capsys, path)


@pytest.mark.parametrize('field', ['geom', 'GEOM', 'fid', 'name'])
def test_a_geopackage_has_ids_of_any_name(folder, field):
    write_zones(folder / 'z.shp', [square(0, 0, 4)], **{field: ['a']})
    options = ('--zones', folder / 'z.shp', '--id-field', field, '--out', folder / 'a.gpkg')
    assert run_here('area', folder / 'map.tif', *options) == 0
    meta, _, _, values = pyogrio.raw.read(folder / 'a.gpkg', layer='areas')
    assert dict(zip(meta['fields'], values, strict=True))[field].tolist() == ['a']


def test_numbers_of_rows_as_ids_of_a_geopackage(folder):
    options = ('--zones', folder / 'aoi.gpkg', '--id-field', 'fid', '--out', folder / 'a.gpkg')
    assert run_here('area', folder / 'map.tif', *options) == 0
    meta, _, _, values = pyogrio.raw.read(folder / 'a.gpkg', layer='areas')
    assert dict(zip(meta['fields'], values, strict=True))['fid'].tolist() == [1]


def test_columns_of_one_name_are_refused_before_the_work(folder, capsys, monkeypatch):
    write_zones(folder / 'z.gpkg', [square(0, 0, 4)], Green_m2=['a'])
    options = (folder / 'map.tif', '--zones', folder / 'z.gpkg', '--id-field', 'Green_m2')
    monkeypatch.setattr(zonal, 'add_up', lambda *args, **kwargs: pytest.fail('the work has begun'))
    said = refused(capsys, *options, '--out', folder / 'a.csv')
    assert 'two columns of the table would be called green_m2: give the classes other names' in said


class Screen(io.TextIOWrapper):
    """A screen of few letters on which, where it is broken, nothing can be written."""

    def __init__(self, encoding, *, broken=False):
        super().__init__(io.BytesIO(), encoding=encoding, errors='strict')
        self.broken = broken

    def write(self, text):
        if self.broken:
            raise OSError(errno.ENOSPC, 'No space left on device')
        return super().write(text)


@pytest.mark.parametrize('encoding', ['ascii', 'gbk', 'cp1252'])
def test_a_screen_that_lacks_letters(folder, monkeypatch, encoding):
    screen = Screen(encoding)
    monkeypatch.setattr(sys, 'stdout', screen)
    options = ('--classes', '背景,Grün', '--out', folder / 'a.csv')
    assert run_here('area', write_map(folder / 'bare.tif', VALUES, names=()), *options) == 0
    screen.flush()
    text = screen.buffer.getvalue().decode(encoding)
    assert '?' in text and str(folder / 'a.csv') in text
    assert 'Grün_m2' in (folder / 'a.csv').read_text(encoding='utf-8')


def test_a_screen_that_fails_leaves_the_file_and_the_exit_code(folder, monkeypatch):
    monkeypatch.setattr(sys, 'stdout', Screen('utf-8', broken=True))
    monkeypatch.setattr(sys, 'stderr', Screen('utf-8', broken=True))
    assert run_here('area', folder / 'map.tif', '--out', folder / 'a.csv') == 0
    assert (folder / 'a.csv').read_text().startswith('map,covered_percent,')


def test_a_file_that_cannot_be_written_leaves_the_table_on_the_screen(folder, monkeypatch, capsys):
    def full(path):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(table, 'whole_set', full)
    assert run_here('area', folder / 'map.tif', '--out', folder / 'a.csv') == 2
    said = capsys.readouterr()
    assert 'green' in said.out
    assert 'a.csv cannot be written (No space left on device): choose a folder that is writable' in said.err


def test_an_image_that_may_lie_metres_off_is_told_of(folder, caplog):
    lacks_grid()
    warn_once.cache_clear()
    picture, image = folder / 'map.png', folder / 'image.tif'
    write_map(folder / 'map.tif', VALUES, crs='EPSG:25831', transform=Affine(1, 0, 413_155, 0, -1, 5_835_000))
    colours = np.zeros((3, 100, 100), np.uint8)
    write_raster(image, colours, crs='EPSG:27700', transform=Affine(1, 0, 651_360, 0, -1, 313_230))
    assert run_here('area', folder / 'map.tif', '--quicklook', picture, '--image', image) == 0
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f'{image}: coordinates in OSGB36 / British National Grid') and 'accuracy of 3 m' in said
