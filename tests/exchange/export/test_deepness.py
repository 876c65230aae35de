"""What the Deepness plugin of QGIS does with a file, written after its documentation, gives the maps of PyTorch.

Documentation: qgis-plugin-deepness.readthedocs.io, 'Model classes and requirements' and 'Adding metadata'.
"""

import json

import numpy as np
import pytest
from mmengine.config import Config
from tiny_export import run_tool, written
from tiny_export import trained as source

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.decision import Threshold, head_decision
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.export.deepness import check_deepness, two_decimals, what_to_type
from mmseg_aux_hrnet.exchange.export.metadata import with_tiling
from mmseg_aux_hrnet.exchange.export.verify import comparison_images, reference
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.run.trained_model import load_trained_model
from mmseg_aux_hrnet.weights import Checkpoint

ort = pytest.importorskip('onnxruntime', reason='needs the extra export')
SIZE = 64
TILES = comparison_images((3, SIZE, SIZE), seed=7)


class Plugin:
    """Loads a file, takes its parameters and predicts tiles."""

    def __init__(self, path):
        self.session = ort.InferenceSession(str(path), providers=['CPUExecutionProvider'])
        (self.input,) = self.session.get_inputs()  # one input, one output, or the plugin takes it for several heads
        (self.output,) = self.session.get_outputs()
        notes = self.session.get_modelmeta().custom_metadata_map
        self.notes = {key: json.loads(value) for key, value in notes.items()}

    def classes(self, tiles, *, threshold):
        """Return class maps (N, H, W) of tiles, uint8 (N, H, W, 3)."""
        unit = np.float32(tiles * (1 / 255))
        scores = self.session.run(None, {self.input.name: unit.transpose(0, 3, 1, 2)})[0].copy()
        scores[scores < threshold] = 0
        return (scores[:, 0] != 0).astype(int) if scores.shape[1] == 1 else scores.argmax(axis=1)


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """Export a model and return the plugin with it, and mmseg's own probabilities and class maps of the tiles."""

    def export(*options, **settings):
        folder = tmp_path_factory.mktemp('deepness')
        config, checkpoint = written(folder, **settings)
        size = ('--tile-size', SIZE, '--gsd', 0.25)
        code, printed, complaint = run_tool(config, checkpoint, folder / 'a.onnx', '--for', 'deepness', *size, *options)
        assert code == 0, complaint
        source = load_trained_model(Config.fromfile(config), Checkpoint(checkpoint, hashed=True), threshold=None)
        plugin, (probabilities, classes) = Plugin(folder / 'a.onnx'), reference(source.model, TILES)
        plugin.printed = printed
        black = (TILES == 0).all(axis=1)  # what the network makes of it does not count
        sure = np.eye(probabilities.shape[1], dtype=np.float32)[0][None, :, None, None]
        return plugin, np.where(black[:, None], sure, probabilities), np.where(black, 0, classes)

    return export


def agreeing(plugin, wanted, undecided, *, threshold):
    got = plugin.classes(TILES.transpose(0, 2, 3, 1), threshold=threshold)
    assert len(np.unique(got)) > 1
    return not ((got != wanted) & ~undecided).any()


@pytest.fixture(scope='module')
def two_classes(exported):
    return exported()


def test_two_classes(two_classes):
    plugin, probabilities, classes = two_classes
    undecided = np.abs(probabilities[:, 1] - 0.5) < 1e-4
    assert plugin.notes['seg_thresh'] == 0.5
    assert agreeing(plugin, classes, undecided, threshold=0.5)


def test_two_classes_with_a_threshold(exported):
    value = 0.2
    plugin, probabilities, classes = exported('--threshold', value)
    wanted = probabilities[:, 1] >= value
    assert (wanted != classes).any()
    assert plugin.notes['seg_thresh'] == value
    assert agreeing(plugin, wanted, np.abs(probabilities[:, 1] - value) < 1e-4, threshold=value)


def test_more_classes_are_told_apart_without_a_threshold(exported):
    plugin, probabilities, classes = exported(classes=3)
    ordered = np.sort(probabilities, axis=1)
    undecided = ordered[:, -1] - ordered[:, -2] < 1e-4
    assert plugin.notes['seg_thresh'] == 0
    assert agreeing(plugin, classes, undecided, threshold=0)
    assert not agreeing(plugin, classes, undecided, threshold=0.5)  # why it is off: uncertain pixels become class 0


def test_the_plugin_finds_what_it_reads(two_classes):
    plugin, _, _ = two_classes
    assert (plugin.input.shape, plugin.output.shape) == (['batch', 3, SIZE, SIZE], ['batch', 1, SIZE, SIZE])
    names = sorted(plugin.notes['class_names'].items(), key=lambda item: int(item[0]))
    assert names == [('0', 'background'), ('1', 'green')]
    assert plugin.notes['model_type'].capitalize() == 'Segmentor'
    assert (plugin.notes['resolution'], plugin.notes['tile_size'], plugin.notes['tiles_size']) == (25, SIZE, SIZE)
    assert (plugin.notes['tiles_overlap'], plugin.notes['seg_small_segment']) == (33, 0)
    assert not {'standardization_mean', 'standardization_std'} & set(plugin.notes)  # it would normalise once more


