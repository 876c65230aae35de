"""A file is measured on labelled images beside what maps get from them."""

import re

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from tests_support import write_green_root
from tiny_export import FREE, run_tool, written

from mmseg_aux_hrnet.bands import Bands
from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import ConfigError, DataError, ExportError
from mmseg_aux_hrnet.exchange.export.labelled import IMAGES, measure, read_labelled
from mmseg_aux_hrnet.exchange.export.verify import Standard
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.run.trained_model import load_trained_model
from mmseg_aux_hrnet.weights import Checkpoint

CLASSES = Classes(('background', 'green'), ((0, 0, 0), (128, 0, 0)), 1)
FOLDERS = dict(img_path='rawdata/test', seg_map_path='labeldata/test')


@pytest.fixture
def root(tmp_path):
    write_green_root(tmp_path / 'data', {'test': 3})
    return tmp_path / 'data'


@pytest.fixture
def files(tmp_path):
    """Config, with test data, and checkpoint of a tiny model."""
    config, checkpoint = written(tmp_path)
    with_data = Config.fromfile(config)
    with_data.test_dataloader.dataset.update(ann_file='splits/test.txt', data_prefix=FOLDERS)
    with_data.dump(config)
    return config, checkpoint


def read(files, root, *, tile=(512, 512), filled=False, classes=CLASSES, **edited):
    config = Config.fromfile(files[0])
    for key, value in edited.items():
        config.test_dataloader.dataset[key] = value
    return read_labelled(config, root, classes=classes, bands=Bands(), tile=tile, filled=filled)


def iou(classes, labels):
    both = sum(((c == 1) & (k == 1)).sum() for c, k in zip(classes, labels, strict=True))
    either = sum(((c == 1) | (k == 1)).sum() for c, k in zip(classes, labels, strict=True))
    return 100 * both / either


def test_the_iou_of_file_and_maps_is_told(files, root, tmp_path):
    """Of the file without what a network makes of black, which no data are."""
    paths = sorted((root / 'rawdata/test').iterdir())
    image = np.array(Image.open(paths[0]))
    image[:, :48] = 0
    Image.fromarray(image).save(paths[0])
    options = ('--black-background', '--threshold', 0.01)
    code, printed, complaint = run_tool(*files, tmp_path / 'a.pt2', '--data-root', root, *options)
    assert code == 0, complaint
    (line,) = (line for line in printed.splitlines() if line.startswith('IoU'))
    predictor = Predictor.from_files(*files, device='cpu')
    images = [np.array(Image.open(path).convert('RGB')) for path in paths]
    labels = [np.array(Image.open(root / 'labeldata/test' / path.name)) for path in paths]
    maps = [(predictor(image)[1] >= 0.01).astype(int) for image in images]
    ruled = [np.where((image == 0).all(axis=2), 0, classes) for image, classes in zip(images, maps, strict=True)]
    assert line == (
        f'IoU of green on 3 labelled images (test.txt in {root}): {iou(ruled, labels):.2f} by the file, '
        f'{iou(maps, labels):.2f} by Predictor'
    )
    assert abs(iou(ruled, labels) - iou(maps, labels)) > 0.1


def test_what_differs_on_a_real_image_is_refused(files, root):
    source = load_trained_model(Config.fromfile(files[0]), Checkpoint(files[1], hashed=True), threshold=None)
    standard = Standard(source.model, form=FREE, decision=None)
    seen = []

    def told(shift):
        def run(image):
            probabilities, classes = standard(image)
            return {'probabilities': probabilities + np.float32(shift), 'classes': classes}

        images = read(files, root)
        return measure(run, images, source=source, standard=standard, span=1.0, on_image=seen.append)

    assert 'on 3 labelled images (test.txt' in told(5e-5)
    assert seen == [1, 2, 3]
    with pytest.raises(ExportError, match='the file would differ from PyTorch: its probabilities do by up to 1.0e-03'):
        told(1e-3)


def test_images_are_cut_or_filled_to_the_tile(files, root):
    cut = read(files, root, tile=(48, 64))
    assert [(image.shape, label.shape) for image, label in cut.pairs] == [((1, 3, 48, 64), (48, 64))] * 3
    image, label = read(files, root, tile=(96, 96), filled=True).pairs[0]
    assert (image.shape, label.shape) == ((1, 3, 96, 96), (96, 96))
    assert (image[..., 64:, :] == 0).all()
    assert (label[64:] == 255).all()
    assert (label[:64] < 2).all()
    whole = np.array(Image.open(root / 'rawdata/test/test_0.png').convert('RGB'))
    assert np.array_equal(image[0, :, :64].transpose(1, 2, 0), whole)


def test_a_few_images_of_a_long_list_are_taken(files, tmp_path):
    write_green_root(tmp_path / 'many', {'test': 2 * IMAGES})
    assert len(read(files, tmp_path / 'many', tile=(32, 32)).pairs) == IMAGES


def test_data_that_tell_nothing_are_refused(files, root):
    other = Classes(('water', 'green'))
    with pytest.raises(ConfigError, match=re.escape('the data set has background, green, the model water, green')):
        read(files, root, classes=other)
    with pytest.raises(DataError, match='the test data have no labels to compare with; leave it out'):
        read(files, root, data_prefix=dict(img_path='rawdata/test'))
    with pytest.raises(ConfigError, match='the model was trained on the bands red, green, blue, .* gives red, nir'):
        read(files, root, bands=('red', 'nir'))
    with pytest.raises(ConfigError, match='the model was trained on values scaled by no rule'):
        read(files, root, pipeline=[dict(type='LoadImageFromFile', scale=(0, 1000))])
    config = Config.fromfile(files[0])
    config.test_dataloader = None
    with pytest.raises(ConfigError, match='the config has no test data to compare on'):
        read_labelled(config, root, classes=CLASSES, bands=Bands(), tile=(64, 64), filled=False)
