"""Which pixels an annotation covers, and which of several counts."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.labelling.annotated_image import (
    AnnotatedImage,
    Annotation,
    Patch,
    polygon_annotation,
    runs_to_mask,
    settle_kinds,
)
from mmseg_aux_hrnet.labelling.image_tiles import paint

NAMES = ('background', 'green', 'roof')
INDICES = {'background': 0, 'green': 1, 'roof': 2, 'unclear': 255}
SQUARE = [(1, 1), (5, 1), (5, 5), (1, 5)]


def image(*shapes, **said):
    return AnnotatedImage('a.png', Path('notes.json'), shapes, **said)


def painted(*shapes, shape=(8, 10), uncovered=0, order=(), **said):
    return paint(image(*shapes, **said), shape=shape, indices=INDICES, uncovered=uncovered, order=order)


def ring(rng, size):
    """A polygon round a centre, with corners at any distance from it; it may reach over the edge."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    radii = rng.uniform(2, size / 2, 9)
    return rng.uniform(0, size, 2) + np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])


@pytest.mark.parametrize('seed', range(8))
def test_a_pixel_belongs_to_the_last_shape_that_has_its_centre_inside(seed):
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((40, 50)) + 0.5
    shapes, expected = [], np.zeros((40, 50), np.uint8)
    for value in rng.integers(1, 3, 6):
        shapes.append(polygon_annotation(NAMES[value], [ring(rng, 45)]))
        expected[shapely.contains_xy(shapes[-1].outline, columns, rows)] = value
    assert np.array_equal(painted(*shapes, shape=(40, 50)), expected)


def test_whole_numbers_are_corners_of_pixels():
    expected = np.zeros((8, 10), np.uint8)
    expected[1:5, 1:5] = 1
    assert np.array_equal(painted(polygon_annotation('green', [SQUARE])), expected)
    relative = (np.array(SQUARE) / (10, 8)).tolist()
    assert np.array_equal(painted(polygon_annotation('green', [relative]), relative=True), expected)


def test_rings_of_one_shape_are_one_area_where_they_overlap():
    moved = [(x + 2, y + 2) for x, y in SQUARE]
    label = painted(polygon_annotation('green', [SQUARE, moved]))
    assert label.sum() == 16 + 16 - 4
    assert label[3, 3] == 1


def test_a_hole_shows_what_is_below():
    outline = shapely.MultiPolygon([shapely.Polygon(SQUARE, [[(2, 2), (2, 4), (4, 4), (4, 2)]])])
    label = painted(
        polygon_annotation('roof', [[(0, 0), (10, 0), (10, 8), (0, 8)]]), Annotation('green', outline=outline)
    )
    assert (label == 1).sum() == 16 - 4
    assert label[3, 3] == 2


def test_masks_and_outlines_are_painted_by_turns():
    mask = np.zeros((3, 4), bool)
    mask[1] = True
    patch = Annotation('roof', patch=lambda: Patch(2, 3, mask))
    first, last = polygon_annotation('green', [SQUARE]), polygon_annotation('green', [[(6, 3), (7, 3), (7, 4), (6, 4)]])
    assert painted(first, patch, last)[3].tolist() == [0, 1, 1, 2, 2, 2, 1, 0, 0, 0]
    assert painted(patch, first)[3].tolist() == [0, 1, 1, 1, 1, 2, 2, 0, 0, 0]


def test_an_order_of_classes_counts_before_that_of_the_file():
    shapes = polygon_annotation('roof', [SQUARE]), polygon_annotation('green', [SQUARE])
    assert painted(*shapes)[2, 2] == 1
    assert painted(*shapes, order=(0, 1, 2, 255))[2, 2] == 2


def test_unlabelled_pixels_and_a_name_may_be_ignored():
    label = painted(
        polygon_annotation('unclear', [SQUARE]), polygon_annotation('green', [[(0, 0), (1, 0), (1, 1), (0, 1)]])
    )
    assert [(label == value).sum() for value in (0, 1, 255)] == [80 - 17, 1, 16]
    assert (painted(uncovered=255) == 255).all()


