"""Maps of other bands than RGB: found by the names of the checkpoint, scaled by its rule, refused where one lacks."""

import numpy as np
import pytest
import rasterio
from raster_support import noise, write_raster
from tiny_export import written
from tool_support import heard, run_here

from mmseg_aux_hrnet.bands import Bands, make_bands
from mmseg_aux_hrnet.maps.predict.predictor import Predictor

RGBN = ('red', 'green', 'blue', 'nir')
FILE = ('nir', 'red', 'green', 'blue')
SMALL = ('--window', '64', '--device', 'cpu')


def trained(folder, *, bands=RGBN, scale=None, name='tiny'):
    described = {'bands': list(bands), 'scale': scale}
    return written(folder, bands=len(bands), name=name, meta={'described': described})


def class_map(path):
    with rasterio.open(path) as made:
        return made.read(1), made.tags()


def predicted(files, image):
    return Predictor.from_files(*files, device='cpu')(np.ascontiguousarray(image)).argmax(axis=0)


@pytest.fixture
def values():
    return noise(4, (48, 56))


def test_bands_are_found_by_the_names_of_the_checkpoint(tmp_path, values):
    files = trained(tmp_path)
    predictor = Predictor.from_files(*files, device='cpu')
    assert predictor.facts.bands == Bands(RGBN) and predictor.facts.fill == (120, 110, 100, 90)
    raster = write_raster(tmp_path / 'ortho.tif', values, descriptions=FILE)
    assert run_here('predict_raster', *files, raster, '--out', tmp_path / 'out', *SMALL) == 0
    got, tags = class_map(tmp_path / 'out/ortho_classes.tif')
    want = predicted(files, np.moveaxis(values[[1, 2, 3, 0]], 0, -1))
    assert (got != want).mean() <= 1e-3 and 0.02 < want.mean() < 0.98
    assert tags['BANDS'] == '2,3,4,1' and tags['SCALE'] == 'none'


def test_the_command_line_names_as_many_bands_as_the_checkpoint(tmp_path, values):
    files = trained(tmp_path)
    raster = write_raster(tmp_path / 'ortho.tif', values)  # whose fourth band GDAL calls alpha
    assert run_here('predict_raster', *files, raster, '--out', tmp_path / 'out', '--bands', '2,3,4,1', *SMALL) == 0
    got, _ = class_map(tmp_path / 'out/ortho_classes.tif')
    assert (got != predicted(files, np.moveaxis(values[[1, 2, 3, 0]], 0, -1))).mean() <= 1e-3
    words = heard('predict_raster', *files, raster, '--out', tmp_path / 'b', '--bands', '1,2,3', *SMALL)
    assert words.returncode == 2 and '--bands names 3 bands (1,2,3): give 4, for red,green,blue,nir' in words.stderr


def test_a_raster_without_the_band_is_refused_with_those_it_has(tmp_path, values):
    files = trained(tmp_path)
    raster = write_raster(tmp_path / 'ortho.tif', values, colours=('red', 'green', 'blue', 'alpha'))
    words = heard('predict_raster', *files, raster, '--out', tmp_path / 'out', *SMALL)
    assert words.returncode == 2
    assert 'no band is named nir; the bands are 1 red, 2 green, 3 blue, 4 alpha' in words.stderr
    assert not list((tmp_path / 'out').glob('*.tif'))


def test_the_rule_of_the_checkpoint_scales_sixteen_bits(tmp_path, values):
    scale = [[0, 2500], [0, 2500], [0, 2500], [500, 1500]]
    files = trained(tmp_path, scale=scale)
    raster = write_raster(tmp_path / 'ortho.tif', values.astype(np.uint16) * 10, descriptions=FILE)
    assert run_here('predict_raster', *files, raster, '--out', tmp_path / 'out', *SMALL) == 0
    got, tags = class_map(tmp_path / 'out/ortho_classes.tif')
    ranges = np.array(make_bands(RGBN, scale).scale)
    stored = np.moveaxis(values[[1, 2, 3, 0]], 0, -1) * 10.0
    image = np.floor((stored - ranges[:, 0]).clip(0, None) * 255 / (ranges[:, 1] - ranges[:, 0]) + 0.5).clip(0, 255)
    assert (got != predicted(files, image.astype(np.uint8))).mean() <= 1e-3
    assert tags['SCALE'] == '0:2500,0:2500,0:2500,500:1500'
    assert run_here('predict_raster', *files, raster, '--out', tmp_path / 'b', '--scale', '0:2500', *SMALL) == 0
    assert class_map(tmp_path / 'b/ortho_classes.tif')[1]['SCALE'] == ','.join(['0:2500'] * 4)


@pytest.mark.parametrize(
    ('scale', 'dtype', 'message'),
    [
        (None, 'uint16', 'the values are uint16, about 1 to 250: give --scale LOW:HIGH'),
        (
            [[0, 2500]] * 4,
            'uint8',
            'uint8, but the model was trained on values up to 2500: give --scale',
        ),
    ],
)
def test_values_of_another_kind_than_those_of_training_need_a_rule(tmp_path, values, scale, dtype, message):
    files = trained(tmp_path, scale=scale)
    raster = write_raster(tmp_path / 'ortho.tif', values.astype(dtype), descriptions=FILE)
    words = heard('predict_raster', *files, raster, '--out', tmp_path / 'out', *SMALL)
    assert words.returncode == 2 and message in words.stderr


@pytest.mark.parametrize('bands', [('nir',), ('nir', 'red'), tuple('abcdefghijkl')])
def test_one_to_twelve_bands_are_resampled_and_predicted(tmp_path, bands):
    files = trained(tmp_path, bands=bands)
    raster = write_raster(tmp_path / 'ortho.tif', noise(len(bands), (70, 50)), descriptions=bands)
    for gsd in ('2', '0.5'):
        out = tmp_path / gsd
        assert run_here('predict_raster', *files, raster, '--out', out, '--gsd', gsd, '--tta', 'd4', *SMALL) == 0
        assert class_map(out / 'ortho_classes.tif')[0].shape == (70, 50)


def test_a_checkpoint_whose_bands_nobody_names_is_refused(tmp_path, values):
    files = written(tmp_path, bands=4)
    raster = write_raster(tmp_path / 'ortho.tif', values, descriptions=FILE)
    words = heard('predict_raster', *files, raster, '--out', tmp_path / 'out', *SMALL)
    assert words.returncode == 2
    assert 'normalises 4 bands, but checkpoint and data set name 3 (red, green, blue)' in words.stderr


def test_three_other_bands_are_shown_in_the_order_of_their_names(tmp_path, values):
    files = trained(tmp_path, bands=('nir', 'red', 'green'))
    raster = write_raster(tmp_path / 'ortho.tif', values[:3], descriptions=('green', 'red', 'nir'))
    assert run_here('predict_raster', *files, raster, '--out', tmp_path / 'out', *SMALL) == 0
    got, _ = class_map(tmp_path / 'out/ortho_classes.tif')
    assert (got != predicted(files, np.moveaxis(values[[2, 1, 0]], 0, -1))).mean() <= 1e-3
