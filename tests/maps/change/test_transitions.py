"""Areas of change against values counted by hand."""

import numpy as np
import pytest
from affine import Affine
from areas_support import LEFT, TOP, draw_classes, square, write_map, write_zones
from raster_support import METRE
from rasterio.transform import from_origin

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.maps import change_areas
from mmseg_aux_hrnet.maps.change import pairing
from mmseg_aux_hrnet.maps.change.transitions import EDGE, KEPT, SMALL


def toy():
    """Return two maps of 8 x 8: a gain of 2 x 3, a loss of 2 x 2, a strip of 1 x 4, a pixel without data in one."""
    old, new = np.zeros((2, 8, 8), np.uint8)
    old[0:2, 0:4] = new[0:2, 0:4] = 1
    new[4:6, 1:4] = 1
    old[0:2, 2:4], new[0:2, 2:4] = 1, 0
    new[7, 4:8] = 1
    old[3, 7], new[4, 7] = 255, 255
    return old, new


def write_matrix(path, counts):
    """Write an error matrix of points."""
    rows = [f'{name},{",".join(map(str, row))}' for name, row in zip(('other', 'green'), counts, strict=True)]
    path.write_text('\n'.join(['map,other,green', *rows]))
    return path


def write_pair(folder, old, new, **options):
    return write_map(folder / 'old.tif', old, **options), write_map(folder / 'new.tif', new, **options)


def test_toy_by_hand(tmp_path):
    found = change_areas(*write_pair(tmp_path, *toy()))
    # 64 pixels: 2 without data, 4 green in both, 6 gained, 4 lost, 4 in a strip of one pixel
    assert found.nodata.tolist() == [2]
    assert found.square_metres[0, KEPT].tolist() == [[64 - 2 - 4 - 6 - 4 - 4, 6], [4, 4]]
    assert found.square_metres[0, EDGE].tolist() == [[0, 4], [0, 0]]
    assert not found.square_metres[0, SMALL].any()
    assert found.old.tolist() == [[54, 8]] and found.new.tolist() == [[48, 14]]
    assert found.net.tolist() == [[-6, 6]]
    assert found.moved('gain', KEPT).tolist() == [[4, 6]] and found.moved('loss', KEPT).tolist() == [[6, 4]]
    assert found.compared.tolist() == [62]
    assert (found.ids, found.notes) == (['whole map'], ())


@pytest.mark.parametrize(
    ('options', 'kept', 'edge', 'small'),
    [
        ({'tolerance': 1}, [[44, 10], [4, 4]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]),
        ({'tolerance': 3}, [[44, 0], [0, 4]], [[0, 10], [4, 0]], [[0, 0], [0, 0]]),
        ({'min_area': 5}, [[44, 6], [0, 4]], [[0, 4], [0, 0]], [[0, 0], [4, 0]]),
        ({'min_area': 6}, [[44, 6], [0, 4]], [[0, 4], [0, 0]], [[0, 0], [4, 0]]),
        ({'min_area': 6.1}, [[44, 0], [0, 4]], [[0, 4], [0, 0]], [[0, 6], [4, 0]]),
        ({'min_area': 4.5, 'tolerance': 1}, [[44, 6], [0, 4]], [[0, 0], [0, 0]], [[0, 4], [4, 0]]),
    ],
)
def test_what_is_kept_apart(tmp_path, options, kept, edge, small):
    found = change_areas(*write_pair(tmp_path, *toy()), **options)
    assert found.square_metres[0].tolist() == [kept, edge, small]
    assert found.net.tolist() == [[-6, 6]]  # of the maps, whatever is kept apart


def test_half_a_pixel_off_is_edge_and_nothing_else(tmp_path):
    old = np.zeros((40, 40), np.uint8)
    old[8:30, 10:31] = 1
    # The same square half a pixel to the left and up, on a grid of half the pixels, of which the nearest are taken.
    fine = np.roll(np.kron(old, np.ones((2, 2))), (-1, -1), (0, 1))
    write_map(tmp_path / 'old.tif', old)
    write_map(tmp_path / 'new.tif', fine, transform=from_origin(LEFT, TOP, 0.5, 0.5))
    found = change_areas(tmp_path / 'old.tif', tmp_path / 'new.tif')
    assert found.apart(KEPT) == 0
    assert found.moved('gain', EDGE).tolist() == found.moved('loss', EDGE).tolist() == [[42, 42]]
    assert 'new.tif lies on another grid' in found.notes[0]