def test_an_outline_that_crosses_itself_is_mended():
    bow = polygon_annotation('green', [[(0, 0), (5, 4), (5, 0), (0, 4)]])
    assert bow.mended
    assert painted(bow)[:4, :5].tolist() == [[1, 0, 0, 0, 1], [1, 1, 0, 1, 1], [1, 1, 0, 1, 1], [1, 0, 0, 0, 1]]
    assert not polygon_annotation('green', [SQUARE, SQUARE]).mended


@pytest.mark.parametrize('points', [[], [(1, 1)], [(1, 1), (5, 5)], [(1, 1), (5, 5), (1, 1)], [(1, 1), (2, 2), (3, 3)]])
def test_what_encloses_nothing_is_empty(points):
    assert polygon_annotation('green', [points]) == Annotation('green', kind='empty')
    assert polygon_annotation('green', [points, SQUARE]).outline.area == 16


@pytest.mark.parametrize('points', [[(1, 1), (2, float('nan')), (3, 1)], [(1, 2, 3)] * 3, [1, 2, 3], [('a', 1)] * 3])
def test_points_that_are_none_are_refused(points):
    with pytest.raises(ValueError):
        polygon_annotation('green', [points])


def test_runs_count_down_columns_or_along_rows():
    assert runs_to_mask([1, 2, 3], shape=(2, 3), columns=True).tolist() == [[False, True, False], [True, False, False]]
    assert runs_to_mask([1, 2, 3], shape=(2, 3), columns=False).tolist() == [[False, True, True], [False] * 3]
    for runs in ([1, 2], [7], [-1, 7], []):
        with pytest.raises(ValueError, match='add up to'):
            runs_to_mask(runs, shape=(2, 3), columns=True)


@pytest.mark.parametrize(
    ('size', 'shape', 'said'),
    [((8, 9), (8, 10), r'9x8 pixels, and the image has 10x8 '), ((10, 8), (8, 10), 'if its EXIF tag turns it')],
)
def test_an_image_of_another_size_is_refused(size, shape, said):
    with pytest.raises(DataError, match=said):
        painted(size=size, shape=shape)


def test_a_mask_beyond_the_image_is_refused():
    with pytest.raises(DataError, match=r'mask of roof in a.png: it reaches from \(8, 0\) over 3x2 pixels'):
        painted(Annotation('roof', patch=lambda: Patch(0, 8, np.ones((2, 3), bool))))


BOX = polygon_annotation('green', [SQUARE], kind='box')
CROWD = polygon_annotation('green', [SQUARE], kind='crowd')
LINE = Annotation('green', kind='polyline')


def test_boxes_and_lines_are_refused_by_name():
    with pytest.raises(DataError, match=r'1 box, 2 polyline, of 3; the first is of a.png .*--ignore box,polyline'):
        settle_kinds([image(BOX, LINE, LINE)], fill_boxes=False, ignore=())
    with pytest.raises(ConfigError, match='--ignore boxes is not a kind'):
        settle_kinds([image()], fill_boxes=False, ignore=('boxes',))


def test_kinds_that_are_ignored_lie_below_all_others():
    area = polygon_annotation('roof', [[(1, 1), (2, 1), (2, 2), (1, 2)]])
    (settled,), notes = settle_kinds([image(area, BOX, LINE)], fill_boxes=False, ignore=('box', 'polyline'))
    label = paint(settled, shape=(8, 10), indices=INDICES, uncovered=0)
    assert [(label == value).sum() for value in (0, 1, 2, 255)] == [64, 0, 1, 15]
    assert notes == ['ignored: 1 box annotation', 'ignored: 1 polyline annotation']


def test_boxes_are_filled_and_crowds_painted_where_asked_for():
    (settled,), notes = settle_kinds([image(BOX, CROWD, Annotation('a', 'empty'))], fill_boxes=True, ignore=())
    assert [one.kind for one in settled.annotations] == ['area', 'area']
    assert len(notes) == 2 and notes[0].startswith('1 area marked as crowd')
    assert notes[1] == '1 polygon of fewer than three points or no area, left out'
