import json

import numpy as np
import pytest
from areas_support import square, write_map, write_zones
from tool_support import run_here

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
        (('--out', 'areas'), 'ends in nothing'),
        (('--out', 'areas.gpkg'), 'would hold zones, and there are none'),
        (('--quicklook', 'map.jpg'), 'it can end in .png'),
        (
            ('--zones', 'aoi.gpkg', '--out', 'aoi.gpkg', '--overwrite'),
            'aoi.gpkg is the file to read and cannot be written: name another file',
        ),
        (
            ('--zones', 'aoi.gpkg', '--out', 'folder.csv/../aoi.gpkg', '--overwrite'),
            'aoi.gpkg is the file to read and cannot be written: name another file',
        ),
        (('--out', 'folder.csv', '--overwrite'), 'is a folder'),
        (('--id-field', 'name'), '--id-field says something about --zones, which is not given'),
        (('--image', 'map.tif'), '--image says something about --quicklook'),
        (('--classes', 'a,a'), 'name each class once'),
        (('--classes', 'a,b,c'), 'gives 3 names, but the map has 2 classes'),
        (('--quicklook', 'q.png', '--image', 'map.tif'), 'is a map that was predicted, not an image'),
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