@pytest.mark.parametrize('strip', [1, 100, 10_000])
@pytest.mark.parametrize('transform', [METRE, from_origin(LEFT, TOP, 0.5, 2)])
def test_matrix_is_that_of_plain_numpy(tmp_path, monkeypatch, strip, transform):
    monkeypatch.setattr(pairing, 'STRIP', strip)
    old, new = draw_classes((30, 20), classes=3, nodata=0.1), draw_classes((30, 20), classes=3, seed=5, nodata=0.1)
    paths = write_pair(tmp_path, old, new, transform=transform, names=('a', 'b', 'c'))
    found = change_areas(*paths, min_area=2)
    both = (old != 255) & (new != 255)
    expected = [[(both & (old == a) & (new == b)).sum() for b in range(3)] for a in range(3)]
    assert found.whole.sum(axis=0).tolist() == expected
    assert found.nodata == (~both).sum()


def test_zones_add_up_and_count_borders_by_their_share(tmp_path):
    old, new = draw_classes((20, 20)), draw_classes((20, 20), seed=1)
    zones = write_zones(
        tmp_path / 'z.gpkg',
        [square(0, 0, 10), square(10, 0, 10), square(0, 10, 20), square(2.5, 0, 1)],
        name=list('abcd'),
    )
    found = change_areas(*write_pair(tmp_path, old, new), zones=zones, id_field='name')
    assert found.ids == list('abcd')
    part = found.square_metres[2].sum(axis=0)
    expected = [[((old == a) & (new == b))[10:].sum() for b in range(2)] for a in range(2)]
    np.testing.assert_allclose(part, expected, rtol=1e-9)
    assert any('1 of 4 zones lie partly outside' in note for note in found.notes)
    by_hand = np.zeros((2, 2))
    for column in (2, 3):
        by_hand[old[0, column], new[0, column]] += 0.5
    np.testing.assert_allclose(found.square_metres[3].sum(axis=0), by_hand, atol=1e-6)


def test_areas_are_those_on_the_ground(tmp_path):
    options = {'crs': 'EPSG:3857', 'transform': from_origin(1.5e6, 8.4e6, 10, 10)}  # about 60 degrees north
    found = change_areas(*write_pair(tmp_path, *toy(), **options))
    assert found.ground.method == 'geodesic'
    assert found.compared[0] / 6200 == pytest.approx(0.25, abs=0.02)


def test_classes_in_another_order_are_matched_by_name(tmp_path):
    old, new = toy()
    write_map(tmp_path / 'old.tif', old)
    turned = np.where(new == 255, 255, 1 - new.astype(int))
    write_map(tmp_path / 'new.tif', turned, names=('green', 'other'))
    found = change_areas(tmp_path / 'old.tif', tmp_path / 'new.tif')
    assert found.square_metres[0, KEPT].tolist() == [[44, 6], [4, 4]]
    assert 'classes in another order: they are matched by name' in found.notes[0]


def test_net_change_and_its_error_by_hand(tmp_path):
    paths = write_pair(tmp_path, *toy())
    tables = (
        write_matrix(tmp_path / 'o.csv', [[90, 10], [4, 36]]),
        write_matrix(tmp_path / 'n.csv', [[40, 10], [5, 45]]),
    )
    true_net, error = change_areas(*paths, accuracy=tables).true_net()
    # Mapped: other 54, green 8, then 48 and 14. Points: 90, 10 | 4, 36 and 40, 10 | 5, 45.
    more = (48 * 0.2 + 14 * 0.9) - (54 * 0.1 + 8 * 0.9)
    np.testing.assert_allclose(true_net[0], [-more, more], rtol=1e-12)
    variance = 54**2 * 0.1 * 0.9 / 99 + 8**2 * 0.1 * 0.9 / 39 + 48**2 * 0.2 * 0.8 / 49 + 14**2 * 0.1 * 0.9 / 49
    np.testing.assert_allclose(error[0], variance**0.5, rtol=1e-12)


def test_without_accuracy_the_error_is_not_known(tmp_path):
    assert np.isnan(change_areas(*write_pair(tmp_path, *toy())).true_net()).all()


@pytest.mark.parametrize('options', [{'tolerance': 0}, {'min_area': 0}, {'min_area': float('nan')}])
def test_limits_are_checked(tmp_path, options):
    with pytest.raises(ConfigError, match='give'):
        change_areas(*write_pair(tmp_path, *toy()), **options)


def test_maps_that_only_touch_where_one_has_no_data_are_refused(tmp_path):
    old, new = np.full((2, 8, 8), 255, np.uint8)
    old[:4], new[4:] = 1, 1
    with pytest.raises(DataError, match='have no pixel with data in both'):
        change_areas(*write_pair(tmp_path, old, new))


def test_disjoint_maps_are_refused(tmp_path):
    old, new = toy()
    write_map(tmp_path / 'old.tif', old)
    write_map(tmp_path / 'new.tif', new, transform=METRE @ Affine.translation(100, 0))
    with pytest.raises(DataError, match='does not overlap'):
        change_areas(tmp_path / 'old.tif', tmp_path / 'new.tif')
