import copy
import pickle

import cv2
import numpy as np
import pytest
import torch
from affine import Affine
from mmengine.config import Config
from PIL import Image
from raster_support import METRE, noise, write_raster
from tests_support import GREEN_PALETTE

import mmseg_aux_hrnet
from mmseg_aux_hrnet.datasets import LoadLabel, LoadTile, SingleGreenDataset
from mmseg_aux_hrnet.engine.samplers.seeded_fetch import Draw, SeededFetch
from mmseg_aux_hrnet.errors import ImageError, LabelError
from mmseg_aux_hrnet.files.label_png import write_label_png

pytestmark = pytest.mark.stack
LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]


def green(root, **settings):
    prefix = dict(img_path='rawdata/train', seg_map_path='labeldata/train')
    given = dict(data_root=str(root), ann_file='splits/train.txt', data_prefix=prefix, pipeline=LOAD)
    return SingleGreenDataset(**{**given, **settings})


def cached(root, **settings):
    return green(root, cache_dir=str(root / 'cache'), **settings)


def entries(root):
    return sorted(path.name for path in (root / 'cache').iterdir())


def test_cached_samples_are_the_decoded_ones(green_root):
    plain, kept = green(green_root), cached(green_root)
    for _ in range(2):
        for index in range(4):
            got, want = kept[index], plain[index]
            assert np.array_equal(got['img'], want['img'])
            assert np.array_equal(got['gt_seg_map'], want['gt_seg_map'])
            assert got['img_shape'] == want['img_shape']
    files = [path.read_bytes() for part in ('rawdata', 'labeldata') for path in (green_root / part / 'train').iterdir()]
    assert len(entries(green_root)) == len(set(files))  # equal labels share one


def test_cached_arrays_may_be_changed_in_place(green_root):
    dataset = cached(green_root)
    want = dataset[0]['img'].copy()
    dataset[0]['img'][:] = 0
    assert np.array_equal(dataset[0]['img'], want)


@pytest.mark.parametrize('take_along', [copy.deepcopy, lambda data: pickle.loads(pickle.dumps(data))])
def test_a_data_set_with_a_cache_goes_to_loader_processes(green_root, take_along):
    dataset = cached(green_root)
    want = dataset[0]['img']
    assert np.array_equal(take_along(dataset)[0]['img'], want)


def test_another_label_rule_takes_no_entry_of_the_first(green_root):
    first = cached(green_root)[0]['gt_seg_map']
    swapped = dict(palette=GREEN_PALETTE[::-1])
    second = cached(green_root, metainfo=swapped)[0]['gt_seg_map']
    assert np.array_equal(second, 1 - first)


def test_damaged_and_wrong_files_are_refused_as_without_a_cache(green_root):
    image, label = (green_root / folder / 'train/train_0.png' for folder in ('rawdata', 'labeldata'))
    dataset = cached(green_root)
    dataset[0]
    whole = image.read_bytes()
    image.write_bytes(whole[:200])
    with pytest.raises(ImageError, match=r'rawdata.train.train_0.png cannot be decoded'):
        dataset[0]
    image.write_bytes(whole)
    Image.new('L', (96, 64), 7).save(label)
    with pytest.raises(LabelError, match=r"train_0.png: pixels are of mode L, but label_format='palette'"):
        dataset[0]
    write_label_png(label, np.zeros((8, 8), np.uint8), GREEN_PALETTE)
    with pytest.raises(LabelError, match='both must cover the same pixels'):
        dataset[0]


def test_a_file_that_vanishes_is_refused(green_root):
    dataset = cached(green_root)
    dataset[0]
    (green_root / 'rawdata/train/train_0.png').unlink()
    with pytest.raises(ImageError, match=r'train_0.png does not exist'):
        dataset[0]


def test_loaders_of_a_config_may_have_caches_of_their_own(green_root):
    own = str(green_root / 'own')
    dataset = cached(green_root, pipeline=[dict(LOAD[0], cache_dir=own), LOAD[1]])
    dataset[0]
    assert len(entries(green_root)) == len(list((green_root / 'own').iterdir())) == 1


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'tif'])
def test_channels_are_blue_green_red(tmp_path, suffix):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    path = str(tmp_path / f'a.{suffix}')
    Image.fromarray(pixels).save(path)
    image = LoadTile()(dict(img_path=path))['img']
    assert np.array_equal(image, cv2.imread(path))
    assert image.flags.c_contiguous


def test_a_sample_without_label_passes():
    assert LoadLabel(cache_dir=None)(dict(seg_fields=[])) == dict(seg_fields=[])


@pytest.fixture
def placed_root(tmp_path):
    """A data set of one GeoTIFF image with pixels without data, and its GeoTIFF label, south up."""
    for folder in ('rawdata/train', 'labeldata/train', 'splits'):
        (tmp_path / folder).mkdir(parents=True)
    write_raster(tmp_path / 'rawdata/train/a.tif', PLACED, nodata=0)
    south_up = METRE @ Affine.translation(0, 20) @ Affine.scale(1, -1)
    write_raster(tmp_path / 'labeldata/train/a.tif', CLASSES[::-1], transform=south_up)
    (tmp_path / 'splits/train.txt').write_text('a\n', encoding='utf-8')
    return tmp_path


PLACED = noise(3, (20, 30))
PLACED[:, 3:6, 4] = 0
CLASSES = np.random.default_rng(1).integers(0, 2, (20, 30)).astype(np.uint8)


@pytest.mark.parametrize('make', [green, cached])
def test_a_label_is_turned_as_its_image_and_ignored_where_that_has_no_data(placed_root, make):
    expected = CLASSES.copy()
    expected[3:6, 4] = 255
    dataset = make(placed_root, label_format='index')
    for _ in range(2):
        sample = dataset[0]
        assert np.array_equal(sample['gt_seg_map'], expected)
        assert np.array_equal(sample['img'], np.moveaxis(PLACED[::-1], 0, -1))
        assert sample['img'].flags.c_contiguous


@pytest.mark.parametrize('make', [green, cached])
def test_a_label_at_another_place_is_refused_when_it_is_loaded(placed_root, make):
    dataset = make(placed_root, label_format='index')
    dataset[0]
    write_raster(placed_root / 'labeldata/train/a.tif', CLASSES, transform=METRE @ Affine.translation(10, 0))
    with pytest.raises(LabelError, match=r'labeldata.train.a\.tif lies at another place than .*rawdata.train.a\.tif'):
        dataset[0]


def test_a_mask_beside_a_tile_counts_where_tiles_are_cached(placed_root):
    dataset = cached(placed_root, label_format='index')
    dataset[0]
    write_raster(placed_root / 'rawdata/train/a.tif', PLACED, mask=CLASSES > 0)  # beside it, and the same pixels
    assert ((dataset[0]['gt_seg_map'] == 255) == (CLASSES == 0)).all()


def test_a_sample_depends_on_its_draw_only(green_root):
    config = Config.fromfile(mmseg_aux_hrnet.config('hrnet/fcn_hr18_256x512_80k_singlegreen.py'))
    steps = [dict(step, crop_size=(32, 32)) if 'crop_size' in step else step for step in config.train_pipeline]
    draws = [Draw(index % 4, seed=3, position=index) for index in range(8)]
    plain, kept = (SeededFetch(make(green_root, pipeline=steps)) for make in (green, cached))
    samples = {draw.position: plain([draw])[0]['inputs'] for draw in draws}
    for _ in range(2):
        for draw, sample in zip(draws[::-1], kept(draws[::-1]), strict=True):
            assert torch.equal(sample['inputs'], samples[draw.position])
