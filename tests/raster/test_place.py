"""Where rasters lie: pairs on one grid, turned, and apart; corners in metres."""

import itertools

import numpy as np
import pytest
from affine import Affine
from raster_support import METRE, write_raster
from rasterio.crs import CRS

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.raster.place import Place, Turn, metric_corners, read_place, turn_onto


def wkt(code):
    return CRS.from_user_input(code).to_wkt()


UTM = wkt('EPSG:25832')
HERE = Place(Affine(0.6, 0, 500_000, 0, -0.6, 5_800_000), UTM, 20, 30)


def test_a_place_is_read_from_the_header(tmp_path):
    values = np.zeros((20, 30), np.uint8)
    place = read_place(write_raster(tmp_path / 'a.tif', values))
    assert place == Place(METRE, wkt('EPSG:32633'), 20, 30)
    assert place.corners.tolist() == [[5e5, 58e5], [500_030, 58e5], [500_030, 5_799_980], [5e5, 5_799_980]]
    assert str(place) == '500000, 5800000 (EPSG:32633)'
    assert read_place(write_raster(tmp_path / 'b.tif', values, transform=None)) is None
    assert str(read_place(write_raster(tmp_path / 'c.tif', values, crs=None))) == (
        '500000, 5800000 (without reference system)'
    )


@pytest.mark.parametrize(
    ('other', 'same'),
    [
        (HERE, True),
        (HERE._replace(crs=''), True),  # as far as is known
        (HERE._replace(crs=wkt('EPSG:32632')), True),  # the same coordinates on another datum
        (HERE._replace(crs=wkt('EPSG:32633')), False),  # a zone further
        (HERE._replace(crs=wkt('LOCAL_CS["office",UNIT["metre",1]]')), False),
        (HERE._replace(transform=HERE.transform @ Affine.translation(0.4, -0.4)), True),
        (HERE._replace(transform=HERE.transform @ Affine.translation(0.6, 0)), False),
        (HERE._replace(transform=HERE.transform @ Affine.translation(10, 0)), False),
        (HERE._replace(transform=HERE.transform @ Affine.rotation(3)), False),
        (HERE._replace(transform=Affine(0, 0, 5e5, 0, 0, 58e5)), False),
        (Place(HERE.transform @ Affine.scale(2), UTM, 10, 15), True),  # of another size: whoever reads it sees that
    ],
)
def test_only_what_lies_at_one_place_is_one(other, same):
    assert turn_onto(HERE, other) == (Turn() if same else None)


def test_another_projection_of_the_same_grid_is_one_place():
    # A grid of 3 x 3 m is a parallelogram in any other projection; as small as this, within half a pixel of a square.
    small = Place(Affine(3, 0, 500_000, 0, -3, 5_800_000), UTM, 2, 2)
    x, y = 9.0, 52.351
    shifted = Place(Affine(4.4e-5, 0, x, 0, -2.7e-5, y), wkt('EPSG:4326'), 2, 2)
    assert turn_onto(small, shifted) is None
    corner = metric_corners([small, shifted])[0]
    moved = x - (corner[1, 0, 0] - corner[0, 0, 0]) / 1.113e5 / np.cos(np.radians(y))
    moved_y = y - (corner[1, 0, 1] - corner[0, 0, 1]) / 1.112e5
    assert turn_onto(small, shifted._replace(transform=Affine(4.4e-5, 0, moved, 0, -2.7e-5, moved_y))) == Turn()


@pytest.mark.parametrize('turn', [Turn(*flags) for flags in itertools.product([False, True], repeat=3)], ids=str)
def test_a_label_that_is_stored_another_way_up_is_turned_onto_its_image(turn):
    wanted = np.arange(20 * 30).reshape(20, 30)
    # The inverse by hand: what is read comes out as wanted.
    stored = wanted.T if turn.transpose else wanted
    stored = stored[:: -1 if turn.flip_rows else 1, :: -1 if turn.flip_columns else 1]
    height, width = stored.shape
    # From (column, row) of what is stored to (column, row) of what is wanted, and on to coordinates.
    flip = Affine(
        -1 if turn.flip_columns else 1,
        0,
        width if turn.flip_columns else 0,
        0,
        -1 if turn.flip_rows else 1,
        height if turn.flip_rows else 0,
    )
    swap = Affine(0, 1, 0, 1, 0, 0) if turn.transpose else Affine.identity()
    found = turn_onto(HERE, Place(HERE.transform @ swap @ flip, UTM, height, width))
    assert found == turn
    assert np.array_equal(found(stored), wanted)


def test_corners_stay_where_their_metres_are_true():
    corners, seam = metric_corners([HERE, HERE._replace(transform=HERE.transform @ Affine.translation(30, 0))])
    assert np.array_equal(corners[0], HERE.corners)
    assert (corners.shape, seam) == ((2, 4, 2), 1e-3)


@pytest.mark.parametrize('crs', ['EPSG:3857', 'EPSG:4326', 'EPSG:2225'])  # Web Mercator, degrees, feet
def test_corners_are_put_in_metres_where_theirs_are_none(crs):
    x, y, step = {'EPSG:3857': (1e6, 6.8e6, 1), 'EPSG:4326': (9, 52, 1e-5), 'EPSG:2225': (6e6, 2e6, 2)}[crs]
    place = Place(Affine(step, 0, x, 0, -step, y), wkt(crs), 1000, 1000)
    (corners,), seam = metric_corners([place])
    (upper, right) = np.hypot(*(corners[1:3] - corners[0:2]).T)
    # The length of a degree at 52 N, a foot, and the scale of Web Mercator at 52.0 N.
    wanted = {'EPSG:3857': (618, 618), 'EPSG:4326': (687, 1113), 'EPSG:2225': (609.6, 609.6)}[crs]
    assert (upper, right) == pytest.approx(wanted, rel=0.01)
    assert seam == pytest.approx(min(wanted) / 2000, rel=0.01)


def test_two_zones_are_put_on_one_ground():
    # The meridian of 12 E is the border of both zones: its point lies as far east of one as west of the other.
    east, west = (Place(Affine(1, 0, x, 0, -1, 5_800_000), wkt(crs), 9, 9) for x, crs in zip(
        (704_500.0, 295_500.0), ('EPSG:25832', 'EPSG:25833'), strict=True
    ))  # fmt: skip
    corners, _ = metric_corners([east, west])
    assert np.abs(corners[0, 0] - corners[1, 0]).max() < 1500
    assert np.hypot(*(corners[0, 1] - corners[0, 0])) == pytest.approx(9, rel=0.001)


def test_what_has_no_reference_system_stays_or_is_refused():
    bare = HERE._replace(crs='')
    corners, seam = metric_corners([bare, bare])
    assert np.array_equal(corners[1], HERE.corners)
    assert seam == pytest.approx(0.3)
    with pytest.raises(DataError, match='some files do not name a reference system'):
        metric_corners([bare, HERE])
    with pytest.raises(DataError, match='has no place'):
        metric_corners([HERE._replace(transform=Affine(1, 0, 1e12, 0, -1, 1e12))])
