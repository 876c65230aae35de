"""The command from two maps to tables, a map of change and a picture; and how it refuses."""

import csv
import json

import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from areas_support import draw_classes, square, write_map, write_zones
from PIL import Image
from raster_support import METRE, noise, write_raster
from tool_support import run_here

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.maps import zonal_area
from mmseg_aux_hrnet.maps.change.mapping import GAIN, LOSS, change_legend


@pytest.fixture
def folder(tmp_path):
    """Two maps with 4 green in both, 6 gained, 4 lost, 4 in a strip of one pixel, 1 x 1 without data, and zones."""
    old, new = np.zeros((2, 8, 10), np.uint8)
    old[0:2, 0:4], new[0:2, 0:2] = 1, 1
    new[4:6, 1:4] = 1
    new[7, 4:8] = 1
    new[3, 7] = 255
    write_map(tmp_path / 'old.tif', old)
    write_map(tmp_path / 'new.tif', new)
    write_zones(tmp_path / 'zones.gpkg', [square(0, 0, 4), square(0, 0, 8)], name=['north', 'all'])
    return tmp_path


def refused(capsys, *args):
    """Return the one line by which the tool refuses."""
    assert run_here('change', *args) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith('error: '), lines
    return lines[0]


def test_all_outputs_of_zones(folder, capsys):
    outs = [folder / f'out.{suffix}' for suffix in ('tif', 'csv', 'json', 'gpkg')]
    zones = ('--zones', folder / 'zones.gpkg', '--id-field', 'name')
    args = (folder / 'old.tif', folder / 'new.tif', *zones, '--out', *outs, '--quicklook', folder / 'q.png')
    assert run_here('change', *args) == 0
    heard = capsys.readouterr()
    assert '0.000 ha of change narrower than 2 pixels are kept apart as edge; written to' in heard.out
    assert 'the errors of the maps are not known' in heard.err and 'below 7 % of it' in heard.err
    with (folder / 'out.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [row['name'] for row in rows] == ['north', 'all']
    numbers = {key: float(value) for key, value in rows[1].items() if key != 'name'}
    assert numbers['green_to_other_m2'] == 4 and numbers['other_to_green_m2'] == 6
    assert numbers['other_to_green_ha'] == pytest.approx(0.0006)
    assert numbers['other_to_green_percent'] == pytest.approx(100 * 6 / 63, abs=1e-5)
    assert (numbers['edge_m2'], numbers['compared_m2'], numbers['green_net_m2']) == (4, 63, 6)
    told = json.loads((folder / 'out.json').read_text())
    assert told['zones'][0]['transitions_m2'] == [[8, 0], [4, 4]] and told['whole_map']['edge_m2'] == [[0, 4], [0, 0]]
    meta, _, _, fields = pyogrio.raw.read(folder / 'out.gpkg', layer='change')
    table = dict(zip(meta['fields'], fields, strict=True))
    assert table['name'].tolist() == ['north', 'all'] and table['green_loss_m2'].tolist() == [4, 4]
    with Image.open(folder / 'q.png') as picture:
        colours = {colour for _, colour in picture.convert('RGB').getcolors(1 << 24)}
    assert {GAIN, LOSS} <= colours and picture.size[0] > picture.size[1] / 2


def test_the_map_of_change_is_a_class_map(folder):
    out = folder / 'change.tif'
    assert run_here('change', folder / 'old.tif', folder / 'new.tif', '--out', out) == 0
    with rasterio.open(out) as change:
        values = change.read(1)
        names = json.loads(change.tags()['CLASS_NAMES'])
        assert (change.transform, change.nodata, change.tags()['TOLERANCE']) == (METRE, 255, '2 pixels')
        assert change.colormap(1)[2][:3] == GAIN and change.colormap(1)[3][:3] == LOSS
    assert names == ['without green', 'green in both', 'gain of green', 'loss of green', 'edge', 'small change']
    expected = np.zeros((8, 10))
    expected[0:2, 0:2], expected[0:2, 2:4], expected[4:6, 1:4], expected[7, 4:8], expected[3, 7] = 1, 3, 2, 4, 255
    np.testing.assert_array_equal(values, expected)
    assert zonal_area(out).square_metres[0].tolist() == [80 - 19, 4, 6, 4, 4, 0, 1]
    assert run_here('polygonize', out, folder / 'change.gpkg') == 0


def test_maps_of_several_classes_show_what_became_what(tmp_path):
    old, new = np.zeros((2, 9, 9), np.uint8)
    new[0:3, 0:3], old[5:8, 5:8], new[5:8, 5:8] = 2, 1, 2
    write_map(tmp_path / 'old.tif', old, names=('bare', 'grass', 'tree'))
    write_map(tmp_path / 'new.tif', new, names=('bare', 'grass', 'tree'))
    args = (tmp_path / 'old.tif', tmp_path / 'new.tif', '--out')
    assert run_here('change', *args, tmp_path / 'a.tif') == 0
    with rasterio.open(tmp_path / 'a.tif') as change:
        names, values = json.loads(change.tags()['CLASS_NAMES']), change.read(1)
    assert [names[values[at]] for at in ((0, 0), (6, 6), (8, 0))] == ['bare to tree', 'grass to tree', 'bare']
    assert run_here('change', *args, tmp_path / 'b.tif', '--class', 'bare') == 0
    with rasterio.open(tmp_path / 'b.tif') as change:
        names, values = json.loads(change.tags()['CLASS_NAMES']), change.read(1)
    found = [names[values[at]] for at in ((0, 0), (6, 6), (8, 0))]
    assert found == ['loss of bare', 'change among others', 'bare in both']


@pytest.mark.parametrize('of', [None, 0, 2])
def test_every_value_of_change_has_a_class(of):
    legend, table = change_legend(Classes(('a', 'b', 'c')), of)
    assert len(table) == 3 * 9 + 1 and table[-1] == 255
    assert set(table[:-1].tolist()) <= set(range(len(legend.names))) and len(legend.names) == len(legend.palette)
    assert len(set(legend.names)) == len(legend.names)


def test_error_of_the_net_change(folder, capsys):
    for name in ('o', 'n'):
        (folder / f'{name}.csv').write_text('map,other,green\nother,45,5\ngreen,4,36\n')
    args = (folder / 'old.tif', folder / 'new.tif', '--accuracy', folder / 'o.csv', folder / 'n.csv')
    assert run_here('change', *args, '--out', folder / 'out.json') == 0
    heard = capsys.readouterr()
    assert 'true net' in heard.out and 'not known' not in heard.err
    assert 'S(D) = sqrt(S(A1)^2 + S(A2)^2)' in heard.err and 'Olofsson et al. 2014' in heard.err
    told = json.loads((folder / 'out.json').read_text())['zones'][0]
    assert told['true_net_m2'][1] == pytest.approx(6 * (0.9 - 0.1), rel=1e-9)
    old, new = np.array([71, 8]), np.array([65, 14])
    variance = ((old**2 + new**2) * [0.09 / 49, 0.09 / 39]).sum()
    assert told['true_net_standard_error_m2'][1] == pytest.approx(variance**0.5, rel=1e-9)


def test_a_narrow_screen_loses_no_column(folder, capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '40')
    (folder / 'o.csv').write_text('map,other,green\nother,45,5\ngreen,4,36\n')
    args = (folder / 'old.tif', folder / 'new.tif', '--tolerance', '1')
    assert run_here('change', *args, '--accuracy', folder / 'o.csv', folder / 'o.csv') == 0
    heard = capsys.readouterr().out
    heading = next(line for line in heard.splitlines() if 'true net' in line)
    assert heading.split() == 'map class old new gain loss apart net net % true net ± 95 %'.split()
    assert 'no change is kept apart as edge' in heard


def test_outputs_that_exist_are_replaced_only_where_asked(folder, capsys):
    (folder / 'a.tif').write_text('old')
    args = (folder / 'old.tif', folder / 'new.tif', '--out', folder / 'b.csv', folder / 'a.tif')
    assert 'a.tif exists' in refused(capsys, *args)
    assert not (folder / 'b.csv').exists() and (folder / 'a.tif').read_text() == 'old'
    assert run_here('change', *args, '--overwrite') == 0


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (('--tolerance', '0'), 'tolerance 0: give whole pixels from 1 on'),
        (('--min-area', '-1'), 'least area -1: give square metres above 0'),
        (('--class', 'tree'), '--class tree: the maps have the classes other, green'),
        (('--id-field', 'name'), '--id-field needs --zones'),
        (('--out', 'a.gpkg'), 'holds zones'),
        (('--out', 'a.shp'), 'ends in .shp: it can end in'),
        (('--out', 'a.csv', './a.csv'), 'twice'),
        (('--out', 'old.tif'), 'is an input file'),
        (('--excel',), '--excel is for a table'),
        (('--zones', 'nowhere.gpkg'), 'nowhere.gpkg does not exist'),
        (('--accuracy', 'nowhere', 'nowhere'), 'nowhere is not there'),
    ],
)
def test_options_that_do_not_fit_are_one_line(folder, capsys, monkeypatch, options, words):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    assert words in refused(capsys, 'old.tif', 'new.tif', *options)
    assert sorted(folder.iterdir()) == before


