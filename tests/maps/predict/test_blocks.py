"""Blocks of rows: equal to one great image, whatever the windows, batches, threads and starts."""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pytest
from map_support import FILL, Rounding, StubModel, place

from mmseg_aux_hrnet.maps.predict.blocks import Work, predict_blocks, rows_together
from mmseg_aux_hrnet.maps.predict.windows import Windows, plan_axis

SIZES = [(1, 1), (1, 50), (50, 1), (7, 9), (16, 16), (33, 47), (64, 64), (61, 40)]


class Patch(NamedTuple):
    image: np.ndarray
    valid: np.ndarray


class ArraySource:
    def __init__(self, image, valid):
        self.image, self.valid, self.reads = image, valid, []

    def read(self, window):
        self.reads.append(window)
        part = window.toslices()
        return Patch(self.image[part].copy(), self.valid[part].copy())


def work_on(image, valid=None, *, window=16, overlap=1 / 3, batch_size=4, grid=4):
    source = ArraySource(image, np.ones(image.shape[:2], bool) if valid is None else valid)

    @contextmanager
    def opened():
        yield source

    axes = (plan_axis(size, window=window, overlap=overlap, grid=grid) for size in image.shape[:2])
    return Work(opened, Windows(*axes), batch_size)


def noise(size, *, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def everything(work, model, **settings):
    """Return probabilities and valid pixels of all blocks, below one another."""
    blocks = list(predict_blocks(work, model, range(len(work.windows.rows.starts)), **settings))
    assert [block.index for block in blocks] == list(range(len(blocks)))
    return np.concatenate([b.probabilities for b in blocks], axis=1), np.concatenate([b.valid for b in blocks])


def by_definition(image, windows):
    """Return what a shifted stub gives, by sums of weights over the whole raster."""
    height, width = windows.rows.extent, windows.columns.extent
    padded = np.zeros((height, width))
    padded[: image.shape[0], : image.shape[1]] = image[..., 0] / 256
    total, weights = np.zeros((height, width)), np.zeros((height, width))
    rows, columns = windows.rows.window, windows.columns.window
    profile = np.outer(*(np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 4 for n in (rows, columns)))
    for top in windows.rows.starts:
        for left in windows.columns.starts:
            part = slice(top, top + rows), slice(left, left + columns)
            total[part] += profile * (padded[part] + place(rows, columns)) / 2
            weights[part] += profile
    return (total / weights)[: image.shape[0], : image.shape[1]]


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('overlap', [0, 1 / 3, 0.8])
def test_blended_windows_agree_with_the_definition_of_a_weighted_mean(size, overlap):
    work = work_on(noise(size), overlap=overlap)
    probabilities, valid = everything(work, StubModel(shifted=True))
    assert probabilities.shape == (2, *size)
    assert valid.all()
    np.testing.assert_allclose(probabilities[1], by_definition(noise(size), work.windows), atol=1e-6)


@pytest.mark.parametrize('size', SIZES)
def test_a_model_that_sees_pixels_alone_gives_the_image_back(size):
    probabilities, _ = everything(work_on(noise(size)), StubModel())
    np.testing.assert_allclose(probabilities[1], noise(size)[..., 0] / 256, atol=1e-6)


@pytest.mark.parametrize('size', [(12, 16), (16, 16), (5, 3)])
def test_one_window_is_the_whole_image_exactly(size):
    model = StubModel(shifted=True)
    probabilities, _ = everything(work_on(noise(size)), model)
    np.testing.assert_array_equal(probabilities, model.predict(noise(size)[None])[0])


@pytest.mark.parametrize('settings', [{'batch_size': 1}, {'batch_size': 3}, {'batch_size': 100}])
def test_the_batch_size_changes_no_bit(settings):
    expected, _ = everything(work_on(noise((61, 70))), StubModel(shifted=True))
    probabilities, _ = everything(work_on(noise((61, 70)), **settings), StubModel(shifted=True))
    np.testing.assert_array_equal(probabilities, expected)


def test_threads_change_no_bit():
    expected, _ = everything(work_on(noise((61, 70))), StubModel(shifted=True), in_threads=False)
    probabilities, _ = everything(work_on(noise((61, 70))), StubModel(shifted=True), in_threads=True)
    np.testing.assert_array_equal(probabilities, expected)


@pytest.mark.parametrize('overlap', [0, 1 / 3, 0.8])
def test_a_block_alone_equals_the_same_block_of_a_run(overlap):
    work = work_on(noise((61, 70)), overlap=overlap)
    for block in predict_blocks(work, StubModel(shifted=True), range(len(work.windows.rows.starts))):
        [alone] = predict_blocks(work, StubModel(shifted=True), range(block.index, block.index + 1), in_threads=False)
        np.testing.assert_array_equal(alone.probabilities, block.probabilities)
        np.testing.assert_array_equal(alone.valid, block.valid)


@pytest.mark.parametrize('overlap', [1 / 3, 0.8])
def test_a_run_goes_on_from_what_was_carried_without_predicting_anything_twice(overlap):
    work, model = work_on(noise((61, 70)), overlap=overlap), StubModel(shifted=True)
    count = len(work.windows.rows.starts)
    expected = list(predict_blocks(work, model, range(count)))
    windows = model.count
    model = StubModel(shifted=True)
    first = list(predict_blocks(work, model, range(2)))
    rest = list(predict_blocks(work, model, range(2, count), carry=first[-1].carry))
    for block, reference in zip([*first, *rest], expected, strict=True):
        np.testing.assert_array_equal(block.probabilities, reference.probabilities)
    assert model.count == windows == count * len(work.windows.columns.starts)


@pytest.mark.parametrize(('width', 'batch_size', 'sizes'), [(40, 2, [2, 2, 2, 2, 1]), (10, 4, [3]), (40, 3, [3] * 3)])
def test_batches_go_on_into_the_next_row_of_windows(width, batch_size, sizes):
    work, model = work_on(noise((40, width)), overlap=0, batch_size=batch_size, grid=16), StubModel()
    everything(work, model)
    assert [len(images) for images in model.windows] == sizes


@pytest.mark.parametrize(
    ('columns', 'batch_size', 'rows'),
    [(1, 16, 15), (1, 4, 4), (3, 4, 4), (6, 4, 2), (29, 16, 1), (30, 64, 2), (33, 16, 4)],
)
def test_rows_are_taken_together_until_their_batches_are_full(columns, batch_size, rows):
    assert rows_together(columns, batch_size) == rows


@pytest.mark.parametrize('holes', [False, True])
@pytest.mark.parametrize('batch_size', [1, 3, 4, 7])
def test_a_window_is_in_the_same_batch_wherever_a_run_begins_and_ends(batch_size, holes):
    """So that a network rounds alike."""
    valid = np.random.default_rng(3).random((61, 40)) < 0.004 if holes else None

    work = work_on(noise((61, 40)), valid, batch_size=batch_size)
    count = len(work.windows.rows.starts)
    expected = list(predict_blocks(work, Rounding(), range(count)))
    for start, stop in [(0, 2), (1, 4), (2, 3), (3, count), (count - 1, count)]:
        for carry in (None, expected[start - 1].carry if start else None):
            some = predict_blocks(work, Rounding(), range(start, stop), carry=carry)
            for block, reference in zip(some, expected[start:stop], strict=True):
                np.testing.assert_array_equal(block.probabilities, reference.probabilities)


def test_what_is_not_valid_is_shown_to_the_model_as_the_colour_that_means_nothing():
    image, valid = noise((20, 20)), np.ones((20, 20), bool)
    valid[3:9, 4:12] = False
    model = StubModel()
    everything(work_on(image, valid, window=32), model)
    [[seen]] = model.windows
    assert (seen[~valid] == FILL).all()
    np.testing.assert_array_equal(seen[valid], image[valid])


def test_what_lies_beyond_the_raster_is_filled_too():
    model = StubModel()
    everything(work_on(noise((16, 18)), overlap=0, grid=8), model)
    assert (model.windows[0][1][:, 18 - 8 :] == FILL).all()


def work_inside(image, valid, area, **settings):
    return work_on(image, valid, **settings)._replace(area=lambda window: area[window.toslices()])


def test_around_the_pixels_that_are_asked_for_the_model_sees_what_is_there():
    image, valid, area = noise((20, 20)), np.ones((20, 20), bool), np.zeros((20, 20), bool)
    valid[3:9, 4:12] = False
    area[5:15, 5:9] = True
    model = StubModel()
    _, wanted = everything(work_inside(image, valid, area, window=32), model)
    np.testing.assert_array_equal(wanted, valid & area)
    np.testing.assert_array_equal(model.windows[0][0], np.where(valid[..., None], image, FILL))


def test_what_is_predicted_of_an_area_is_that_part_of_the_whole():
    valid, area = np.ones((64, 64), bool), np.zeros((64, 64), bool)
    area[40:50, 10:12] = True
    model, whole = StubModel(shifted=True), everything(work_on(noise((64, 64))), StubModel(shifted=True))[0]
    probabilities, wanted = everything(work_inside(noise((64, 64)), valid, area), model)
    np.testing.assert_array_equal(wanted, area)
    np.testing.assert_array_equal(probabilities[:, area], whole[:, area])
    assert model.count == 6  # rows from 32, 40 and 48, columns from 0 and 8


@pytest.mark.parametrize('overlap', [0, 1 / 3, 0.8])
def test_no_row_is_read_twice(overlap):
    work = work_on(noise((61, 70)), overlap=overlap)
    everything(work, StubModel())
    with work.open() as source:
        rows = [row for window in source.reads for row in range(*window.toranges()[0])]
    assert rows == list(range(61))


def test_rows_that_an_area_leaves_out_do_not_get_into_those_below():
    valid, area = np.ones((64, 64), bool), np.zeros((64, 64), bool)
    area[[2, 63]] = True  # between them lie windows that are not read
    whole = everything(work_on(noise((64, 64)), overlap=0.8), StubModel(shifted=True))[0]
    work = work_inside(noise((64, 64)), valid, area, overlap=0.8)
    probabilities, wanted = everything(work, StubModel(shifted=True))
    np.testing.assert_array_equal(wanted, area)
    np.testing.assert_array_equal(probabilities[:, area], whole[:, area])
    with work.open() as source:
        assert sum(window.height for window in source.reads) < 64


def test_windows_without_a_valid_pixel_are_not_predicted():
    valid = np.zeros((64, 64), bool)
    valid[40:50, 40:50] = True
    model = StubModel(shifted=True)
    work = work_on(noise((64, 64)), valid, overlap=0, grid=16)
    probabilities, found = everything(work, model)
    assert model.count == 4  # rows and columns 32 to 63
    np.testing.assert_array_equal(found, valid)
    np.testing.assert_allclose(probabilities[1][valid], by_definition(noise((64, 64)), work.windows)[valid], atol=1e-6)


def test_a_raster_without_a_valid_pixel_needs_no_model():
    model = StubModel()
    _, valid = everything(work_on(noise((40, 40)), np.zeros((40, 40), bool)), model)
    assert not valid.any()
    assert model.count == 0


def test_an_error_of_the_source_reaches_whoever_uses_the_blocks():
    @contextmanager
    def broken():
        raise OSError('no such file')
        yield

    work = work_on(noise((40, 40)))._replace(open=broken)
    with pytest.raises(OSError, match='no such file'):
        list(predict_blocks(work, StubModel(), range(2)))
