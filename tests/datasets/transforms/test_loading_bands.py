"""Images of any bands: loaded by name, said to checkpoints, and read alike by mmseg's inference."""

import numpy as np
import pytest
from mmengine.dataset import Compose
from raster_support import write_raster
from tests_support import draw_tile

from mmseg_aux_hrnet.bands import RGB, make_bands
from mmseg_aux_hrnet.datasets import LoadArrayOrPath, LoadTile, SingleGreenDataset
from mmseg_aux_hrnet.errors import ConfigError, ImageError

pytestmark = pytest.mark.stack
RGBN = ('red', 'green', 'blue', 'nir')
FILE = ('nir', 'red', 'green', 'blue')  # the order of the bands in the files
LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]


def values(dtype='uint8', seed=0):
    return np.random.default_rng(seed).integers(0, 251, (4, 64, 96)).astype(dtype)


@pytest.fixture
def root(green_root):
    """Return a data set of four bands with labels of the plain one."""
    for seed, path in enumerate(sorted((green_root / 'rawdata/train').iterdir())):
        path.unlink()
        write_raster(path.with_suffix('.tif'), values(seed=seed), descriptions=FILE)
    return green_root


def green(root, **settings):
    prefix = dict(img_path='rawdata/train', seg_map_path='labeldata/train')
    given = dict(data_root=str(root), ann_file='splits/train.txt', data_prefix=prefix, pipeline=LOAD)
    return SingleGreenDataset(**{**given, **settings})


@pytest.mark.parametrize('cache', [False, True])
def test_bands_are_loaded_by_name_and_said(root, cache):
    dataset = green(root, bands=RGBN, **({'cache_dir': str(root / 'cache')} if cache else {}))
    for _ in range(2):
        sample = dataset[0]
        assert np.array_equal(sample['img'], np.moveaxis(values()[[1, 2, 3, 0]], 0, -1))
        assert sample['bands'] == RGBN and sample['ori_shape'] == (64, 96)
    assert dataset.metainfo['bands'] == [*RGBN] and dataset.metainfo['scale'] is None


def test_entries_of_other_bands_and_rules_are_not_taken_from_the_cache(root):
    cache = {'cache_dir': str(root / 'cache')}
    first = green(root, bands=('nir', 'red'), **cache)[0]['img']
    second = green(root, bands=('red', 'nir'), **cache)[0]['img']
    scaled = green(root, bands=('red', 'nir'), scale=(0, 100), **cache)[0]['img']
    assert np.array_equal(first, second[..., ::-1]) and not np.array_equal(second, scaled)


def test_three_bands_lie_in_reverse_as_mmseg_has_them(root):
    sample = green(root, bands=('nir', 'red', 'green'))[0]
    assert np.array_equal(sample['img'], np.moveaxis(values()[[2, 1, 0]], 0, -1))
    assert sample['bands'] == ('green', 'red', 'nir')
    rgb = green(root, bands=RGB)
    assert np.array_equal(rgb[0]['img'], np.moveaxis(values()[[3, 2, 1]], 0, -1))
    assert 'bands' not in rgb[0] and 'bands' not in rgb.metainfo


def test_pictures_of_rgb_are_read_as_ever_where_a_config_names_the_bands(green_root):
    assert np.array_equal(green(green_root, bands=RGB)[0]['img'], green(green_root)[0]['img'])


def test_the_loader_of_a_pipeline_says_its_own_bands(root):
    steps = [dict(LOAD[0], bands=('nir',), scale=(0, 250)), LOAD[1]]
    dataset = green(root, bands=RGBN, pipeline=steps)
    assert dataset[0]['img'].shape == (64, 96, 1)
    assert dataset.metainfo['bands'] == ['nir'] and dataset.metainfo['scale'] == [[0.0, 250.0]]
    built = green(root, pipeline=[LoadTile(bands=('nir',)), LOAD[1]])
    assert built.metainfo['bands'] == ['nir']


@pytest.mark.parametrize('dtype', ['uint16', 'float32'])
def test_values_are_scaled_to_8_bits(tmp_path, dtype):
    stored = values(dtype) * np.array(10, dtype)
    path = write_raster(tmp_path / 'a.tif', stored, descriptions=FILE)
    loader = LoadTile(bands=RGBN, scale=[(0, 2500), (0, 2500), (0, 2500), (500, 1500)], to_float32=True)
    got = loader(dict(img_path=str(path)))['img']
    assert got.dtype == np.float32
    assert np.array_equal(got[..., 0], np.floor(stored[1].astype(float) * 255 / 2500 + 0.5))
    assert np.array_equal(got[..., 3], np.floor((stored[0].astype(float).clip(500, 1500) - 500) * 255 / 1000 + 0.5))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(bands=(*RGBN, 'swir')), r'a\.tif: no band is named swir; the bands are 1 gray \(nir\), 2'),
        (dict(bands=RGBN), r'a\.tif: the values are uint16, about 0 to 250: give the data set a "scale"'),
    ],
)
def test_what_a_file_does_not_give_is_one_line(tmp_path, settings, message):
    path = write_raster(tmp_path / 'a.tif', values('uint16'), descriptions=FILE)
    with pytest.raises(ImageError, match=message):
        LoadTile(**settings)(dict(img_path=str(path)))


def test_bands_without_their_names_are_refused_as_ever(root):
    with pytest.raises(ImageError, match='4 bands'):
        green(root)[0]


@pytest.mark.parametrize('settings', [dict(bands=('red', 'red')), dict(bands=RGBN, scale=[(0, 1)])])
def test_a_wrong_setting_is_seen_when_the_loader_is_built(settings):
    with pytest.raises(ConfigError):
        LoadTile(**settings)


def test_mmsegs_inference_reads_paths_and_arrays_of_bands(tmp_path):
    path = write_raster(tmp_path / 'a.tif', values('uint16'), descriptions=FILE)
    step = dict(_scope_='mmseg_aux_hrnet', bands=RGBN, scale=(0, 250))
    want = LoadTile(bands=RGBN, scale=(0, 250))(dict(img_path=str(path)))['img']
    for kind in ('LoadImageFromFile', 'LoadImageFromNDArray', 'InferencerLoader'):
        # MMSegInferencer puts its own loader in the place of the first, which builds both others.
        loader = Compose([dict(step, type=kind)])
        assert np.array_equal(loader(dict(img_path=str(path)))['img'], want)
    for kind in ('LoadImageFromNDArray', 'InferencerLoader'):
        loaded = Compose([dict(step, type=kind)])(dict(img=want))
        assert np.array_equal(loaded['img'], want) and loaded['bands'] == RGBN
    with pytest.raises(ImageError, match=r'\(height, width, 4\) is needed, of red, green, blue, nir'):
        Compose([dict(step, type='LoadImageFromNDArray')])(dict(img=want[..., :3]))


def test_without_bands_the_stock_loader_of_the_scope_is_mmcvs(tmp_path):
    draw_tile(tmp_path, 'train', 'a', seed=0)
    path = str(tmp_path / 'rawdata/train/a.png')
    loader = Compose([dict(type='LoadImageFromFile', _scope_='mmseg_aux_hrnet')])
    assert isinstance(loader.transforms[0], LoadArrayOrPath)
    assert np.array_equal(loader(dict(img_path=path))['img'], LoadTile()(dict(img_path=path))['img'])


def test_rule_of_the_meta_is_that_of_the_loader(root):
    dataset = green(root, bands=RGBN, scale=(0, 200))
    assert make_bands(dataset.metainfo['bands'], dataset.metainfo['scale']) == make_bands(RGBN, (0, 200))
