import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmseg.registry import TRANSFORMS

import mmseg_aux_hrnet
from mmseg_aux_hrnet.datasets.transforms.random_scaled_crop import RandomScaledCrop, is_mixed
from mmseg_aux_hrnet.errors import ConfigError, DataError

pytestmark = pytest.mark.stack
SCALE, RATIOS, CROP = (64, 48), (0.5, 2.0), (24, 32)
SCALES = [(24, 24), (64, 64), (150, 150)]
RESIZE = dict(type='RandomResize', scale=SCALE, ratio_range=RATIOS, keep_ratio=True)
CHOICE = dict(type='RandomChoiceResize', scales=SCALES, resize_type='Resize', keep_ratio=True)
FLIP = dict(type='RandomFlip', prob=0.5)
PAIRS = {
    'green': (
        dict(scale=SCALE, ratio_range=RATIOS, crop_size=CROP, cat_max_ratio=0.75, flip_prob=0.5),
        [RESIZE, dict(type='RandomCrop', crop_size=CROP, cat_max_ratio=0.75), FLIP],
    ),
    'buildings': (
        dict(scales=SCALES, crop_size=CROP, flip_prob=0.5),
        [CHOICE, dict(type='RandomCrop', crop_size=CROP), FLIP],
    ),
    'no flip': (dict(scales=SCALES, crop_size=CROP), [CHOICE, dict(type='RandomCrop', crop_size=CROP)]),
    'rarely mixed': (
        dict(scale=SCALE, ratio_range=RATIOS, crop_size=(8, 8), cat_max_ratio=0.55),
        [RESIZE, dict(type='RandomCrop', crop_size=(8, 8), cat_max_ratio=0.55)],
    ),
}


def sample(seed, size=(40, 60)):
    rng = np.random.default_rng(seed)
    label = np.zeros(size, np.uint8)
    label[:, : rng.integers(5, size[1])] = 1
    label[: rng.integers(0, 20)] = 255
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    return dict(img=image, gt_seg_map=label, seg_fields=['gt_seg_map'], img_shape=size, ori_shape=size)


def applied(steps, results, *, seed):
    np.random.seed(seed)
    for step in steps:
        results = step(results)
    return results


@pytest.mark.parametrize('name', PAIRS)
def test_same_draws_give_what_three_transforms_give(name):
    settings, steps = PAIRS[name]
    ours, stock = [RandomScaledCrop(**settings)], [TRANSFORMS.build(step) for step in steps]
    for seed in range(60):
        got = applied(ours, sample(seed), seed=seed)
        number = np.random.random_sample()  # after as many draws as the others take
        want = applied(stock, sample(seed), seed=seed)
        assert number == np.random.random_sample()
        assert np.array_equal(got.pop('gt_seg_map'), want.pop('gt_seg_map'))
        difference = got.pop('img').astype(int) - want.pop('img')
        assert np.abs(difference).max() <= 1
        want.pop('swap_seg_labels', None)
        assert got == want


def test_shipped_pipeline_cuts_as_the_stock_one():
    config = Config.fromfile(mmseg_aux_hrnet.config('hrnet/fcn_hr18_256x512_80k_singlegreen.py'))
    plain = [step for step in config.stock_train_pipeline if 'Load' not in step.type]
    quick = [step for step in config.train_pipeline if 'Load' not in step.type]
    for seed in range(4):
        ours, stock = (
            applied([TRANSFORMS.build(step) for step in steps], sample(seed, (64, 128)), seed=seed)
            for steps in (quick, plain)
        )
        assert ours['inputs'].shape == stock['inputs'].shape
        assert (ours['data_samples'].gt_sem_seg.data == stock['data_samples'].gt_sem_seg.data).all()
        assert ours['data_samples'].metainfo == stock['data_samples'].metainfo


def test_draws_have_the_stated_distribution():
    # Columns number themselves, so that the cut tells where it was taken; 40 pixels at ratio 1.
    crop = RandomScaledCrop(scale=(40, 40), ratio_range=RATIOS, crop_size=(4, 4), flip_prob=0.3)
    image = np.tile(np.arange(0, 200, 5, dtype=np.uint8)[:, None], (40, 1, 3))
    np.random.seed(0)
    results = [crop(dict(img=image, seg_fields=[])) for _ in range(2000)]
    ratios = np.sort([result['scale_factor'][0] for result in results])
    rows = np.sort([result['img'][..., 0].mean() / 200 for result in results])
    even = (np.arange(2000) + 0.5) / 2000
    assert np.abs((ratios - 0.5) / 1.5 - even).max() < 0.045  # Kolmogorov's bound for 2000 draws, and whole pixels
    assert abs(np.median(rows) - 0.5) < 0.03
    assert (rows[20], rows[-20]) == pytest.approx((0.05, 0.95), abs=0.05)
    assert abs(np.mean([result['flip'] for result in results]) - 0.3) < 0.03


def test_turned_windows_are_windows_and_every_way_to_lie_is_as_frequent():
    # Each pixel names its place; crops are not square, so a quarter turn needs a window that lies the other way.
    rows, columns = np.mgrid[:40, :60].astype(np.uint8)
    image = np.stack([rows, columns, rows], axis=2)
    crop = RandomScaledCrop(scale=(60, 40), ratio_range=(1.0, 1.0), crop_size=(8, 16), flip_prob=0.5, turns=True)
    np.random.seed(0)
    ways = []
    for _ in range(800):
        got = crop(dict(img=image, gt_seg_map=columns, seg_fields=['gt_seg_map']))
        assert got['img_shape'] == (8, 16)
        assert np.array_equal(got['gt_seg_map'], got['img'][..., 1])
        back = np.rot90(got['img'], -got['quarter_turns'])
        back = back[:, ::-1] if got['flip'] else back
        top, left = back[0, 0, :2].astype(int)
        assert np.array_equal(back, image[top : top + back.shape[0], left : left + back.shape[1]])
        ways.append(got['quarter_turns'] * 2 + got['flip'])
    assert np.bincount(ways, minlength=8) == pytest.approx(100, abs=35)  # 3.7 standard deviations


