import numpy as np
import pytest
from doctor_support import examined, image_of, label_of, write_root
from PIL import Image

from mmseg_aux_hrnet.doctor.summary import class_weights, colours_of, config_snippets
from mmseg_aux_hrnet.files.label_png import write_label_png


@pytest.fixture(scope='module')
def train(tmp_path_factory):
    """Two training tiles: one of 6 and 2 pixels of the classes and 4 ignored ones, one of 12 background pixels."""
    root = write_root(tmp_path_factory.mktemp('data'), {'train': 2})
    first, second = np.zeros((3, 4), np.uint8), np.zeros((3, 4), np.uint8)
    first[0, :2], first[2] = 1, 255
    for stem, classes in (('train_0', first), ('train_1', second)):
        write_label_png(label_of(root, stem), classes, [[0, 0, 0], [128, 0, 0]])
    pixels = np.random.default_rng(0).integers(1, 255, (2, 3, 4, 3)).astype(np.uint8)
    for stem, image in zip(('train_0', 'train_1'), pixels, strict=True):
        Image.fromarray(image).save(image_of(root, stem))
    return examined(root).summaries[0], pixels


def test_pixels_are_counted(train):
    summary, _ = train
    assert (summary.pixels, summary.ignored, summary.images_of, summary.pixels_of) == ((18, 2), 4, (2, 1), (20, 8))
    assert summary.shares == (0.9, 0.1)
    assert summary.sizes == {(3, 4): 2}
    assert summary.forms == {'palette': 2}
    assert summary.values == {'0 = (0, 0, 0)': 2, '1 = (128, 0, 0)': 1, '255 = (127, 127, 127)': 1}


def test_mean_and_deviation_are_those_of_all_pixels(train):
    summary, pixels = train
    mean, std = summary.colours
    assert mean == pytest.approx(pixels.reshape(-1, 3).mean(axis=0), rel=1e-12)
    assert std == pytest.approx(pixels.reshape(-1, 3).std(axis=0), rel=1e-12)


def test_weights_balance_the_classes(train):
    summary, _ = train
    # frequencies 18/20 and 2/8, their median 0.575
    weights = class_weights(summary)
    assert weights['median_frequency'] == pytest.approx((0.575 / 0.9, 0.575 / 0.25))
    assert weights['inverse_frequency'] == pytest.approx((20 / (2 * 18), 20 / (2 * 2)))


def test_snippets_are_python_that_says_the_figures(train):
    summary, pixels = train
    settings = {}
    lines = config_snippets(summary)
    exec(lines[0], settings)
    assert settings['data_preprocessor']['mean'] == pytest.approx(pixels.reshape(-1, 3).mean(axis=0), abs=1e-4)
    exec(lines[1], settings)
    assert settings['class_weight'] == pytest.approx([0.575 / 0.9, 0.575 / 0.25], abs=1e-4)


def test_an_absent_class_has_no_weight(train):
    summary = train[0]._replace(pixels=(20, 0))
    assert class_weights(summary) == {'median_frequency': None, 'inverse_frequency': None}
    assert len(config_snippets(summary)) == 1


def test_sums_are_exact_where_floats_are_not():
    histogram = np.zeros((3, 256), np.int64)
    histogram[:, 200], histogram[:, 201] = 2**53, 1
    assert colours_of(histogram)[1][0] == pytest.approx((1 / 2**53) ** 0.5, rel=1e-9)
    assert colours_of(np.zeros((3, 256), np.int64)) is None


def test_pixels_without_data_do_not_count(tmp_path):
    root = write_root(tmp_path, {'train': 1})
    image = np.full((48, 64, 3), 100, np.uint8)
    image[:, :32] = 0
    Image.fromarray(image).save(image_of(root, 'train_0'))
    summary = examined(root).summaries[0]
    assert summary.nodata == 0.5
    assert summary.colours == ((100, 100, 100), (0, 0, 0))


def test_real_shares_and_colours_are_those_on_record(shared):
    summary = examined(shared / 'data/urban', kind='urbanisation').summaries[0]
    assert [round(value, 2) for value in (*summary.colours[0], *summary.colours[1])] == [
        *(122.08, 121.81, 124.80),
        *(73.24, 73.00, 75.56),
    ]
    assert round(100 * summary.shares[1], 2) == 17.12
