"""The zoo: networks that come with the package are checked, predict, and start trainings."""

import hashlib

import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from raster_support import noise, write_raster
from tests_support import write_green_root
from tool_support import CONFIG as AUX
from tool_support import SMALL, heard

import mmseg_aux_hrnet
from mmseg_aux_hrnet.datasets import SingleGreenDataset
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.maps import MapSettings, Predictor
from mmseg_aux_hrnet.maps.predict.planning import plan_map
from mmseg_aux_hrnet.weights import read_checkpoint, zoo
from mmseg_aux_hrnet.weights.writing import checkpoint_bytes

CONFIG = 'hrnet/fcn_hr18s-v1_256x256_1500it_singlegreen-adamw.py'
METRES = rasterio.Affine(0.6, 0, 400000, 0, -0.6, 3800000)


def built():
    config = Config.fromfile(mmseg_aux_hrnet.config(CONFIG))
    config.model.backbone.init_cfg = None
    return MODELS.build(config.model)


@pytest.fixture
def grass(tmp_path, monkeypatch):
    """A zoo of one network of random weights; its file."""
    torch.manual_seed(0)
    meta = {'dataset_meta': {**SingleGreenDataset.METAINFO, 'gsd': 0.3}}
    weights = {key: value.half() if value.is_floating_point() else value for key, value in built().state_dict().items()}
    path = tmp_path / 'zoo/grass.safetensors'
    path.parent.mkdir()
    path.write_bytes(checkpoint_bytes({'meta': meta, 'state_dict': weights}, suffix='.safetensors'))
    path.with_suffix('.md').write_text('# grass\n\nWhat it is for.\n', encoding='utf-8')
    entry = zoo.ZooModel(CONFIG, hashlib.sha256(path.read_bytes()).hexdigest(), 'grass in colour, 0.3 m')
    monkeypatch.setattr(zoo, 'FOLDER', path.parent)
    monkeypatch.setitem(zoo.ZOO, 'grass', entry)
    return path


@pytest.fixture
def raster(tmp_path):
    return write_raster(tmp_path / 'ortho.tif', noise(3, (40, 60)), transform=METRES, crs='EPSG:26911')


def test_what_ships_is_what_was_published():
    for name, entry in zoo.ZOO.items():
        _, path = zoo.zoo_model(name)
        assert path.stat().st_size < 8e6
        assert entry.sha256 in zoo.card(name)


def test_the_list_and_a_card(grass):
    listed = heard('zoo')
    assert listed.returncode == 0
    assert any(
        line.startswith('grass ') and line.endswith('grass in colour, 0.3 m') for line in listed.stdout.splitlines()
    )
    assert heard('zoo', 'grass').stdout.startswith('# grass\n')
    unknown = heard('zoo', 'trees')
    assert (unknown.returncode, unknown.stdout) == (2, '')
    assert unknown.stderr.startswith("error: 'trees' is not in the zoo: it has ")
    assert 'grass' in unknown.stderr


def test_another_file_in_its_place_is_found_out(grass):
    content = bytearray(grass.read_bytes())
    content[-1] ^= 1
    grass.write_bytes(content)
    with pytest.raises(CheckpointError, match=r'grass.safetensors is damaged or another file: .* install the package'):
        Predictor.from_zoo('grass')
    grass.unlink()
    with pytest.raises(CheckpointError, match=r'grass.safetensors cannot be read .* install the package again'):
        zoo.zoo_model('grass')
    with pytest.raises(ConfigError, match='is not in the zoo'):
        Predictor.from_zoo('zoo://trees')


def test_it_predicts_as_its_files_do_at_its_own_sampling(grass, raster):
    predictor = Predictor.from_zoo('grass', device='cpu')
    files = Predictor.from_files(mmseg_aux_hrnet.config(CONFIG), grass, device='cpu')
    image = np.moveaxis(noise(3, (40, 60)), 0, -1).copy()
    np.testing.assert_array_equal(predictor(image), files(image))
    plan = plan_map(predictor, raster, MapSettings())
    assert plan.conditions['gsd'] == 0.3
    assert plan.model.factors == pytest.approx((2, 2), rel=0.01)
    assert [note.split(': ', 1)[1][:30] for note in plan.notes if 'resampled' in note] == [
        'its pixels are 0.6 m, but the '
    ]
    assert plan_map(predictor, raster, MapSettings(gsd=0.6)).conditions['gsd'] == 0.6
    assert plan_map(files, raster, MapSettings()).conditions['gsd'] is None


def test_a_raster_that_does_not_say_its_sampling_is_taken_as_it_is(grass, tmp_path):
    bare = write_raster(tmp_path / 'bare.tif', noise(3, (40, 60)), crs=None)
    plan = plan_map(Predictor.from_zoo('grass', device='cpu'), bare, MapSettings())
    assert plan.conditions['gsd'] is None
    assert any('the size of its pixels is unknown' in note for note in plan.notes)


def test_the_command_takes_its_name(grass, raster, tmp_path):
    result = heard('predict_raster', 'grass', raster, '--out', tmp_path / 'maps', '--device', 'cpu')
    assert result.returncode == 0, result.stderr
    with rasterio.open(tmp_path / 'maps/ortho_classes.tif') as made:
        assert made.tags()['GSD'] == '0.3'
        assert made.tags()['MODEL'] == 'grass.safetensors'
    short = heard('predict_raster', 'grass', '--out', tmp_path / 'none')
    assert short.returncode == 2
    assert 'give CONFIG CHECKPOINT IN..., or NAME IN... with a network of the zoo' in short.stderr


def test_a_training_starts_from_it(grass):
    model = built()
    same = zoo.starting_weights('zoo://grass', model, classes=('background', 'green'))
    assert all(value.dtype == torch.float32 for key, value in same.items() if not key.endswith('tracked'))
    assert same.keys() == model.state_dict().keys()
    other = zoo.starting_weights('grass', model, classes=('background', 'building'))
    assert same.keys() - other.keys() == {'decode_head.conv_seg.weight', 'decode_head.conv_seg.bias'}
    with pytest.raises(CheckpointError, match='grass is another network than that of this config'):
        zoo.starting_weights('grass', torch.nn.Linear(2, 2), classes=('background', 'green'))


@pytest.mark.slow  # trains
def test_the_training_tool_starts_from_it_and_says_so(grass, tmp_path):
    write_green_root(tmp_path / 'root')
    options = [*SMALL, 'train_cfg.max_iters=1', 'load_from=zoo://grass', 'optim_wrapper.optimizer.lr=0.0']
    work = tmp_path / 'work'
    result = heard('train', AUX, '--data-root', tmp_path / 'root', '--work-dir', work, '--cfg-options', *options)
    assert result.returncode == 0, result.stderr
    assert 'starts from zoo://grass' in ''.join(path.read_text() for path in work.glob('*/*.log'))
    start, end = (read_checkpoint(path)['state_dict'] for path in (grass, work / 'iter_1.pth'))
    for key in start:
        if 'running' not in key and not key.endswith('tracked'):
            assert torch.equal(start[key].float(), end[key]), key
