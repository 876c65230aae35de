"""Adds up the tiles of a split: shares of classes, colours, and the settings of a config that follow."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.bands import RGB, Bands
from mmseg_aux_hrnet.doctor.examine import ExaminedTile

Colours = tuple[tuple[float, ...], tuple[float, ...]]


class Summary(NamedTuple):
    """Totals of one split.

    Attributes:
        split: its name.
        images: number of images.
        labels: number of labels that can be read.
        lacking: number of images whose label is missing or cannot be read.
        sizes: number of images of each (height, width), the most frequent first.
        forms: number of label files of each kind, such as ``palette``.
        values: number of label files that hold each value or colour.
        pixels: labelled pixels of each class.
        ignored: pixels that are ignored.
        images_of: number of labels in which each class occurs.
        pixels_of: labelled pixels of the labels in which each class occurs.
        nodata: share of pixels without data, 0..1.
        colours: mean and standard deviation of each band over the pixels with data, 0..255; None without a readable
            image.
        histogram: pixels with data at each level of each band, int64 (bands, 256).
        without_foreground: names of the images whose label holds no class above 0.
        bands: names of the bands, in the order in which a network sees them.
    """

    split: str
    images: int
    labels: int
    lacking: int
    sizes: dict[tuple[int, int], int]
    forms: dict[str, int]
    values: dict[str, int]
    pixels: tuple[int, ...]
    ignored: int
    images_of: tuple[int, ...]
    pixels_of: tuple[int, ...]
    nodata: float
    colours: Colours | None
    histogram: NDArray[np.int64]
    without_foreground: tuple[str, ...]
    bands: tuple[str, ...] = RGB

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of each class among the labelled pixels, 0..1; nan where there are none."""
        total = sum(self.pixels)
        return tuple(count / total if total else float('nan') for count in self.pixels)


def summarise(split: str, tiles: Sequence[ExaminedTile], *, num_classes: int) -> Summary:
    """Add up the tiles of a split."""
    images = [tile.image for tile in tiles if tile.image is not None]
    labels = [(tile, tile.label) for tile in tiles if tile.label is not None]
    counts = np.array([label.counts for _, label in labels], np.int64).reshape(-1, 256)
    classes = counts[:, :num_classes]
    bands = getattr(tiles[0].pair.source.dataset, 'bands', Bands()).names if tiles else RGB
    histogram = np.array([image.histogram for image in images], np.int64).reshape(-1, len(bands), 256).sum(axis=0)
    area = sum(image.size[0] * image.size[1] for image in images)
    return Summary(
        split=split,
        images=len(tiles),
        labels=len(labels),
        lacking=sum(tile.pair.labelled and tile.label is None for tile in tiles),
        sizes=dict(Counter(image.size for image in images).most_common()),
        forms=dict(Counter(tile.label_kind for tile in tiles if tile.label_kind).most_common()),
        values=dict(sorted(Counter(value for tile in tiles for value in tile.label_values).items())),
        pixels=tuple(classes.sum(axis=0).tolist()),
        ignored=int(counts[:, num_classes:].sum()),
        images_of=tuple((classes > 0).sum(axis=0).tolist()),
        pixels_of=tuple((classes.sum(axis=1, keepdims=True) * (classes > 0)).sum(axis=0).tolist()),
        nodata=sum(image.nodata for image in images) / area if area else 0.0,
        colours=colours_of(histogram),
        histogram=histogram,
        without_foreground=tuple(tile.pair.name for tile, label in labels if not label.counts[1:num_classes].any()),
        bands=bands,
    )


def colours_of(histogram: NDArray[np.int64]) -> Colours | None:
    """Return mean and standard deviation (of the population) of each channel from its histogram, int64 (3, 256).

    The sums are integers, so no pixel is lost to rounding.
    """
    means, deviations = [], []
    for counts in histogram.tolist():
        total = sum(counts)
        if not total:
            return None
        first = sum(level * count for level, count in enumerate(counts))
        second = sum(level * level * count for level, count in enumerate(counts))
        means.append(first / total)
        deviations.append(((total * second - first * first) / total**2) ** 0.5)
    return tuple(means), tuple(deviations)


def class_weights(summary: Summary) -> dict[str, tuple[float, ...] | None]:
    """Return weights of the classes by two rules; None where a class is absent.

    ``median_frequency``: the frequency of a class is its pixels over all pixels of the images in which it occurs; its
    weight is the median of the frequencies over its own (D. Eigen and R. Fergus, arXiv 1411.4734, section 6.3.1).
    ``inverse_frequency``: all pixels / (number of classes x pixels of the class).
    """
    if not all(summary.pixels):
        return {'median_frequency': None, 'inverse_frequency': None}
    frequencies = [own / of for own, of in zip(summary.pixels, summary.pixels_of, strict=True)]
    return {
        'median_frequency': tuple(float(np.median(frequencies)) / frequency for frequency in frequencies),
        'inverse_frequency': tuple(sum(summary.pixels) / (len(summary.pixels) * count) for count in summary.pixels),
    }


def config_snippets(train: Summary) -> list[str]:
    """Return the lines for a config that follow from the training images: normalisation and class weights."""
    lines = []
    if train.colours is not None:
        mean, std = (', '.join(f'{value:.4f}' for value in values) for values in train.colours)
        lines.append(f'data_preprocessor = dict(mean=[{mean}], std=[{std}])  # {", ".join(train.bands)}')
    for rule, weights in class_weights(train).items():
        if weights is not None:
            listed = ', '.join(f'{weight:.4f}' for weight in weights)
            lines.append(f'class_weight = [{listed}]  # {rule.replace("_", " ")}')
    return lines
