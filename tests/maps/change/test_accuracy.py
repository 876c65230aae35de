import json
import math

import numpy as np
import pytest

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.change.accuracy import Accuracy
from mmseg_aux_hrnet.report.metrics_file import FORMAT
from mmseg_aux_hrnet.sampling.area_estimate import estimate_areas

NAMES = ('other', 'green')
COUNTS = np.array([[90, 10], [5, 45]])


def write_points(path, counts=COUNTS):
    rows = [f'{NAMES[i]},{NAMES[j]}' for i in range(2) for j in range(2) for _ in range(counts[i][j])]
    path.write_text('\n'.join(['map,reference', *rows]))
    return path


def write_report(folder, tiles, names=NAMES):
    """Write what is read of a report: rows of its counts are the reference."""
    folder.mkdir()
    row = dict.fromkeys(('precision', 'recall', 'iou', 'f1', 'boundary_f1', 'boundary_iou'))
    classes = [{'name': name, 'color': None, 'support': 0, 'predicted': 0, **row} for name in names]
    image = {'label': None, 'oa': None, 'miou': None, 'iou': {}, 'f1': {}, 'precision': {}, 'recall': {}, 'pixels': 0}
    images = [{'name': str(i), 'image': 'a', 'counts': counts, **image} for i, counts in enumerate(tiles)]
    (folder / 'metrics.json').write_text(json.dumps({'format': FORMAT, 'classes': classes, 'images': images}))
    return folder


def test_a_sample_of_points_by_hand(tmp_path):
    known = Accuracy.read(write_points(tmp_path / 'a.csv'), NAMES)
    (areas,), (errors,) = known.estimate(np.array([[800.0, 200.0]]))
    # 800 * 90 / 100 + 200 * 5 / 50, and what is left of 1000
    np.testing.assert_allclose(areas, [740, 260], rtol=1e-12)
    by_hand = math.sqrt(800**2 * 0.9 * 0.1 / 99 + 200**2 * 0.1 * 0.9 / 49)
    np.testing.assert_allclose(errors, [by_hand, by_hand], rtol=1e-12)


def test_a_sample_gives_what_estimate_area_gives(tmp_path):
    known = Accuracy.read(write_points(tmp_path / 'a.csv'), NAMES)
    mapped = np.array([[123.0, 45.0], [3.0, 0.0]])
    areas, errors = known.estimate(mapped)
    classes, _ = estimate_areas(COUNTS, mapped=mapped[0], names=NAMES)
    np.testing.assert_allclose(areas[0], [row.area.value for row in classes], rtol=1e-12)
    np.testing.assert_allclose(errors[0], [row.area.standard_error for row in classes], rtol=1e-12)


def test_an_error_matrix_is_the_same_as_its_points(tmp_path):
    (tmp_path / 'm.csv').write_text('map;green;other\ngreen;45;5\nother;10;90\n')
    one = Accuracy.read(tmp_path / 'm.csv', NAMES)
    other = Accuracy.read(write_points(tmp_path / 'a.csv'), NAMES)
    np.testing.assert_array_equal(one.shares, other.shares)
    np.testing.assert_array_equal(one.spread, other.spread)


def test_a_report_counts_tiles_not_pixels(tmp_path):
    tiles = np.array([[[80, 4], [6, 30]], [[60, 2], [20, 38]], [[90, 10], [4, 16]]])
    known = Accuracy.read(write_report(tmp_path / 'r', tiles.tolist()), NAMES)
    counts = tiles.sum(axis=0).T  # rows are the map
    shares = counts / counts.sum(axis=1, keepdims=True)
    mapped = np.array([[700.0, 300.0]])
    (areas,), (errors,) = known.estimate(mapped)
    np.testing.assert_allclose(areas, mapped[0] @ shares, rtol=1e-12)
    off = []  # by hand: what each tile adds to the estimate of green, less its part
    for tile in tiles.transpose(0, 2, 1):
        parts = (tile[:, 1] - shares[:, 1] * tile.sum(axis=1)) / counts.sum(axis=1)
        off.append(mapped[0] @ parts)
    assert errors[1] == pytest.approx(math.sqrt(3 / 2 * sum(part**2 for part in off)), rel=1e-12)
    assert errors[0] == pytest.approx(errors[1], rel=1e-9)  # what one class gains the other loses


def test_tiles_that_are_alike_have_no_error_and_order_of_classes_does_not_count(tmp_path):
    tile = [[80, 4], [6, 30]]
    known = Accuracy.read(write_report(tmp_path / 'r', [tile, tile]), NAMES)
    _, errors = known.estimate(np.array([[7.0, 3.0]]))
    np.testing.assert_allclose(errors, 0, atol=1e-12)
    turned = [[30, 6], [4, 80]]
    other = Accuracy.read(write_report(tmp_path / 's', [turned, turned], names=NAMES[::-1]), NAMES)
    np.testing.assert_array_equal(known.shares, other.shares)


def test_error_of_tiles_is_that_of_drawing_them_again():
    rng = np.random.default_rng(0)
    share = rng.uniform(0.7, 1.0, 40)  # right of each tile
    tiles = np.array([[[round(60 * s), 60 - round(60 * s)], [40 - round(40 * s), round(40 * s)]] for s in share])
    mapped = np.array([[60.0, 40.0]])
    _, errors = Accuracy.of_tiles('', NAMES, tiles).estimate(mapped)
    drawn = [
        Accuracy.of_tiles('', NAMES, tiles[rng.integers(0, 40, 40)]).estimate(mapped)[0][0, 1] for _ in range(2000)
    ]
    assert errors[0, 1] == pytest.approx(np.std(drawn), rel=0.08)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('map,other\nother,3\ngreen,4\n', 'it needs map and other and green once each'),
        ('map,other,green\nother,3,4\n', 'has rows of other: one for each class'),
        ('map,other,green\nother,3,x\ngreen,3,4\n', "line 2 has 'x' points of green"),
        ('map,reference\nother,tree\n', "the reference class 'tree'"),
    ],
)
def test_tables_of_another_form_are_refused(tmp_path, text, words):
    (tmp_path / 'a.csv').write_text(text)
    with pytest.raises(DataError, match=words):
        Accuracy.read(tmp_path / 'a.csv', NAMES)


def test_too_little_is_refused(tmp_path):
    few = Accuracy.read(write_points(tmp_path / 'a.csv', [[5, 1], [1, 0]]), NAMES)
    with pytest.raises(DataError, match='has 1 points of the map class green'):
        few.estimate(np.array([[1.0, 1.0]]))
    with pytest.raises(DataError, match='has 1 image'):
        Accuracy.read(write_report(tmp_path / 'r', [[[1, 2], [3, 4]]]), NAMES)
    with pytest.raises(DataError, match='is of the classes a, b, and the maps have other, green'):
        Accuracy.read(write_report(tmp_path / 's', [[[1, 2], [3, 4]]] * 2, names=('a', 'b')), NAMES)
