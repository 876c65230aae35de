"""Models that cost nothing, for tests of what is around models, and what is heard and seen of their maps."""

import json

import numpy as np

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.maps.predict.model import ModelFacts

GREEN = Classes(('ground', 'green'), ((0, 0, 0), (0, 128, 0)), 1)
THREE = Classes(('ground', 'green', 'water'), ((0, 0, 0), (0, 128, 0), (0, 0, 255)))
FILL = (9, 8, 7)


class StubModel:
    """Predicts the second class by the red value alone, and counts what it is asked for.

    Args:
        shifted: add to the probability what depends on the place in the window, so that blending shows.
        legend: its classes; the third gets nothing.
        decision: how the class follows.
        window: (height, width) that it asks for.
        gsd: that it was trained at.
    """

    def __init__(self, *, shifted=False, legend=GREEN, decision=None, window=(16, 16), gsd=None):
        self.facts = ModelFacts(legend, decision, window=window, fill=FILL, gsd=gsd, record={'MODEL': 'stub.pth'})
        self.shifted = shifted
        self.windows = []  # the images of each call

    def predict(self, images):
        """Return float32 (N, classes, H, W)."""
        self.windows.append(images)
        second = images[..., 0].astype(np.float32) / 256
        if self.shifted:
            height, width = second.shape[1:]
            second = second / 2 + place(height, width) / 2
        rest = [np.zeros_like(second)] * (len(self.facts.legend.names) - 2)
        return np.stack([1 - second, second, *rest], axis=1)

    @property
    def count(self):
        """Return how many windows it has predicted."""
        return sum(len(images) for images in self.windows)


class Rounding(StubModel):
    """Answers otherwise in each batch, as networks may in the last bit: by how many windows it has, and their order."""

    def predict(self, images):
        """Return float32 (N, classes, H, W)."""
        own = super().predict(images)
        return own + np.float32(images[..., 0].mean()) * 1e-3 + np.arange(len(own))[:, None, None, None] * 1e-3


def place(height, width):
    """Return what ``shifted`` stubs add at each place of a window, float32 (height, width), 0 to below 1."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return (rows * 7 % height / height + columns * 5 % width / width).astype(np.float32) / 2


class Heard(list):
    """A listener, and what it was told."""

    def begins(self, count):
        self.append(('begins', count))

    def on_block(self, path):
        self.append(('block', path.name))

    def note(self, text):
        self.append(('note', text))

    def notes(self):
        return [what for kind, what in self if kind == 'note']


def write_area(path, box, crs='urn:ogc:def:crs:EPSG::32633'):
    """Write a GeoJSON file of one box, (left, bottom, right, top), and return its path."""
    left, bottom, right, top = box
    ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    shape = {'type': 'Feature', 'properties': {}, 'geometry': {'type': 'Polygon', 'coordinates': [ring]}}
    named = {'type': 'name', 'properties': {'name': crs}}
    path.write_text(json.dumps({'type': 'FeatureCollection', 'crs': named, 'features': [shape]}), encoding='utf-8')
    return path


def names(folder):
    """Return what lies in a folder, without what goes with each map."""
    return sorted(path.name for path in folder.iterdir() if path.suffix not in ('.qml', '.xml', '.json'))


THRESHOLD = Threshold('green', 0.25, 1)
