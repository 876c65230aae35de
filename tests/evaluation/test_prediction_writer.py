"""Written predictions: names, pixels, colours, and inputs that stay untouched."""

import numpy as np
import pytest
import torch
from mmseg.registry import METRICS
from PIL import Image

from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError

META = {'classes': ('background', 'green'), 'palette': [[0, 0, 0], [128, 0, 0]]}


def writer(folder, meta=META):
    built = METRICS.build({'type': 'PredictionWriter', 'output_dir': str(folder)})
    built.dataset_meta = meta
    return built


def sample(path, prediction=((0, 1), (1, 1)), **extra):
    return {'img_path': str(path), 'pred_sem_seg': {'data': torch.tensor(prediction)}, **extra}


def test_files_under_the_names_of_the_images(tmp_path):
    subject = writer(tmp_path / 'new' / 'out')
    subject.process({}, [sample('img/a.b.jpg'), sample('img/c.png', [[[1.0, 0.0]]])])
    assert subject.evaluate(size=2) == {}
    assert sorted(path.name for path in (tmp_path / 'new' / 'out').iterdir()) == ['a.b.png', 'c.png']
    written = Image.open(tmp_path / 'new' / 'out' / 'a.b.png')
    assert np.asarray(written).tolist() == [[0, 1], [1, 1]]
    assert np.asarray(written.convert('RGB'))[0].tolist() == [[0, 0, 0], [128, 0, 0]]


def test_same_image_again_is_replaced(tmp_path):
    subject = writer(tmp_path)
    for value in (0, 1):
        subject.process({}, [sample('img/a.jpg', [[value]])])
        subject.evaluate(size=1)
    assert np.asarray(Image.open(tmp_path / 'a.png')).tolist() == [[1]]


def test_same_stem_in_two_folders_is_refused(tmp_path):
    subject = writer(tmp_path)
    subject.process({}, [sample('north/a.jpg', [[0]])])
    with pytest.raises(DataError, match=r'north/a.jpg and south/a.tif would both be written to a.png'):
        subject.process({}, [sample('south/a.tif', [[1]])])
    assert np.asarray(Image.open(tmp_path / 'a.png')).tolist() == [[0]]


def test_same_stem_from_two_processes_is_refused(tmp_path):
    with pytest.raises(DataError, match='would both be written'):
        writer(tmp_path).compute_metrics(['north/a.jpg', 'south/a.jpg'])


@pytest.mark.parametrize('key', ['img_path', 'seg_map_path'])
def test_inputs_are_never_overwritten(tmp_path, key):
    source = tmp_path / 'a.png'
    source.write_bytes(b'precious')
    with pytest.raises(DataError, match='is an input and would be overwritten'):
        writer(tmp_path).process({}, [{**sample('elsewhere/a.png'), key: str(source)}])
    assert source.read_bytes() == b'precious'


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='cannot be made'):
        writer(tmp_path / 'file' / 'out')


def test_predicted_class_without_a_colour(tmp_path):
    with pytest.raises(LabelError, match=r'img/a.jpg: predicted class 2, but the data set has 2 classes'):
        writer(tmp_path).process({}, [sample('img/a.jpg', [[0, 2]])])


def test_data_set_without_palette(tmp_path):
    with pytest.raises(ConfigError, match='without a palette'):
        writer(tmp_path, meta={'classes': ('a', 'b')}).process({}, [sample('img/a.jpg')])