def test_black_is_background_and_nothing_near_it(two_classes):
    plugin, _, _ = two_classes
    image = np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3), dtype=np.uint8)
    image[:, 8:40, 8:40] = 0
    darkest = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    image[:, 50, :3] = darkest
    unit = np.float32(image * (1 / 255)).transpose(0, 3, 1, 2)
    (green,) = plugin.session.run(None, {'image': unit})
    assert (green[0, 0, 8:40, 8:40] == 0).all()
    assert (green[0, 0, 50, :3] > 0).all()
    assert plugin.notes['black'] == (
        'pixels whose red, green and blue are all exactly 0 are background: probability 1 of it, 0 of the others'
    )
    assert (
        'pixels of exactly 0, 0, 0 are background; --no-black-background leaves them to the network' in plugin.printed
    )


@pytest.mark.slow  # one more export to ONNX
def test_black_is_predicted_where_that_is_asked_for(exported):
    plugin, _, _ = exported('--no-black-background')
    (green,) = plugin.session.run(None, {'image': np.zeros((1, 3, SIZE, SIZE), np.float32)})
    assert green.max() > 0.01
    assert plugin.notes['black'] == 'it is a colour like others: the network decides'


def test_the_closing_lines_say_what_to_type(two_classes):
    plugin, _, _ = two_classes
    said = [line for line in plugin.printed.splitlines() if line.startswith('in Deepness: ')]
    assert 'Resolution [cm/px] 25.00, Tile size [px] 64, Tiles overlap [%] 33, Apply class probability thr' in said[0]
    assert 'Model input 0 is red, 1 green, 2 blue' in said[1]
    assert len(said) == 2
    assert 'two decimals' not in plugin.printed


def test_what_two_decimals_change_is_told():
    found = source(gsd=0.123456, decision=Threshold('green', 0.4251, 1))
    check_deepness(found)
    lines = what_to_type(found)
    assert 'Resolution [cm/px] 12.35, ' in lines[0]
    assert 'probability threshold 0.43, ' in lines[0]
    assert lines[2:] == [
        'Deepness has two decimals: it takes the threshold 0.43',
        'Deepness has two decimals: it takes 12.35 cm for 12.3456 cm',
    ]
    # As a field of Qt rounds: halves up, of the number that a float is. One of 0.015 is a little less than a half.
    assert [two_decimals(value) for value in (0.125, 0.015, 0.005, 0.4251)] == [0.13, 0.01, 0.01, 0.43]
    # A head with one channel wants its threshold exceeded, which is no rounding to speak of.
    assert len(what_to_type(source(decision=head_decision(0.5, 'green')))) == 2
    assert ', no threshold, ' in what_to_type(source(classes=Classes(('a', 'b', 'c'))))[0]


@pytest.mark.parametrize(
    ('known', 'message'),
    [
        ({'gsd': None}, '--for deepness needs --gsd METRES, .* without it the plugin takes 3 cm'),
        ({'gsd': 4e-5}, '--gsd 4e-05: Deepness rounds it to 0.00 cm'),
        ({'decision': Threshold('green', 0.004, 1)}, 'threshold green from 0.004: .* 0.00, every pixel of green; give'),
        ({'decision': Threshold('green', 0.996, 1)}, 'threshold green from 0.996: .* 1.00, no pixel of green; give'),
        ({'decision': Threshold('background', 0.004, 0)}, 'would take 1.00, no pixel of green'),
        ({'tile': (250, 250)}, '--tile-size 250: give a multiple of 32, such as 224 or 256; others are filled up'),
        ({'tile': (31, 31)}, 'give a multiple of 32, such as 32; others'),
    ],
)
def test_what_the_plugin_could_not_be_told_is_refused(known, message):
    with pytest.raises(ConfigError, match=message):
        check_deepness(source(**known))


def test_a_file_without_gsd_is_refused_before_the_network_is_traced(tmp_path):
    files = written(tmp_path)
    code, _, complaint = run_tool(*files, tmp_path / 'a.onnx', '--for', 'deepness')
    assert (code, complaint.count('error: --for deepness needs --gsd METRES')) == (2, 1)
    config = Config.fromfile(files[0])
    config.gsd = 0.6
    found = load_trained_model(config, Checkpoint(files[1], hashed=True), threshold=None)
    check_deepness(with_tiling(found, size=None, overlap=None, gsd=None))


def test_tiles_are_the_windows_of_maps(tmp_path):
    files = written(tmp_path)
    nothing = dict(size=None, overlap=None, gsd=None)
    found = load_trained_model(Config.fromfile(files[0]), Checkpoint(files[1], hashed=True), threshold=None)
    tiled = with_tiling(found, **nothing)
    assert tiled.tile == Predictor.from_files(*files, device='cpu').facts.window == (512, 512)
    assert tiled.overlap == round(100 * MapSettings().overlap)
