"""Demo scenes: the same for a seed, sensible in their share of green, and no prey for a colour threshold."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from mmseg_aux_hrnet.demo.canvas import ASPHALT, LAWN, SCALE, Canvas, Rect, noise_field
from mmseg_aux_hrnet.demo.scenes import cast_shadows, draw_scene, facing, halve, smooth

SEEDS = range(8)


@pytest.fixture(scope='module')
def scenes():
    return [draw_scene(seed) for seed in SEEDS]


@pytest.fixture
def canvas():
    return Canvas.empty((12, 16), np.random.default_rng(0))


def excess_green(image):
    red, green, blue = np.moveaxis(image.astype(int), -1, 0)
    return 2 * green - red - blue


def best_threshold_iou(index, green):
    return max(
        np.count_nonzero((index > level) & green) / np.count_nonzero((index > level) | green)
        for level in range(index.min(), index.max())
    )


def test_a_scene_is_rgb_with_a_label_of_the_same_size():
    scene = draw_scene(3, height_width=(40, 64))
    assert scene.image.shape == (40, 64, 3)
    assert scene.label.shape == (40, 64)
    assert scene.image.dtype == scene.label.dtype == np.uint8


def test_the_label_holds_background_and_green_only(scenes):
    assert all(np.unique(scene.label).tolist() == [0, 1] for scene in scenes)


def test_a_seed_gives_one_scene_and_another_seed_another():
    first, again, other = (draw_scene(seed, height_width=(48, 48)) for seed in (5, 5, 6))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.label, again.label)
    assert not np.array_equal(first.image, other.image)
    assert not np.array_equal(first.label, other.label)


@pytest.mark.parametrize(
    ('seed', 'colour', 'green', 'pixel'),
    [
        (0, [121.21, 112.593, 96.755], 0.21826, [103, 92, 91]),
        (1, [127.385, 134.61, 104.941], 0.37134, [126, 155, 95]),
        (2, [110.214, 116.169, 108.528], 0.22451, [146, 150, 113]),
    ],
)
def test_a_seed_draws_the_scene_of_this_generator_version(scenes, seed, colour, green, pixel):
    """Where it fails, a seed draws another scene than before: raise GENERATOR_VERSION in demo/dataset.py."""
    scene = scenes[seed]
    # Not a digest: numpy and Pillow may round differently in another version.
    assert scene.image.mean(axis=(0, 1)) == pytest.approx(colour, abs=0.02)
    assert scene.label.mean() == pytest.approx(green, abs=1e-4)
    assert scene.image[100, 50] == pytest.approx(pixel, abs=1)


def test_the_share_of_green_is_that_of_a_town(scenes):
    shares = [scene.label.mean() for scene in scenes]
    assert 0.15 < np.mean(shares) < 0.5
    assert min(shares) > 0.03
    assert max(shares) < 0.7


def test_no_threshold_on_excess_green_solves_the_task(scenes):
    index = np.stack([excess_green(scene.image) for scene in scenes])
    green = np.stack([scene.label for scene in scenes]) == 1
    # Below: colour says much, so there is something to learn; above: a rule would do.
    assert 0.55 < best_threshold_iou(index, green) < 0.76


def test_some_background_is_greener_than_most_vegetation(scenes):
    greener = [
        np.mean(index[label == 0] > np.quantile(index[label == 1], 0.75))
        for index, label in ((excess_green(scene.image), scene.label) for scene in scenes)
    ]
    assert max(greener) > 0.02


def test_some_vegetation_is_in_shadow(scenes):
    dark = [
        np.mean(grey[label == 1] < 0.6 * np.median(grey[label == 1]))
        for grey, label in ((scene.image.mean(axis=-1), scene.label) for scene in scenes)
    ]
    assert np.mean(dark) > 0.05


def test_labels_have_little_detail_below_three_pixels(scenes):
    lost = 0.0
    for scene in scenes:
        for part in (scene.label, 1 - scene.label):
            kept = Image.fromarray(part).filter(ImageFilter.MinFilter(3)).filter(ImageFilter.MaxFilter(3))
            lost += np.mean(part != np.asarray(kept))
    assert lost / len(scenes) < 0.02


def test_a_shadow_is_as_long_as_height_over_slope():
    height = np.zeros((3, 9), dtype=np.float32)
    height[1, 2] = 4
    assert np.flatnonzero(cast_shadows(height, azimuth=0, slope=1)[1]).tolist() == [3, 4, 5]
    assert np.flatnonzero(cast_shadows(height, azimuth=np.pi, slope=1)[1]).tolist() == [0, 1]
    assert cast_shadows(height, azimuth=np.pi / 2, slope=2)[:, 2].tolist() == [0, 0, 1]


def test_what_is_higher_than_the_shadow_stays_lit():
    height = np.array([[5, 0, 0, 4, 0]], dtype=np.float32)
    assert cast_shadows(height, azimuth=0, slope=1).tolist() == [[0, 1, 1, 0, 1]]


def test_a_slope_towards_the_sun_is_brighter():
    rise = np.tile(np.arange(20, dtype=np.float32) / 2, (20, 1))
    assert facing(rise, azimuth=0, slope=1.0)[10, 10] == pytest.approx(1 + 0.42 * 0.5)
    assert facing(rise, azimuth=np.pi, slope=1.0)[10, 10] == pytest.approx(1 - 0.42 * 0.5)
    assert facing(np.zeros((5, 5), dtype=np.float32), azimuth=1.0, slope=1.0) == pytest.approx(1)


def test_a_blur_keeps_the_sum_and_spreads_by_sigma():
    point = np.zeros((21, 21), dtype=np.float32)
    point[10, 10] = 1
    blurred = smooth(point, sigma=1.5)
    assert blurred.sum() == pytest.approx(1, abs=1e-5)
    assert blurred[10, 11] / blurred[10, 10] == pytest.approx(np.exp(-0.5 / 1.5**2), rel=1e-4)


def test_halving_averages_squares():
    values = np.array([[0, 2, 1, 1], [4, 6, 1, 1]], dtype=np.float32)
    assert halve(values).tolist() == [[3, 1]]


def test_noise_is_standard_and_smooth_below_its_cell():
    field = noise_field(np.random.default_rng(1), height_width=(64, 48), cell=8)
    assert field.shape == (64, 48)
    assert field.mean() == pytest.approx(0, abs=0.05)
    assert field.std() == pytest.approx(1, abs=0.05)
    assert np.abs(np.diff(field, axis=0)).mean() < 0.3


def test_parts_of_a_rectangle_turn_with_it():
    part = Rect(10, 20, 8, 4, np.pi / 2).part(3, 1, length=2, width=1, turn=0.5)
    assert part == pytest.approx((9, 23, 2, 1, np.pi / 2 + 0.5))


@pytest.mark.parametrize('angle', [0, np.pi / 2])
def test_a_rectangle_covers_its_area(canvas, angle):
    shape = canvas.rectangle(Rect(8, 6, 6, 4, angle))
    assert shape.mask.sum() == 6 * 4 * SCALE**2


def test_a_blob_without_lobes_is_a_disc(canvas):
    shape = canvas.blob(Rect(8, 6, 10, 10, 0.3), lobes=np.zeros((1, 2), dtype=np.float32))
    assert shape.mask.sum() / SCALE**2 == pytest.approx(np.pi * 25, rel=0.03)


def test_what_is_lower_does_not_cover_what_is_higher(canvas):
    canvas.put(canvas.rectangle(Rect(8, 6, 16, 12, 0)), LAWN)
    canvas.put(canvas.rectangle(Rect(4, 6, 8, 12, 0)), ASPHALT, height=5)
    canvas.put(canvas.rectangle(Rect(8, 6, 16, 12, 0)), LAWN, height=3)
    assert canvas.height[0].tolist() == [5] * 16 + [3] * 16
    assert canvas.green[0].tolist() == [False] * 16 + [True] * 16


def test_what_is_outside_the_canvas_is_cut(canvas):
    canvas.put(canvas.rectangle(Rect(16, 12, 4, 4, 0)), LAWN)
    canvas.put(canvas.rectangle(Rect(100, -50, 4, 4, 1)), LAWN)
    assert canvas.green.sum() == (2 * SCALE) ** 2