def test_without_a_scale_the_size_of_the_image_is_scaled():
    crop = RandomScaledCrop(ratio_range=(0.5, 2.0), crop_size=(999, 999))
    sizes = [applied([crop], sample(0), seed=seed)['img_shape'] for seed in range(200)]
    assert all(abs(width - 1.5 * height) <= 1 for height, width in sizes)
    assert 20 <= min(sizes)[0] < 23 and 77 < max(sizes)[0] <= 80  # of 40 rows


def test_without_turns_no_number_is_drawn_for_them():
    plain, turned = (RandomScaledCrop(**PAIRS['green'][0], turns=turns) for turns in (False, True))
    assert 'quarter_turns' not in applied([plain], sample(3), seed=3)
    assert 'quarter_turns' in applied([turned], sample(3), seed=3)


def test_the_class_rule_holds_where_it_can():
    crop = RandomScaledCrop(scale=(60, 40), ratio_range=(1.0, 1.0), crop_size=(20, 20), cat_max_ratio=0.75)
    label = np.zeros((40, 60), np.uint8)
    label[:, 20:40] = 1
    np.random.seed(0)
    shares = [crop({**sample(0), 'gt_seg_map': label})['gt_seg_map'].mean() for _ in range(300)]
    assert np.mean([0.25 < share < 0.75 for share in shares]) > 0.95  # 0.48 of all windows; 11 draws leave 0.1 %


@pytest.mark.parametrize('classes', [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize('ignored', [0, 255])
def test_is_mixed_is_the_rule_of_mmseg(classes, ignored):
    rng = np.random.default_rng(classes)
    for limit in (0.3, 0.5, 0.75, 0.9):
        label = rng.choice([*range(classes), 255], (9, 11), p=[*rng.dirichlet(np.ones(classes)) * 0.8, 0.2])
        values, counts = np.unique(label, return_counts=True)
        counts = counts[values != ignored]
        want = len(counts) > 1 and counts.max() / counts.sum() < limit
        assert is_mixed(label.astype(np.uint8), limit=limit, ignore_index=ignored) == want


def test_ignored_pixels_alone_are_not_mixed():
    assert not is_mixed(np.full((4, 4), 255, np.uint8), limit=0.75, ignore_index=255)


def test_read_only_arrays_are_taken_and_kept():
    results, steps = sample(0), [RandomScaledCrop(**PAIRS['green'][0])]
    for key in ('img', 'gt_seg_map'):
        results[key].flags.writeable = False
    got, want = (applied(steps, given, seed=1) for given in (results, sample(0)))
    assert all(np.array_equal(got[key], want[key]) for key in ('img', 'gt_seg_map'))


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        (dict(crop_size=CROP), 'give ratio_range'),
        (dict(crop_size=CROP, scale=SCALE), 'give ratio_range'),
        (dict(crop_size=CROP, scale=SCALE, ratio_range=RATIOS, scales=SCALES), 'give ratio_range'),
        (dict(crop_size=CROP, scales=[]), 'give ratio_range'),
        (dict(crop_size=CROP, scales=[64]), 'scales=64 is not a size'),
        (dict(crop_size=(0, 8), scales=SCALES), r'crop_size=\(0, 8\) is not a size'),
        (dict(crop_size=CROP, scale=SCALE, ratio_range=(2.0, 0.5)), 'the lower one first'),
        (dict(crop_size=CROP, scale=SCALE, ratio_range=(1.0,)), 'two factors'),
        (dict(crop_size=CROP, scales=SCALES, cat_max_ratio=75), 'cat_max_ratio=75 is not a share'),
        (dict(crop_size=CROP, scales=SCALES, flip_prob=-1), 'flip_prob=-1 is not a share'),
    ],
)
def test_impossible_settings_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        RandomScaledCrop(**settings)


def test_a_scale_that_leaves_nothing_is_refused():
    with pytest.raises(ConfigError, match=r'leaves nothing of 60x40 pixels'):
        RandomScaledCrop(scale=(1, 1), ratio_range=(0.2, 0.2), crop_size=CROP)(sample(0))


def test_the_class_rule_needs_a_label():
    with pytest.raises(DataError, match='needs a label'):
        RandomScaledCrop(**PAIRS['green'][0])(dict(img=np.zeros((8, 8, 3), np.uint8)))


@pytest.mark.parametrize('bands', [1, 2, 4, 5, 12])
def test_any_bands_are_cut_as_each_alone(bands):
    settings = dict(scale=(96, 64), ratio_range=RATIOS, crop_size=(24, 24), flip_prob=0.5, turns=True)
    image = np.random.default_rng(bands).integers(0, 256, (64, 96, bands), np.uint8)
    for seed in range(12):
        got = applied([RandomScaledCrop(**settings)], dict(img=image), seed=seed)
        assert got['img'].shape[:2] == got['img_shape'] == (24, 24)
        for band in range(bands):
            alone = np.ascontiguousarray(image[..., [band] * 3])
            want = applied([RandomScaledCrop(**settings)], dict(img=alone), seed=seed)['img'][..., 0]
            # Where a window is warped and where all is scaled differ by one of 255 levels.
            assert cv2.absdiff(got['img'].reshape(24, 24, bands)[..., band], want).max() <= 1
