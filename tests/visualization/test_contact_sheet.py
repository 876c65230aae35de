import numpy as np
import pytest

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.visualization import draw_contact_sheet, shrink
from mmseg_aux_hrnet.visualization.contact_sheet import CELL, GAP, MARGIN
from mmseg_aux_hrnet.visualization.overlay import CORRECT, FALSE_ALARM, MISSED, PAPER, blend

GREEN = Classes(('background', 'green'), ((0, 0, 0), (0, 200, 0)), 1)
BARE = [90, 100, 110]  # no grey, which the smoothed edges of letters have


def bare(height, width):
    return np.full((height, width, 3), BARE, np.uint8)


IMAGE = bare(2, 2)
LABEL = np.array([[1, 1], [0, 255]], np.uint8)
PREDICTION = np.array([[1, 0], [1, 1]], np.uint8)


def tinted(colour):
    return blend(bare(1, 1), np.ones((1, 1), bool), colour)[0, 0].tolist()


def draw(tiles, classes=GREEN):
    return draw_contact_sheet(tiles, title='run', classes=classes, ignore_index=255)


def head_height(sheet):
    """Return the row of the first bare pixel, where the first tile begins."""
    return int(np.argwhere((sheet == BARE).all(axis=2))[0][0])


def test_cells_show_image_reference_and_errors():
    sheet = draw([shrink(IMAGE, PREDICTION, LABEL, note='a')])
    top = head_height(sheet)
    quarter = CELL // 4

    def pixel(cell, row, column):
        x = MARGIN + cell * (CELL + GAP) + quarter + column * 2 * quarter
        return sheet[top + quarter + row * 2 * quarter, x].tolist()

    assert pixel(0, 0, 0) == BARE
    assert [pixel(1, 0, 0), pixel(1, 0, 1), pixel(1, 1, 0)] == [tinted(CORRECT), tinted(CORRECT), BARE]
    assert [pixel(2, 0, 0), pixel(2, 0, 1), pixel(2, 1, 0)] == [tinted(CORRECT), tinted(MISSED), tinted(FALSE_ALARM)]
    assert pixel(2, 1, 1) == BARE, 'ignored pixels stay bare'


def test_a_tile_without_reference_shows_its_classes():
    sheet = draw([shrink(IMAGE, PREDICTION, None, note='a')])
    top = head_height(sheet)
    assert sheet[top + 5, MARGIN + 2 * (CELL + GAP) + 5].tolist() == tinted(CORRECT)
    assert sheet[top + 5, MARGIN + CELL + GAP + 5].tolist() == [235] * 3


@pytest.mark.parametrize(('height', 'width'), [(1, 1), (300, 20), (7, 1000), (512, 512)])
def test_a_tile_of_any_size_is_shrunk_to_the_cell(height, width):
    classes = np.zeros((height, width), np.uint8)
    tile = shrink(np.zeros((height, width, 3), np.uint8), classes, classes, note='')
    assert max(tile.image.shape[:2]) == CELL
    assert tile.image.shape[:2] == tile.prediction.shape == tile.label.shape


def test_tiles_of_other_shapes_and_an_odd_number_do_not_overlap():
    tall = shrink(bare(90, 30), np.zeros((90, 30), np.uint8), None, note='tall')
    flat = shrink(bare(30, 90), np.zeros((30, 90), np.uint8), None, note='flat')
    sheet = draw([tall, flat, flat])
    # The image and the prediction, which is all background, of each tile are bare.
    assert (sheet == BARE).all(axis=2).sum() == 2 * sum(tile.prediction.size for tile in (tall, flat, flat))


def test_many_classes_and_a_long_title_stay_on_the_sheet():
    names = tuple(f'a class with a long name {i}' for i in range(20))
    tile = shrink(IMAGE, np.zeros((2, 2), np.uint8), None, note='')
    sheet = draw([tile], classes=Classes(names, tuple((i, 250, i) for i in range(20))))
    swatches = [tuple(colour) for colour in sheet[sheet[..., 1] == 250].reshape(-1, 3)]
    assert {(i, 250, i) for i in range(20)} <= set(swatches)
    assert (sheet[:, -5:] == PAPER).all()
    titled = draw_contact_sheet([tile], title='x' * 300, classes=Classes(names, ((0, 0, 0),) * 20), ignore_index=255)
    assert titled.shape[1] > sheet.shape[1]
