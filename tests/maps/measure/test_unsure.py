"""How much of each class is unsure: on the whole map, by zone, in every form of the table."""

import csv
import io
import json

import numpy as np
import pyogrio
import pytest
import rasterio
from areas_support import square, write_map, write_uncertainty, write_zones
from tool_support import heard

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.maps import zonal_area
from mmseg_aux_hrnet.maps.measure.table import columns

CLASSES = np.zeros((20, 30), np.uint8)
CLASSES[:10, :10] = 1
CLASSES[10:, 20:] = 255
DOUBT = np.full((20, 30), 126)  # of 254: just below one half
DOUBT[:5] = 127
DOUBT[CLASSES == 255] = 255


@pytest.fixture
def files(tmp_path):
    return write_map(tmp_path / 'a_classes.tif', CLASSES), write_uncertainty(tmp_path / 'a_uncertainty.tif', DOUBT)


def test_it_is_part_of_the_area_of_each_class(files):
    areas = zonal_area(files[0], uncertainty=files[1])
    plain = zonal_area(files[0])
    np.testing.assert_array_equal(areas.square_metres, plain.square_metres)
    np.testing.assert_allclose(areas.unsure, [[5 * 20, 5 * 10]])
    np.testing.assert_allclose(areas.unsure_percent, [[25, 50]])
    np.testing.assert_allclose(areas.whole_unsure, [100, 50])
    assert plain.unsure is None and plain.unsure_percent is None


@pytest.mark.parametrize(('limit', 'percent'), [(0.4, [100, 100]), (0.5, [25, 50]), (0.51, [0, 0])])
def test_the_threshold_counts_from_where_it_stands(files, limit, percent):
    areas = zonal_area(files[0], uncertainty=files[1], unsure_from=limit)
    np.testing.assert_allclose(areas.unsure_percent, [percent])


def test_zones_have_theirs_and_those_without_a_class_none(files, tmp_path):
    zones = write_zones(tmp_path / 'z.gpkg', [square(0, 0, 10), square(12, 0, 4)], name=['left', 'bare'])
    areas = zonal_area(files[0], uncertainty=files[1], zones=zones, id_field='name')
    np.testing.assert_allclose(areas.unsure_percent, [[np.nan, 50], [100, np.nan]])
    table = columns(areas)
    assert list(table)[-5:] == ['green_m2', 'green_ha', 'green_percent', 'green_unsure_m2', 'green_unsure_percent']
    np.testing.assert_allclose(table['green_unsure_m2'], [50, 0])


@pytest.mark.parametrize('suffix', ['.csv', '.json', '.gpkg'])
def test_every_file_and_the_screen_say_it(files, tmp_path, suffix):
    zones = write_zones(tmp_path / 'z.gpkg', [square(0, 0, 10)], name=['left'])
    out = tmp_path / f'areas{suffix}'
    options = ('--uncertainty', files[1], '--zones', zones, '--id-field', 'name', '--out', out)
    said = heard('area', files[0], *options)
    assert said.returncode == 0
    assert 'of which unsure %' in said.stdout
    if suffix == '.csv':
        [row] = csv.DictReader(io.StringIO(out.read_text()))
        assert (row['green_unsure_m2'], row['green_unsure_percent']) == ('50.0', '50.0')
    elif suffix == '.json':
        held = json.loads(out.read_text())
        assert held['unsure_from'] == 0.5
        assert held['zones'][0]['classes'][1]['unsure_percent'] == pytest.approx(50)
        assert held['whole_map']['classes'][0]['unsure_m2'] == pytest.approx(100)
    else:
        assert {'green_unsure_m2', 'green_unsure_percent'} <= set(pyogrio.read_info(out, layer='areas')['fields'])


def test_without_it_nothing_is_said_of_it(files, tmp_path):
    out = tmp_path / 'areas.json'
    assert 'unsure' not in heard('area', files[0], '--out', out).stdout + out.read_text()


def test_a_map_of_another_place_or_run_is_refused(files, tmp_path):
    small = write_uncertainty(tmp_path / 'small.tif', DOUBT[:5])
    with pytest.raises(DataError, match='lie on different grids'):
        zonal_area(files[0], uncertainty=small)
    other = write_uncertainty(tmp_path / 'other.tif', DOUBT, tags={'RUN_SHA256': 'b'})
    made = write_map(tmp_path / 'b_classes.tif', CLASSES)
    zonal_area(made, uncertainty=other)  # a map that does not say its run
    with rasterio.open(made, 'r+') as opened:
        opened.update_tags(RUN_SHA256='a')
    with pytest.raises(DataError, match='not of one prediction'):
        zonal_area(made, uncertainty=other)


@pytest.mark.parametrize('limit', [0, -1, 1.5, float('nan')])
def test_thresholds_out_of_range_are_refused(files, limit):
    with pytest.raises(ConfigError, match='--unsure-from is'):
        zonal_area(files[0], uncertainty=files[1], unsure_from=limit)
    said = heard('area', files[0], '--uncertainty', files[1], '--unsure-from', limit)
    assert (said.returncode, said.stderr.count('\n')) == (2, 1)


def test_options_that_miss_each_other_are_refused(files):
    said = heard('area', files[0], '--unsure-from', 0.3)
    assert said.stderr == 'error: --unsure-from needs --uncertainty, which is not given\n'
    said = heard('area', files[0], '--uncertainty', files[0])
    assert 'is not an uncertainty map' in said.stderr
