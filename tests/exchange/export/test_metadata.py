import pytest
from tiny_export import FREE
from tiny_export import trained as source

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.export.metadata import deepness_keys, metadata, with_tiling
from mmseg_aux_hrnet.exchange.figures import Figures

TILES = dict(tile=(512, 512), overlap=25, gsd=0.125)


def tiling(found):
    return found.tile, found.overlap, found.gsd


def test_what_is_not_given_comes_from_the_config():
    nothing = dict(size=None, overlap=None, gsd=None)
    assert tiling(with_tiling(source(), **nothing)) == ((512, 512), 25, 0.5)
    assert with_tiling(source(tile=(1024, 2048)), **nothing).tile == (1024, 1024)
    assert with_tiling(source(tile=(769, 769)), **nothing).tile == (800, 800)
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
    notes = metadata(
        source(decision=Threshold('background', 0.25, 0), **TILES), form=FREE, fused=True, figures=None, suffix='.onnx'
    )
    assert notes['input'] == {
        'name': 'image', 'type': 'uint8', 'range': [0, 255], 'shape': ['batch', 3, 'height', 'width'],
        'meaning': 'Red, green, blue, in this order, as the picture has them: 0 to 255. Do nothing else to it.',
    }  # fmt: skip
    assert notes['outputs']['classes'] == {
        'type': 'uint8', 'shape': ['batch', 'height', 'width'],
        'meaning': 'Class of each pixel (0 background, 1 green): background from a probability of 0.25, else the other '
        'one.',
    }  # fmt: skip
    assert (notes['mean'], notes['std']) == ([123.675, 116.28, 103.53], [58.395, 57.12, 57.0])
    assert notes['threshold'] == {'class': 'background', 'value': 0.25}
    assert (notes['metrics'], notes['gsd'], notes['batch_norm']) == (None, 0.125, 'folded')


def test_figures_and_fixed_sizes_are_noted():
    form = FREE._replace(unit_range=True, outputs=('probabilities',), foreground_only=True, fixed_size=(64, 64))
    notes = noted(form, figures=Figures('test.txt', {'OA': 95.5}))
    assert notes['metrics'] == {'measured_on': 'test.txt', 'values': {'OA': 95.5}}
    meaning = 'Probability 0 to 1 of each pixel, of green alone.'
    assert notes['outputs'] == {'probabilities': {'type': 'float32', 'shape': ['batch', 1, 64, 64], 'meaning': meaning}}
    assert (notes['input']['type'], notes['input']['range']) == ('float32', [0, 1])


def test_what_users_get_wrong_is_said_in_words():
    notes = noted(FREE)
    assert notes['normalisation'] == 'inside the file: mean and std are noted for information, do not apply them again'
    assert notes['sizes'].startswith('any height and width; inside, they are filled up to multiples of 32 on the right')
    assert 'by the mean colour' in notes['sizes']
    assert notes['black'] == 'it is a colour like others: the network decides'
    assert notes['nodata'].startswith('the file knows no nodata value: drop what comes out where the picture has none')
    for fact in ('normalisation', 'sizes', 'nodata'):
        assert notes[fact] in notes['description']
    assert noted(FREE._replace(fixed_size=(64, 64)))['sizes'] == '64 x 64 pixels'
    assert 'filled up to multiples of 32' in noted(FREE._replace(fixed_size=(70, 70)))['sizes']
    facts = source().model
    facts.size_divisor = 1
    assert noted(FREE, model=facts)['sizes'] == 'any height and width'
    assert noted(FREE._replace(black=0))['black'].startswith(
        'pixels whose red, green and blue are all exactly 0 are ba'
    )


def test_colours_of_labels_and_of_maps_are_noted():
    labels = Classes(('background', 'green'), ((0, 0, 0), (128, 0, 0)), 1)
    notes = noted(FREE, classes=labels)
    assert notes['palette'] == [[0, 0, 0], [128, 0, 0]]
    assert notes['map_colours'] == {'background': [0, 0, 0], 'green': [0, 158, 115]}
    assert noted(FREE, classes=Classes(('background', 'green')))['map_colours']['green'] == [0, 114, 178]


def noted(form, *, figures=None, **known):
    return metadata(source(**known), form=form, fused=True, figures=figures, suffix='.onnx')
