"""Samples of small class maps: sizes by hand, places that hold their class, chances that are equal."""

import importlib.util
import sys

import numpy as np
import pytest
from PIL import Image
from raster_support import write_raster

from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError, StackError
from mmseg_aux_hrnet.files.label_png import write_label_png
from mmseg_aux_hrnet.sampling import class_maps
from mmseg_aux_hrnet.sampling.class_maps import class_rows, count_pixels, find_maps, parse_classes
from mmseg_aux_hrnet.sampling.drawing import allocate, draw_points

CLASSES = ('background', 'green')
PALETTE = [[0, 0, 0], [128, 0, 0]]


def write_maps(folder, *, number=3, size=(20, 30)):
    rng = np.random.default_rng(0)
    (folder / 'sub').mkdir(parents=True)
    for index in range(number):
        values = (rng.random(size) < 0.3).astype(np.uint8)
        values[0, :5] = 255
        write_label_png(folder / ('sub' if index else '') / f'map_{index}.png', values, PALETTE)
    return folder


def read_map(path):
    return np.concatenate([rows for _, rows in class_rows(path, classes=CLASSES)])


def counted(folder):
    maps = find_maps(folder)
    return maps, count_pixels(maps, classes=CLASSES, on_map=lambda done: None)


@pytest.mark.parametrize(
    ('pixels', 'points', 'sizes'),
    [
        ((9000, 1000), 200, [140, 60]),  # 50 each, and of the other 100 nine tenths and one tenth
        ((900, 55), 200, [145, 55]),  # the second class is used up
        ((9000, 1000), 60, [30, 30]),  # too few for 50 in each
        ((9000, 20), 100, [80, 20]),  # a class of 20 pixels
        ((9000, 0, 1000), 100, [50, 0, 50]),
        ((10, 10), 20, [10, 10]),
        ((700, 200, 100), 153, [52, 51, 50]),  # three more: 2.1, 0.6 and 0.3
    ],
)
def test_sizes_by_hand(pixels, points, sizes):
    found = allocate(pixels, points=points)
    assert sum(found) == points
    assert found == sizes


@pytest.mark.parametrize('points', [3, 21])
def test_sizes_that_cannot_be(points):
    with pytest.raises(ConfigError, match=f'a sample of {points} points of 2 classes on 20 pixels'):
        allocate((10, 10), points=points)


def test_class_of_one_pixel_is_refused():
    with pytest.raises(DataError, match='single pixel'):
        allocate((99, 1), points=20)


def test_counts_equal_the_pixels_and_leave_out_the_ignored(tmp_path):
    maps, counts = counted(write_maps(tmp_path / 'maps'))
    assert [path.name for path in maps] == ['map_0.png', 'map_1.png', 'map_2.png']
    for path, row in zip(maps, counts, strict=True):
        values = read_map(path)
        assert row.tolist() == [int((values == 0).sum()), int((values == 1).sum())]
        assert row.sum() == 20 * 30 - 5


def test_points_lie_on_their_class_and_no_pixel_twice(tmp_path):
    maps, counts = counted(write_maps(tmp_path / 'maps'))
    points = draw_points(maps, counts, classes=CLASSES, points=400, seed=1)
    assert len({point[:3] for point in points}) == 400
    assert sum(point.map_class == 'green' for point in points) == allocate(counts.sum(axis=0).tolist(), points=400)[1]
    values = {path: read_map(path) for path in maps}
    assert all(CLASSES[values[p.map_file][p.row, p.column]] == p.map_class for p in points)


def test_all_pixels_can_be_drawn(tmp_path):
    maps, counts = counted(write_maps(tmp_path / 'maps'))
    assert len(set(draw_points(maps, counts, classes=CLASSES, points=int(counts.sum()), seed=1))) == counts.sum()


def test_seed_decides_the_points(tmp_path):
    maps, counts = counted(write_maps(tmp_path / 'maps'))
    once, again, other = (draw_points(maps, counts, classes=CLASSES, points=40, seed=seed) for seed in (4, 4, 5))
    assert once == again != other


def test_negative_seed_is_refused(tmp_path):
    maps, counts = counted(write_maps(tmp_path / 'maps'))
    with pytest.raises(ConfigError, match='--seed -1'):
        draw_points(maps, counts, classes=CLASSES, points=40, seed=-1)


def test_pixels_of_a_class_have_the_same_chance(tmp_path):
    """In 600 samples of 60 of 100 background pixels each is drawn about 360 times; the deviation is 12."""
    write_label_png(tmp_path / 'a.png', np.zeros((4, 10), np.uint8), PALETTE)
    write_label_png(tmp_path / 'b.png', np.zeros((6, 10), np.uint8), PALETTE)
    maps, counts = counted(tmp_path)
    times = {}
    for seed in range(600):
        for point in draw_points(maps, counts, classes=CLASSES, points=60, seed=seed):
            times[point[:3]] = times.get(point[:3], 0) + 1
    assert len(times) == 100
    assert all(abs(count - 360) < 5 * 12 for count in times.values())


