import json

import numpy as np
import pytest
from doctor_support import examined, image_of, label_of, mask, write_root
from PIL import Image

from mmseg_aux_hrnet.doctor.outputs import check_outputs, write_outputs
from mmseg_aux_hrnet.doctor.page import _named, _suspects
from mmseg_aux_hrnet.errors import ConfigError


@pytest.fixture
def checkup(tmp_path):
    root = write_root(tmp_path / 'data')
    image_of(root, 'train_0').write_bytes(b'no image')
    Image.fromarray(mask(1) * 9).save(label_of(root, 'train_1'))
    Image.open(image_of(root, 'train_2')).save(image_of(root, 'val_0'))
    return examined(root)


def test_the_page_is_a_picture_of_one_page(tmp_path, checkup):
    write_outputs(checkup, picture=tmp_path / 'page.png', json_file=None, title='data $x_1$')
    page = np.asarray(Image.open(tmp_path / 'page.png').convert('RGB'))
    assert page.shape == (1753, 1240, 3)  # A4 at 150 dots an inch
    assert 0.02 < (page < 128).any(axis=-1).mean() < 0.5


def test_pictures_are_those_that_faults_name(checkup):
    shown = [(caption, tile.pair.name) for caption, tile in _suspects(checkup)]
    assert shown == [
        ('fault: image', 'rawdata/train/train_0.png'),
        ('fault: label', 'rawdata/train/train_1.png'),
        ('fault: leak', 'rawdata/train/train_2.png'),
        ('fault: leak', 'rawdata/val/val_0.png'),
    ]
    assert _named('', checkup.tiles) == []


def test_json_holds_every_finding_file_and_figure(tmp_path, checkup):
    write_outputs(checkup, picture=tmp_path / 'page.png', json_file=tmp_path / 'all.json', title='data')
    record = json.loads((tmp_path / 'all.json').read_text(encoding='utf-8'))
    assert record['format'] == 'mmseg_aux_hrnet dataset check 1'
    assert record['counts'] == {'fault': 3, 'doubt': 1, 'note': 0}
    assert [finding['key'] for finding in record['findings']] == ['image', 'label', 'leak', 'contradiction']
    train = record['splits'][0]
    assert train['pixels'] == {'background': 3 * 48 * 64 - 24 * (21 + 23 + 24), 'green': 24 * (21 + 23 + 24)}
    assert train['mean_rgb'] == list(checkup.summaries[0].colours[0])
    assert train['class_weight']['median_frequency'][0] < 1 < train['class_weight']['median_frequency'][1]
    assert record['tiles'][1]['label_error'].startswith('labeldata/train/train_1.png')
    assert len(record['tiles']) == 8


@pytest.mark.parametrize(
    ('picture', 'json_file', 'message'),
    [
        ('page.jpg', None, 'end its name in .png'),
        ('folder.png', None, 'is a folder'),
        ('page.png', 'folder.png', '--json .*is a folder'),
        ('file/page.png', None, 'cannot be written'),
    ],
)
def test_outputs_that_will_not_do_are_refused_first(tmp_path, picture, json_file, message):
    (tmp_path / 'folder.png').mkdir()
    (tmp_path / 'file').touch()
    with pytest.raises(ConfigError, match=message):
        check_outputs(tmp_path / picture, tmp_path / json_file if json_file else None)


def test_an_input_is_never_overwritten(tmp_path, checkup):
    root = tmp_path / 'data'
    for path in (label_of(root, 'val_1'), image_of(root, 'val_1')):
        before = path.read_bytes()
        with pytest.raises(ConfigError, match='file of the data set'):
            write_outputs(checkup, picture=path, json_file=None, title='data')
        assert path.read_bytes() == before
    with pytest.raises(ConfigError, match=r'val\.txt is a file of the data set'):
        write_outputs(checkup, picture=tmp_path / 'page.png', json_file=root / 'splits/val.txt', title='data')
    assert not (tmp_path / 'page.png').exists()
