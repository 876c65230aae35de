"""What the Deepness plugin of QGIS does with a file, written after its documentation, gives the maps of PyTorch.

Documentation: qgis-plugin-deepness.readthedocs.io, 'Model classes and requirements' and 'Adding metadata'.
"""

import json

import numpy as np
import pytest
from mmengine.config import Config
from tiny_export import run_tool, written

from mmseg_aux_hrnet.exchange.export.verify import comparison_images, reference
from mmseg_aux_hrnet.run.trained_model import load_source
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
        code, _, complaint = run_tool(config, checkpoint, folder / 'a.onnx', '--for', 'deepness', *size, *options)
        assert code == 0, complaint
        source = load_source(Config.fromfile(config), Checkpoint(checkpoint, hashed=True), threshold=None)
        return Plugin(folder / 'a.onnx'), *reference(source.model, TILES)

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
    assert (plugin.notes['tiles_overlap'], plugin.notes['seg_small_segment']) == (25, 0)
    assert not {'standardization_mean', 'standardization_std'} & set(plugin.notes)  # it would normalise once more
