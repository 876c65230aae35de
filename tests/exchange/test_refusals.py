"""What the converter refuses: one line, and nothing written."""

import errno
import os
import shutil

import pytest
import torch
from conversion_support import CITY, CITY_V2, changed, convert, refused
from tool_support import REPO

from mmseg_aux_hrnet.files import whole
from mmseg_aux_hrnet.models import HRNetV2
from mmseg_aux_hrnet.weights import read_checkpoint

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'model__conv1__weight': None}, 'missing 1 backbone.conv1.weight'),
        ({'model__stage5__w': torch.ones(1)}, 'unexpected 1 backbone.stage5.w'),
        (
            {'model__conv1__weight': torch.ones(64, 4, 3, 3)},
            'other shape 1 backbone.conv1.weight (64, 4, 3, 3) instead',
        ),
        ({'model__bn1__weight': torch.full((64,), float('nan'))}, 'not finite 1 backbone.bn1.weight'),
        ({'model__bn1__weight': torch.ones(64).double()}, 'other type 1 backbone.bn1.weight torch.float64'),
        ({'model__last_layer__3__weight': None}, 'missing 1 decode_head.conv_seg.weight'),
    ],
)
def test_what_does_not_match_is_named_and_nothing_is_written(tmp_path, official, capsys, change, said):
    if 'model__conv1__weight' in change and change['model__conv1__weight'] is None:
        change = {**change, 'model__conv1__weight_': torch.ones(1)}  # the form is still known
        said = 'missing 1 backbone.conv1.weight unexpected 1 backbone.conv1.weight_'
    changed(official, **change)
    assert convert(official, tmp_path / 'a.pth', '--config', CITY) == 2
    printed = capsys.readouterr()
    assert said in ' '.join(printed.out.split())
    assert 'does not match, nothing is written' in printed.err
    assert not (tmp_path / 'a.pth').exists()


def test_weights_of_a_diverged_training_are_called_that(tmp_path, official, capsys):
    changed(official, model__bn1__weight=torch.full((64,), float('inf')))
    assert 'take an earlier checkpoint' in refused(capsys, official, tmp_path / 'a.pth', '--config', CITY)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['official.pth', 'a.pth'], r'w18_small_v1, 19 outputs, 0 auxiliary heads'),
        (['official.pth', 'a.pth', '--config', CITY_V2], 'the file, of the same architecture'),
        (['official.pth', 'a.pth', '--config', 'nowhere.py'], 'config nowhere.py is not a file'),
        (['official.pth', 'a.pth', '--config', REPO / 'configs/_base_/default_runtime.py'], 'no model or no data'),
        (['official.pth', 'a.bin', '--config', CITY], 'does not name a format'),
        (['official.pth', 'there.pth', '--config', CITY], 'there.pth exists'),
        (['official.pth', 'official.pth', '--config', CITY, '--overwrite'], 'an input file'),
        (['official.pth', 'there.pth/a.pth', '--config', CITY], 'cannot be written'),
        (['official.pth', 'a.pth', '--to', 'official', '--reset-classifier'], 'leave those options out'),
        (['nowhere.pth', 'a.pth'], 'nowhere.pth is not a file'),
        (['.', 'a.pth'], 'holds no checkpoint'),
        (['text.pth', 'a.pth'], 'text.pth is'),
        (['cut.pth', 'a.pth'], 'cut.pth is not a readable checkpoint'),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, official, capsys, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'there.pth').write_bytes(b'old')
    (tmp_path / 'text.pth').write_text('no checkpoint')
    (tmp_path / 'cut.pth').write_bytes(official.read_bytes()[:-1000])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert message in refused(capsys, *args)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ('name', 'value', 'message'),
    [
        ('last_layer.0.bias', torch.ones(3, 3), 'same architecture'),
        ('last_layer.3.weight', torch.tensor(1.0), '--reset-classifier'),
        ('layer1.0.conv1.weight', torch.tensor(1.0), 'same architecture'),
        ('bn1.weight', torch.ones(64).to_sparse(), 'model.bn1.weight is sparse or quantised'),
        ('bn1.weight', torch.ones(64).to(torch.float8_e4m3fn), 'same architecture'),
        ('bn1.weight', torch.ones(0), 'same architecture'),
    ],
    ids=str,
)
def test_odd_tensors_are_refused(tmp_path, official, capsys, name, value, message):
    changed(official, **{f'model.{name}': value})
    assert message in refused(capsys, official, tmp_path / 'a.pth', '--config', CITY)
    line = refused(capsys, official, tmp_path / 'a.pth', '--to', 'official')
    assert not (tmp_path / 'a.pth').exists()
    assert '--reset' not in line


def test_imagenet_files_become_no_network(tmp_path, capsys):
    torch.save(HRNetV2('w18_small_v1').state_dict(), tmp_path / 'start.pth')
    for args in (['--to', 'official'], ['--reset-classifier']):
        assert 'holds a backbone only' in refused(capsys, tmp_path / 'start.pth', tmp_path / 'a.pth', *args)
    assert 'same architecture' in refused(capsys, tmp_path / 'start.pth', tmp_path / 'a.pth', '--config', CITY_V2)


def test_a_config_whose_model_and_data_disagree_is_refused(tmp_path, official, capsys):
    text = f'_base_ = {CITY.as_posix()!r}\nmodel = dict(decode_head=dict(num_classes=18, out_channels=18))\n'
    (tmp_path / 'odd.py').write_text(text, encoding='utf-8')
    line = refused(capsys, official, tmp_path / 'a.pth', '--config', tmp_path / 'odd.py', '--reset-classifier')
    assert 'its model has 18 classes, its data 19' in line


def test_a_full_disk_leaves_the_old_file(tmp_path, official, capsys, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / 'old.pth').write_bytes(b'old')
    monkeypatch.setattr(whole.os, 'fsync', full)
    assert 'No space left' in refused(capsys, official, tmp_path / 'old.pth', '--config', CITY, '--overwrite')
    assert (tmp_path / 'old.pth').read_bytes() == b'old'
    assert sorted(path.name for path in tmp_path.iterdir()) == ['official.pth', 'old.pth']


class RunsCode:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_distrusted_file_is_converted_once_and_clean_afterwards(tmp_path, network, capsys):
    content = {'state_dict': network.weights('model.'), 'note': RunsCode(tmp_path / 'made')}
    torch.save(content, tmp_path / 'odd.pth')
    line = refused(capsys, tmp_path / 'odd.pth', tmp_path / 'a.pth', '--config', CITY)
    assert 'odd.pth is refused' in line
    assert '--trust' in line
    assert not (tmp_path / 'made').exists()
    assert convert(tmp_path / 'odd.pth', tmp_path / 'a.pth', '--config', CITY, '--trust') == 0
    shutil.rmtree(tmp_path / 'made')
    assert len(read_checkpoint(tmp_path / 'a.pth')['state_dict']) == 434
    assert not (tmp_path / 'made').exists()