def test_map_that_changes_meanwhile_is_refused(tmp_path):
    maps, counts = counted(write_maps(tmp_path / 'maps'))
    write_label_png(maps[1], np.zeros((20, 30), np.uint8), PALETTE)
    with pytest.raises(DataError, match=r'map_1.png has changed'):
        draw_points(maps, counts, classes=CLASSES, points=400, seed=1)


def test_masks_of_0_and_255_are_refused(tmp_path):
    write_label_png(tmp_path / 'mask.png', np.array([[0, 255], [0, 255]], np.uint8), PALETTE)
    with pytest.raises(LabelError, match='mask.png .* only 0 and 255'):
        counted(tmp_path)


def test_map_with_another_class_is_refused(tmp_path):
    write_label_png(tmp_path / 'm.png', np.array([[0, 1], [2, 1]], np.uint8), PALETTE)
    with pytest.raises(LabelError, match=r'm.png: value 2 at \(row, column\) \(1, 0\).*maps must hold class indices'):
        counted(tmp_path)


def test_folder_without_maps_is_refused(tmp_path):
    with pytest.raises(DataError, match='holds no class map'):
        find_maps(tmp_path)
    with pytest.raises(DataError, match='gone does not exist'):
        find_maps(tmp_path / 'gone')


@pytest.mark.parametrize('text', ['green', '', 'a,,b', 'a,a', ','.join(map(str, range(256)))])
def test_class_lists_that_are_refused(text):
    with pytest.raises(ConfigError, match='name each class'):
        parse_classes(text)


def write_geotiff(path, *, nodata=255, mask=None, **options):
    """Write a map of 40 x 30 pixels, green on the right, class 255 in the first row; return its values."""
    values = np.zeros((40, 30), np.uint8)
    values[:, 20:] = 1
    values[0] = 255
    write_raster(path, values, nodata=nodata, mask=mask, **options)
    return values


@pytest.mark.parametrize('nodata', [255, None])
def test_holes_of_georeferenced_maps_are_not_counted_and_points_have_places(tmp_path, nodata, monkeypatch):
    monkeypatch.setattr(class_maps, 'STRIP', 30 * 16)  # several strips
    mask = np.ones((40, 30), bool)
    mask[:, 25:] = False
    values = write_geotiff(
        tmp_path / 'a_classes.tif', nodata=nodata, mask=mask, tiled=True, blockxsize=16, blockysize=16
    )
    (tmp_path / 'a_prob.tif').write_bytes(b'beside it')
    maps, counts = counted(tmp_path)
    assert ([path.name for path in maps], counts.tolist()) == (['a_classes.tif'], [[39 * 20, 39 * 5]])
    points = draw_points(maps, counts, classes=CLASSES, points=39 * 25, seed=1)
    assert {(p.row, p.column) for p in points} == {(row, column) for row in range(1, 40) for column in range(25)}
    assert all(CLASSES[values[p.row, p.column]] == p.map_class for p in points)
    assert all(p.place == (500_000.5 + p.column, 5_799_999.5 - p.row, 'EPSG:32633') for p in points)


def test_a_map_of_more_pixels_than_pillow_opens_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    write_geotiff(tmp_path / 'a.tif')
    assert counted(tmp_path)[1].tolist() == [[39 * 20, 39 * 10]]


def test_nodata_that_is_a_class_is_refused(tmp_path):
    write_geotiff(tmp_path / 'a.tif', nodata=0)
    with pytest.raises(DataError, match=r'a.tif says that value 0 is no data, and it is a class too.*-unsetnodata'):
        counted(tmp_path)


def test_georeferenced_maps_that_are_not_of_classes_are_refused(tmp_path):
    write_raster(tmp_path / 'a.tif', np.zeros((3, 4), np.uint16))
    with pytest.raises(LabelError, match=r'a.tif is not a class map: it has 1 band of uint16'):
        counted(tmp_path)
    write_raster(tmp_path / 'a.tif', np.full((3, 4), 7, np.uint8))
    with pytest.raises(LabelError, match=r'a.tif, from row 0 on: value 7 at'):
        counted(tmp_path)
    write_raster(tmp_path / 'a.tif', np.eye(4, dtype=np.uint8) * 255)
    with pytest.raises(LabelError, match=r'only 0 and 255'):
        counted(tmp_path)


@pytest.mark.parametrize('compress', ['lerc', 'zstd'])
def test_maps_of_compressions_that_pillow_does_not_know_are_counted(tmp_path, compress):
    write_geotiff(tmp_path / 'a.tif', compress=compress)
    assert counted(tmp_path)[1].tolist() == [[39 * 20, 39 * 10]]


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    write_geotiff(tmp_path / 'a.tif')
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    for name in [name for name in sys.modules if name.startswith('mmseg_aux_hrnet.raster')]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(StackError, match=r'pip install "mmseg-aux-hrnet\[geo\]"'):
        counted(tmp_path)
