from types import SimpleNamespace

import pytest
import torch
from tiny_export import FREE

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.export.metadata import deepness_keys, metadata, with_tiling
from mmseg_aux_hrnet.exchange.figures import Figures
from mmseg_aux_hrnet.run.trained_model import TrainedModel

TILES = dict(tile=(512, 512), overlap=25, gsd=0.125)


def source(**known):
    preprocessor = SimpleNamespace(mean=torch.tensor([123.675, 116.28, 103.53]), std=torch.tensor([58.395, 57.12, 57]))
    facts = dict(
        model=SimpleNamespace(data_preprocessor=preprocessor, size_divisor=32),
        classes=Classes(('background', 'green'), ((0, 0, 0), (0, 128, 0)), 1),
        decision=None, gsd=0.5, tile=(256, 512), overlap=25,
        config_name='a.py', config_sha256='1', checkpoint_name='a.pth', checkpoint_sha256='2',
    )  # fmt: skip
    return TrainedModel(**{**facts, **known})


def tiling(found):
    return found.tile, found.overlap, found.gsd


def test_what_is_not_given_comes_from_the_config():
    nothing = dict(size=None, overlap=None, gsd=None)
    assert tiling(with_tiling(source(), **nothing)) == ((512, 512), 25, 0.5)
    assert with_tiling(source(tile=(1024, 2048)), **nothing).tile == (1024, 1024)
    assert tiling(with_tiling(source(), size=256, overlap=0, gsd=0.1)) == ((256, 256), 0, 0.1)


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ({'size': 31}, '--tile-size 31: give pixels from 32'),
        ({'size': 20000}, '--tile-size 20000'),
        ({'overlap': 91}, '--tile-overlap 91: give percent from 0 to 90'),
        ({'overlap': -1}, '--tile-overlap -1'),
        ({'gsd': 0}, '--gsd 0: give metres per pixel'),
        ({'gsd': float('nan')}, '--gsd nan'),
        ({'gsd': float('inf')}, '--gsd inf'),
    ],
)
def test_numbers_outside_their_range_are_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        with_tiling(source(), **{'size': None, 'overlap': None, 'gsd': None, **given})


def test_keys_of_deepness():
    assert deepness_keys(source(**TILES)) == {
        'model_type': 'Segmentor', 'class_names': {'0': 'background', '1': 'green'}, 'tile_size': 512,
        'tiles_size': 512, 'tiles_overlap': 25, 'seg_thresh': 0.5, 'seg_small_segment': 0, 'resolution': 12.5,
    }  # fmt: skip
    assert 'resolution' not in deepness_keys(source(gsd=None))


@pytest.mark.parametrize(
    ('known', 'value'),
    [
        ({'decision': Threshold('green', 0.3, 1)}, 0.3),
        ({'decision': Threshold('background', 0.25, 0)}, 0.75),
        ({'classes': Classes(('a', 'b', 'c'))}, 0.0),
    ],
)
def test_threshold_of_deepness_is_that_of_class_one(known, value):
    assert deepness_keys(source(**known))['seg_thresh'] == value


def test_a_file_says_what_goes_in_and_out():
    notes = metadata(source(decision=Threshold('background', 0.25, 0), **TILES), form=FREE, fused=True, figures=None)
    assert notes['input'] == {
        'name': 'image', 'type': 'uint8', 'range': [0, 255], 'shape': ['batch', 3, 'height', 'width'],
    }  # fmt: skip
    assert notes['outputs']['classes'] == {'type': 'uint8', 'shape': ['batch', 'height', 'width']}
    assert (notes['mean'], notes['std']) == ([123.675, 116.28, 103.53], [58.395, 57.12, 57.0])
    assert notes['threshold'] == {'class': 'background', 'value': 0.25}
    assert (notes['metrics'], notes['gsd'], notes['batch_norm']) == (None, 0.125, 'folded')


def test_figures_and_fixed_sizes_are_noted():
    form = FREE._replace(unit_range=True, outputs=('probabilities',), foreground_only=True, fixed_size=(64, 64))
    notes = metadata(source(), form=form, fused=False, figures=Figures('test.txt', {'OA': 95.5}))
    assert notes['metrics'] == {'measured_on': 'test.txt', 'values': {'OA': 95.5}}
    assert notes['outputs'] == {'probabilities': {'type': 'float32', 'shape': ['batch', 1, 64, 64]}}
    assert (notes['input']['type'], notes['input']['range']) == ('float32', [0, 1])