def test_maps_that_do_not_fit_are_one_line(folder, capsys):
    other = write_map(folder / 'other.tif', draw_classes((8, 10), classes=3), names=('a', 'b', 'c'))
    line = refused(capsys, folder / 'old.tif', other)
    assert 'has the classes other, green and' in line and 'has a, b, c: change needs two maps of the same' in line
    renamed = write_map(folder / 'renamed.tif', draw_classes((8, 10)), names=('ground', 'green'))
    assert '--classes NAME,NAME' in refused(capsys, folder / 'old.tif', renamed)
    assert run_here('change', folder / 'old.tif', renamed, '--classes', 'other,green') == 0
    far = write_map(folder / 'far.tif', draw_classes((8, 10)), transform=METRE @ Affine.translation(0, 500))
    capsys.readouterr()
    assert 'does not overlap' in refused(capsys, folder / 'old.tif', far)
    assert 'are the same: give the maps of two dates' in refused(capsys, folder / 'old.tif', folder / 'old.tif')
    image = write_raster(folder / 'image.tif', noise(3))
    assert 'is not a class map' in refused(capsys, folder / 'old.tif', image)
    nowhere = write_map(folder / 'nowhere.tif', draw_classes((8, 10)), crs=None)
    assert 'no coordinate reference system' in refused(capsys, nowhere, folder / 'new.tif')


def test_zones_outside_are_one_line(folder, capsys):
    zones = write_zones(folder / 'far.gpkg', [square(100, 100, 4)])
    line = refused(capsys, folder / 'old.tif', folder / 'new.tif', '--zones', zones)
    assert 'no zone of 1 overlaps the map' in line
