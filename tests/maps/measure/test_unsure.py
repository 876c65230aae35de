"""How much of each class is unsure: on the whole map, by zone, in every form of the table."""

import csv
import io
import json

import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from areas_support import square, write_map, write_uncertainty, write_zones
from raster_support import METRE, UTM
from remote_support import serving
from tool_support import heard

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.files.address import as_path
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


# Sorted by name, the class map of A lies below that of A_d, and the uncertainty of A above that of A_d.
SHEETS = {'a': (0, slice(0, 20)), 'a_d': (1, slice(12, 30))}


@pytest.fixture
def sheets(tmp_path):
    """Return a folder of two maps that overlap and differ, and the values that the upper one leaves of both."""
    folder, size = tmp_path / 'maps', (20, 30)
    folder.mkdir()
    classes, doubt = (np.full(size, 255, np.uint8) for _ in range(2))
    for name, (seed, across) in SHEETS.items():
        rng = np.random.default_rng(seed)
        transform = METRE @ Affine.translation(across.start, 0)
        own = rng.integers(0, 2, CLASSES[:, across].shape).astype(np.uint8)
        unsure = rng.integers(0, 255, own.shape).astype(np.uint8)
        own[rng.random(own.shape) < 0.2] = 255
        unsure[own == 255] = 255
        run = {'RUN_SHA256': name}
        with rasterio.open(write_map(folder / f'{name}_classes.tif', own, transform=transform), 'r+') as opened:
            opened.update_tags(**run)
        write_uncertainty(folder / f'{name}_uncertainty.tif', unsure, transform=transform, tags=run)
        classes[:, across], doubt[:, across] = (
            np.where(own == 255, whole[:, across], part) for whole, part in ((classes, own), (doubt, unsure))
        )
    return folder, classes, doubt


def mosaic_of(path, files):
    """Write a VRT over maps of one row as gdalbuildvrt does, without their tags."""
    sources = ''
    for file in files:
        with rasterio.open(file) as opened:
            left, width = opened.bounds.left - METRE.c, opened.width
        sources += (
            f'<ComplexSource><SourceFilename>{file}</SourceFilename><SourceBand>1</SourceBand>'
            f'<SrcRect xOff="0" yOff="0" xSize="{width}" ySize="20"/>'
            f'<DstRect xOff="{left:g}" yOff="0" xSize="{width}" ySize="20"/><NODATA>255</NODATA></ComplexSource>'
        )
    path.write_text(
        f'<VRTDataset rasterXSize="30" rasterYSize="20"><SRS>{UTM}</SRS><GeoTransform>500000, 1, 0, 5800000, 0, -1'
        f'</GeoTransform><VRTRasterBand dataType="Byte" band="1"><NoDataValue>255</NoDataValue>{sources}'
        '</VRTRasterBand></VRTDataset>'
    )
    return path


@pytest.mark.parametrize('kind', ['folder', 'vrt', 'folder and vrt'])
def test_of_many_maps_it_is_that_of_one_file_over_the_same_ground(sheets, tmp_path, kind):
    folder, classes, doubt = sheets
    one = write_map(tmp_path / 'one.tif', classes), write_uncertainty(tmp_path / 'doubt.tif', doubt)
    many = [
        folder if (kind.startswith('folder') and layer == 'classes') or kind == 'folder' else
        mosaic_of(tmp_path / f'{layer}.vrt', [folder / f'{name}_{layer}.tif' for name in order])
        for layer, order in (('classes', SHEETS), ('uncertainty', reversed(SHEETS)))
    ]  # fmt: skip
    expected, found = (zonal_area(files[0], uncertainty=files[1]) for files in (one, many))
    np.testing.assert_array_equal(found.unsure, expected.unsure)
    np.testing.assert_array_equal(found.square_metres, expected.square_metres)
    assert 0 < found.unsure_percent.min() < found.unsure_percent.max() < 100


def test_one_map_finds_its_own_in_the_folder_of_all(sheets):
    folder = sheets[0]
    alone = zonal_area(folder / 'a_classes.tif', uncertainty=folder / 'a_uncertainty.tif')
    np.testing.assert_array_equal(zonal_area(folder / 'a_classes.tif', uncertainty=folder).unsure, alone.unsure)
    said = heard('area', folder, '--uncertainty', folder)
    assert said.returncode == 0 and 'of which unsure %' in said.stdout


def test_many_maps_of_which_one_has_none_or_another_rule_are_refused(sheets):
    folder = sheets[0]
    with rasterio.open(folder / 'a_uncertainty.tif', 'r+') as opened:
        opened.update_tags(UNCERTAINTY='normalised entropy')
    with pytest.raises(DataError, match=r'several rules \(1 - margin; normalised entropy\)'):
        zonal_area(folder, uncertainty=folder)
    (folder / 'a_uncertainty.tif').unlink()
    said = heard('area', folder, '--uncertainty', folder)
    assert said.returncode == 2 and said.stderr.count('\n') == 1
    assert f'{folder} must hold one uncertainty map for {folder / "a_classes.tif"}' in said.stderr


def test_both_may_lie_on_a_server(files):
    here = zonal_area(files[0], uncertainty=files[1])
    with serving(files[0].parent) as server:
        far, doubt = (as_path(f'{server.url(path.name)}?sig=SESAME') for path in files)
        for given in ((far, doubt), (far, files[1]), (files[0], doubt)):
            np.testing.assert_array_equal(zonal_area(given[0], uncertainty=given[1]).unsure, here.unsure)
