import io
import json
import shutil
import zipfile

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from tiny_export import run_tool, written

from mmseg_aux_hrnet.exchange.export.verify import comparison_images, reference
from mmseg_aux_hrnet.run.trained_model import load_trained_model
from mmseg_aux_hrnet.weights import Checkpoint

pytestmark = pytest.mark.stack
IMAGES = comparison_images((2, 75, 110), seed=5)


@pytest.fixture(
    scope='module',
    # slow: one more export and its test
    params=[(), pytest.param(('--no-fuse',), marks=pytest.mark.slow), ('--fp16',)],
    ids=['default', 'no-fuse', 'fp16'],
)
def exported(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp('pt2')
    args = written(folder)
    code, printed, complaint = run_tool(*args, folder / 'a.pt2', *request.param)
    assert code == 0, complaint
    return args, folder / 'a.pt2', request.param, printed


def test_a_file_gives_what_mmseg_predicts(exported):
    (config, checkpoint), path, options, _ = exported
    wanted, wanted_classes = reference(
        load_trained_model(Config.fromfile(config), Checkpoint(checkpoint, hashed=True), threshold=None).model, IMAGES
    )
    with torch.no_grad():
        probabilities, classes = torch.export.load(path).module()(torch.from_numpy(IMAGES))
    allowed = 0.02 if '--fp16' in options else 1e-5
    assert np.abs(probabilities.numpy() - wanted).max() < allowed
    undecided = np.abs(wanted[:, 0] - wanted[:, 1]) < allowed
    assert not ((classes.numpy() != wanted_classes) & ~undecided).any()
    assert (probabilities.dtype, classes.dtype) == (torch.float32, torch.uint8)


def test_only_what_predicts_is_in_the_file(exported):
    _, path, options, _ = exported
    state = torch.export.load(path).state_dict
    weights = sum(value.numel() for name, value in state.items() if name.endswith('weight') and value.dim() == 4)
    assert weights == 4 * 3 * 9 + 4 * 4 + 2 * 4
    assert ('segmentor.backbone.bn.weight' in state) == ('--no-fuse' in options)
    assert not [name for name in state if 'auxiliary' in name or 'preprocessor' in name]
    halves = {value.dtype for name, value in state.items() if name.endswith('weight')}
    assert halves == {torch.float16 if '--fp16' in options else torch.float32}


def test_a_file_says_what_it_is(exported):
    _, path, options, printed = exported
    extra = {'metadata.json': ''}
    torch.export.load(path, extra_files=extra)
    notes = json.loads(extra['metadata.json'])
    assert (notes['format'], notes['checkpoint']) == ('mmseg_aux_hrnet export 1', 'tiny.pth')
    assert notes['precision'] == ('float16' if '--fp16' in options else 'float32')
    assert notes['outputs']['probabilities']['shape'] == ['batch', 2, 'height', 'width']
    assert 'largest difference to PyTorch' in printed
    assert notes['map_colours'] == {'background': [0, 0, 0], 'green': [0, 158, 115]}
    assert 'do not apply them again' in notes['description']


def test_the_example_in_a_file_runs(exported, tmp_path, monkeypatch):
    _, path, _, _ = exported
    monkeypatch.chdir(tmp_path)
    shutil.copy(path, 'model.pt2')
    Image.fromarray(IMAGES[0].transpose(1, 2, 0)).save('image.png')
    extra = {'metadata.json': ''}
    program = torch.export.load('model.pt2', extra_files=extra).module()
    example = json.loads(extra['metadata.json'])['description'].partition('Pillow:\n\n')[2]
    assert len(example.splitlines()) == 5
    exec(example, {})
    classes = program(torch.from_numpy(IMAGES[:1]))[1]
    assert np.array_equal(np.asarray(Image.open('classes.png')), classes[0].numpy())


def test_nothing_of_this_machine_is_in_it(exported):
    _, path, _, _ = exported
    archive = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    content = b''.join(archive.read(name) for name in archive.namelist())
    assert b'site-packages' not in content
    assert str(path.parent).encode() not in content
